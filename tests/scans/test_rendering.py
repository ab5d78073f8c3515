"""Markdown answers as safe HTML, with mentions marked where they stand."""

import html
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scans.rendering import Mark, render_answer


def marks_of(text: str, *names: str) -> list[Mark]:
    return [
        Mark(start=found.start(), end=found.end(), brand_id=number, name=name, own=number == 1)
        for number, name in enumerate(names, 1)
        for found in re.finditer(re.escape(name), text)
    ]


def without_marks(rendered: str) -> str:
    return re.sub(r"</?mark[^>]*>", "", rendered)


def shown(rendered: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", rendered))


def test_a_mention_is_marked_in_place() -> None:
    rendered = render_answer("Try **Acme** first.", marks_of("Try **Acme** first.", "Acme"))
    assert rendered == (
        '<p>Try <strong><mark data-brand="1" title="Acme" data-own="">Acme</mark></strong> first.</p>\n'
    )


def test_a_competitor_is_marked_without_being_own() -> None:
    assert '<mark data-brand="2" title="Taskwell">Taskwell</mark>' in render_answer(
        "Acme, Taskwell", marks_of("Acme, Taskwell", "Acme", "Taskwell")
    )


@pytest.mark.parametrize(
    "text",
    [
        "| Tool | Price |\n|:-----|------:|\n| Acme | 5 |\n| **Acme** Pro | `Acme` |\n",
        "1. Acme\n2. *Acme* and ***Acme***\n   - nested Acme\n",
        "[Acme](https://acme.example/Acme?x=Acme) beside Acme",
        "# Acme\n\n> Acme says\n> Acme\n",
        "```\nAcme code\n```\n\n    Acme indented\n",
        "Acme\n====\n\n~~Acme~~ \\*Acme\\* &amp; Acme",
        "Acme's *Acme*-board, \u201cAcme\u201d (Acme) Acme.",
    ],
)
def test_every_visible_mention_is_marked_and_nothing_else_changes(text: str) -> None:
    bare, marked = render_answer(text), render_answer(text, marks_of(text, "Acme"))
    assert without_marks(marked) == bare
    assert marked.count("<mark") == shown(bare).count("Acme")


@pytest.mark.parametrize(
    "text",
    [
        "[our site](https://Acme.example/)",
        "see <https://Acme.example/>",
        "[x]\n\n[x]: https://Acme.example/ 'Acme'",
        "[site](https://a.example 'Acme')",
        "see [Acme]\n\n[Acme]: https://a.example",
    ],
)
def test_a_mention_in_an_address_is_left_alone(text: str) -> None:
    assert render_answer(text, marks_of(text, "Acme")) == render_answer(text)


def test_a_name_that_is_syntax_keeps_its_meaning() -> None:
    text = "1. FC Union\n2. other\n\nfoo**.NET**bar"
    assert render_answer(text, marks_of(text, "1. FC Union", ".NET")) == render_answer(text)


def test_a_mention_over_several_pieces_is_marked_in_each() -> None:
    rendered = render_answer("Acme **Pro** x", [Mark(start=0, end=10, brand_id=1, name="Acme Pro")])
    mark = '<mark data-brand="1" title="Acme Pro">'
    assert rendered == f"<p>{mark}Acme </mark><strong>{mark}Pro</mark></strong> x</p>\n"


def test_overlapping_and_impossible_marks_are_left_out() -> None:
    marks = [
        Mark(start=0, end=4, brand_id=1, name="Acme"),
        Mark(start=2, end=6, brand_id=2, name="me P"),
        Mark(start=3, end=3, brand_id=3, name=""),
        Mark(start=7, end=99, brand_id=4, name="beyond"),
    ]
    assert render_answer("Acme Pro", marks).count("<mark") == 1


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:x) [y](JaVaScRiPt:alert(1))",
        "![beacon](https://evil.example/pixel.png)",
        "<a href='javascript:alert(1)'>x</a>",
        "[x](//evil.example) [y](/operators/)",
        '<mark onclick="alert(1)" data-own>Acme</mark>',
        "<svg><style><img src=x></style></svg>",
    ],
)
def test_nothing_active_comes_through(text: str) -> None:
    rendered = render_answer(text, marks_of(text, "x", "Acme"))
    tags = set(re.findall(r"<([a-z0-9]+)", rendered))
    assert tags <= {"p", "a", "mark"}
    assert not re.search(r"<[^>]*(\son\w+\s*=|javascript:|vbscript:|data:text|src=)", rendered, re.IGNORECASE)


def test_a_link_leads_out_safely() -> None:
    rendered = render_answer("[x](https://a.example/)")
    assert 'target="_blank"' in rendered
    assert 'rel="noopener nofollow"' in rendered


def test_an_image_becomes_its_description() -> None:
    text = "![Acme logo](https://a.example/x.png)"
    assert render_answer(text, marks_of(text, "Acme")) == (
        '<p><mark data-brand="1" title="Acme" data-own="">Acme</mark> logo</p>\n'
    )


def test_headings_stand_below_those_of_the_page() -> None:
    assert render_answer("# One\n\n## Two") == "<h3>One</h3>\n<h4>Two</h4>\n"


def test_no_level_of_headings_is_left_out() -> None:
    assert render_answer("## Two\n\n###### Six\n\n# One") == "<h3>Two</h3>\n<h4>Six</h4>\n<h3>One</h3>\n"


def test_a_hostile_brand_name_stays_text() -> None:
    rendered = render_answer("Acme", [Mark(start=0, end=4, brand_id=1, name='"><script>x</script>')])
    assert "<script" not in rendered


def test_private_characters_in_an_answer_are_its_own() -> None:
    text = "\U000f0000Acme\U000f0001 \ue000"
    assert shown(render_answer(text, marks_of(text, "Acme"))).strip() == text


def test_a_long_answer_full_of_links_is_marked_whole() -> None:
    text = "Acme and [Acme](https://acme.example) <https://acme.example>\n\n" * 60
    assert render_answer(text, marks_of(text, "Acme", "acme")).count("<mark") == 120


PIECES = st.sampled_from(
    [
        *[
            "Acme",
            ".NET",
            "a",
            " ",
            "  ",
            "\n",
            "\n\n",
            "*",
            "**",
            "_",
            "`",
            "```\n",
            "~~",
            "|",
            "\n|-|-|\n",
            "[",
            "](",
            ")",
        ],
        *[
            "<",
            ">",
            "&",
            "&amp;",
            "&#x41;",
            "\\",
            "#",
            "# ",
            "> ",
            "- ",
            "1. ",
            "    ",
            "\t",
            "!",
            "![",
            "https://acme.example",
        ],
        *[
            "<script>",
            "</p>",
            "<!--",
            "javascript:",
            '"',
            "'",
            "\u202e",
            "\u00e9",
            "\U0001f600",
            "\U000f0000",
            "]: ",
            "---\n",
        ],
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    pieces=st.lists(PIECES, max_size=25), spans=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)), max_size=8)
)
@example(pieces=["[", "Acme", "](", "Acme", ")", "**", "Acme"], spans=[(1, 4), (7, 4), (14, 4)])
def test_marks_never_change_what_is_read(pieces: list[str], spans: list[tuple[int, int]]) -> None:
    text = "".join(pieces)
    marks = [Mark(start=start, end=start + length, brand_id=1, name="B") for start, length in spans]
    rendered = render_answer(text, marks)
    assert without_marks(rendered) == render_answer(text)
    assert "<script" not in rendered.lower()
    assert rendered.count("<mark") == rendered.count("</mark>")
