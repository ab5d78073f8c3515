"""Templates keep to the strict content security policy, and name only icons, pages and files that exist."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import get_template
from django.urls import get_resolver

ROOT = Path(settings.BASE_DIR) / "templates"
TEMPLATES = sorted(path for path in ROOT.rglob("*.html") if "email" not in path.parts)

INLINE = {
    "a style attribute": re.compile(r"<[a-z][^>]*\sstyle="),
    "an inline event handler": re.compile(r"<[a-z][^>]*\son[a-z]+="),
    "an inline script": re.compile(r"<script(?![^>]*\ssrc=)"),
    "an inline style sheet": re.compile(r"<style"),
    "script that htmx would evaluate": re.compile(r"hx-on|hx-vals=.js:|hx-trigger=\"[^\"]*\["),
    "an attribute of htmx without data-, which HTML does not know": re.compile(r"\shx-[a-z-]+="),
    "something from another host": re.compile(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=.(?:https?:)?//"),
}


def offences(text: str) -> list[str]:
    return [name for name, pattern in INLINE.items() if pattern.search(text)]


def names(pattern: str, text: str) -> list[str]:
    return re.findall(pattern, text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_template_compiles_and_keeps_the_policy(path: Path) -> None:
    get_template(str(path.relative_to(ROOT)))
    assert offences(path.read_text()) == []


# What people call things may be written from the right, or not: in a sentence it must not turn the rest around.
NAMED = re.compile(r"\w+=[\w.]*\b(?:name|display_name|email|website|started_by)(?=[\s%|])(?!\|isolated\b)[^\s%]*")


def turning_names(text: str) -> list[str]:
    tags = re.findall(r"\{% blocktranslate[^%]*%\}", text)
    return [found for tag in tags for found in NAMED.findall(tag)]


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.*")), ids=lambda path: str(path.relative_to(ROOT)))
def test_names_in_sentences_keep_their_direction_to_themselves(path: Path) -> None:
    assert turning_names(path.read_text()) == []


def test_a_name_that_turns_its_sentence_is_found() -> None:
    planted = "{% blocktranslate with a=org.name b=x.name|isolated c=user.email|upper %}"
    assert turning_names(planted) == ["a=org.name", "c=user.email|upper"]


def test_every_icon_is_vendored() -> None:
    used = {name for path in TEMPLATES for name in names(r"{% icon \"([^\"]+)\"|image=\"([^\"]+)\"", path.read_text())}
    wanted = {first or second for first, second in used}
    vendored = {path.stem for path in (Path(settings.BASE_DIR) / "static/vendor/lucide").glob("*.svg")}
    assert wanted
    assert wanted - vendored == set()


def test_every_linked_page_exists() -> None:
    known = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    _prefix, admin = get_resolver().namespace_dict["admin"]
    known |= {f"admin:{name}" for name in admin.reverse_dict if isinstance(name, str)}
    used = {name for path in TEMPLATES for name in names(r"{% url ['\"]([^'\"]+)['\"]", path.read_text())}
    assert used
    assert used - known == set()


def test_every_static_file_exists() -> None:
    used = {name for path in TEMPLATES for name in names(r"{% static ['\"]([^'\"]+)['\"]", path.read_text())}
    assert used
    assert [name for name in used if finders.find(name) is None] == []


@pytest.mark.parametrize(
    "planted",
    [
        '<p style="color: red">',
        '<button type="button" onclick="go()">',
        "<script>go()</script>",
        "<style>p {}</style>",
        '<a hx-on:click="go()">',
        '<p hx-trigger="click[ctrlKey]">',
        '<script src="https://cdn.example/x.js"></script>',
    ],
)
def test_guard_finds_what_the_policy_forbids(planted: str) -> None:
    assert offences(planted)
