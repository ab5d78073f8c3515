"""Texts made to keep a pattern busy: one answer of a hostile page must not hold up everybody else's."""

from contextlib import suppress

import pytest

from prompts.brand_names import BrandError, clean_domains
from prompts.llm.types import Citation
from prompts.prompt_text import PromptTextError, clean_language, clean_text
from scans.citations import clean_citations
from scans.folding import fold
from scans.hosts import host_of, looks_like_host
from scans.mentions import BrandSpec, MentionExtractor
from scans.rendering import Mark, render_answer

LENGTH = 64_000
HOSTILE = {
    "markers that never close": ("Acme ](x) ", "([a."),
    "markers with dots": ("Acme ](x) ", "([a.b.c"),
    "markers without targets": ("Acme ](x) ", "([a.b]("),
    "one long marker": ("Acme ](x) ([a.", "b."),
    "a chain of links": ("Acme ](x) ([a.b](x)", ", [a.b](x)"),
    "a chain of open links": ("Acme ([a.b](x)", "([a.b](x), [a.b]("),
    "nested targets": ("Acme ", "](a("),
    "balanced targets": ("Acme ](", "(a)"),
    "targets in targets": ("Acme ](", "x](y)"),
    "blanks in a target": ("Acme ](", " "),
    "blanks behind a target": ("Acme ](a", " "),
    "titles that never close": ("Acme ", '](a "b '),
    "titles of both kinds": ("Acme ", "](a 'b](a \"c"),
    "definitions": ("Acme ](x)\n", "[a]: \n"),
    "one long definition": ("Acme ](x)\n[", "a"),
    "blank definition": ("Acme ](x)\n[a]:", "\n"),
    "schemes": ("Acme ](x) ", "http://"),
    "open brackets": ("Acme ](x) ", "["),
    "pointed brackets": ("Acme ](x) ", "<a:"),
    "underscores": ("Acme ](x) ", "_"),
    "dots": ("Acme.", "a."),
    "hyphens": ("Acme-", "a-"),
    "slashes": ("Acme ", "acme/"),
    "many names": ("", "Acme, Inc. "),
    "accents": ("Acme", "\u0301"),
    "ampersands": ("Acme", " &"),
    "line ends": ("Acme", " \n"),
    "at signs": ("Acme", "@a.b"),
    "hosts in hosts": ("Acme", ".a.b"),
}
EACH = pytest.mark.parametrize(("start", "again"), HOSTILE.values(), ids=HOSTILE)
pytestmark = pytest.mark.timeout(20)


def long(start: str, again: str, *, length: int = LENGTH) -> str:
    return start + again * (length // len(again))


@EACH
def test_extraction_ends(start: str, again: str) -> None:
    brand = BrandSpec(id=1, name="Acme", aliases=("Inc", "X"), domains=("acme.example", "a.b"))
    text = long(start, again)
    assert all(text[span.start : span.end] == span.surface_text for span in MentionExtractor([brand]).extract(text))


@EACH
def test_citations_end(start: str, again: str) -> None:
    text = long(start.replace("Acme ", "acme.example/"), again)
    [one] = clean_citations([Citation(url=text, title=text)], ())
    assert len(one.url) <= 4_000


@EACH
def test_rendering_ends(start: str, again: str) -> None:
    html = render_answer(long(start, again, length=8_000), [Mark(start=0, end=4, brand_id=1, name="Acme")])
    assert "cme" in html


@EACH
def test_hosts_and_prompts_end(start: str, again: str) -> None:
    text = long(start, again)
    assert isinstance(host_of(text), str)
    assert isinstance(looks_like_host(text), bool)
    assert fold(text).text
    for clean in (clean_text, clean_language, clean_domains):
        with suppress(PromptTextError, BrandError):  # most are refused, by whichever rule comes first
            assert clean(text) is not None


@pytest.mark.parametrize(
    "marker",
    [
        "([acme.example](https://acme.example/))",
        "([acme.example](https://acme.example/wiki/Acme_(board)))",
        "([acme.example](https://acme.example/a), [b.example](https://b.example/acme.example))",
        "([b.example](https://b.example)[acme.example](https://acme.example))",
    ],
)
def test_source_markers_are_still_no_mention(marker: str) -> None:
    brand = BrandSpec(id=1, name="Acme", domains=("acme.example",))
    assert MentionExtractor([brand]).extract(f"Boards help teams {marker}.") == []
