"""An answer's Markdown as safe HTML with its mentions marked in place.

Mentions are offsets into the Markdown text. Each is fenced by two private characters, the text is parsed, and the parse
is compared with that of the bare text: a fence that changes anything but text (inside a link's address, say) is left
out. So marking never changes how an answer reads.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import nh3
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

_PARSES = 24  # of one answer, at most: marks still in doubt then are left out
_TEXTS = ("text", "code_inline", "code_block", "fence", "image")
_TAGS = {"p", "br", "hr", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a", "mark"}
_TAGS |= {"h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"}
# Addresses in pointed brackets, of links and of references: text in them is no place for a mark.
_ADDRESS = re.compile(
    r"<[a-z][a-z0-9+.-]{1,31}:[^<>\s]*>|\]\([^()\s]*|^ {0,3}\[[^\]\n]*\]:\s*\S+", re.IGNORECASE | re.MULTILINE
)
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, "mark": {"data-brand", "data-own", "title"}}
_ALIGNMENTS = {tag: {"data-align": {"left", "center", "right"}} for tag in ("th", "td")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One span to mark, in code points of the text; `end` is exclusive."""

    start: int
    end: int
    brand_id: int
    name: str
    own: bool = False


class _Fence(NamedTuple):
    """Two characters, of this mark alone, that stand around it while the text is parsed."""

    opening: str
    closing: str


def render_answer(text: str, marks: Iterable[Mark] = ()) -> SafeString:
    """Safe HTML: no scripts, no images, no relative links, whatever the text holds."""
    html = _Document(text, marks).html()
    return mark_safe(  # noqa: S308 - cleaned here
        nh3.clean(
            html,
            tags=_TAGS,
            attributes=_ATTRIBUTES,
            tag_attribute_values=_ALIGNMENTS,
            set_tag_attribute_values={"a": {"target": "_blank"}},
            url_schemes={"http", "https"},
            url_relative="deny",
            link_rel="noopener nofollow",
        )
    )


class _Document:
    """One text under two readings: as it is, and with the fences of some marks in it."""

    def __init__(self, text: str, marks: Iterable[Mark]) -> None:
        self.text = text
        self.parses = _PARSES
        apart = _outside_addresses(_apart(marks, length=len(text)), text=text)
        self.marks = dict(zip(_unused_fences(text), apart, strict=False))
        self.fences = dict.fromkeys(ord(character) for fence in self.marks for character in fence)
        self.bare = self._parse(text)
        self.shape = self._shape(self.bare)

    def html(self) -> str:
        kept = self._harmless([], self._visible()) if self.marks else []
        tokens = self._parse(self._fenced(kept)) if kept else self.bare
        _lower_headings(tokens)
        painter = _Painter(marks=self.marks)
        return str(_PARSER.renderer.render(tokens, _PARSER.options, {"painter": painter}))

    def _visible(self) -> list[_Fence]:
        """Marks whose fences both show as text where all are set; those of others are in a title or a definition."""
        shown = set("".join(_texts(self._parse(self._fenced(self.marks)))))
        return [fence for fence in self.marks if fence.opening in shown and fence.closing in shown]

    def _harmless(self, kept: list[_Fence], more: list[_Fence]) -> list[_Fence]:
        """`kept` and those of `more` that change nothing but text, found by halving."""
        if not more or self.parses <= 0:
            return kept
        if self._reads_the_same(kept + more):
            return kept + more
        if len(more) == 1:
            return kept
        middle = len(more) // 2
        return self._harmless(self._harmless(kept, more[:middle]), more[middle:])

    def _reads_the_same(self, fences: list[_Fence]) -> bool:
        tokens = self._parse(self._fenced(fences))
        found = [character for text in _texts(tokens) for character in text if ord(character) in self.fences]
        wanted = [character for fence in fences for character in fence]
        return found == wanted and self._shape(tokens) == self.shape

    def _fenced(self, fences: Iterable[_Fence]) -> str:
        pieces, position = [], 0
        for fence in fences:
            mark = self.marks[fence]
            pieces += [self.text[position : mark.start], fence.opening, self.text[mark.start : mark.end], fence.closing]
            position = mark.end
        return "".join([*pieces, self.text[position:]])

    def _parse(self, text: str) -> list[Token]:
        self.parses -= 1
        return _PARSER.parse(text)

    def _shape(self, tokens: Sequence[Token]) -> list[Any]:
        """Everything that decides how the tokens look, without fences and with neighbouring texts joined."""
        shape: list[Any] = []
        for token in tokens:
            content = token.content.translate(self.fences)
            if token.type == "text" and shape and shape[-1][0] == "text":
                shape[-1] = ("text", shape[-1][1] + content)
            elif token.type == "text":
                shape.append(("text", content))
            elif token.type == "inline":
                shape.append(("inline", self._shape(token.children or [])))
            else:
                inner = self._shape(token.children or [])
                shape.append(
                    (token.type, content, token.tag, token.nesting, token.attrs, token.info, token.hidden, inner)
                )
        return shape


class _Painter:
    """Turns fenced text into HTML. A mark that runs over several pieces of text is closed and opened again in each."""

    def __init__(self, marks: Mapping[_Fence, Mark]) -> None:
        self.opens = {fence.opening: mark for fence, mark in marks.items()}
        self.closes = {fence.closing for fence in marks}
        self.inside: Mark | None = None

    def paint(self, text: str) -> str:
        pieces, run = [_opened(self.inside)], []
        for character in text:
            if character not in self.opens and character not in self.closes:
                run.append(character)
                continue
            pieces += [escape("".join(run)), _closed(self.inside)]
            self.inside = self.opens.get(character)
            pieces.append(_opened(self.inside))
            run = []
        return "".join([*pieces, escape("".join(run)), _closed(self.inside)])


class _Renderer(RendererHTML):
    """Text goes through the painter; an image becomes its description."""

    def text(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return _painted(tokens[idx].content, env)

    def code_inline(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return f"<code>{_painted(tokens[idx].content, env)}</code>"

    def code_block(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return f"<pre><code>{_painted(tokens[idx].content, env)}</code></pre>\n"

    fence = code_block

    def image(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return "".join(_painted(text, env) for text in _texts(tokens[idx].children or []))


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False}, renderer_cls=_Renderer)
    parser.enable(["table", "strikethrough"])
    return parser


_PARSER = _parser()


def _painted(text: str, env: dict[str, Any]) -> str:
    painter: _Painter = env["painter"]
    return painter.paint(text)


def _texts(tokens: Sequence[Token]) -> Iterator[str]:
    """What is shown of the tokens, in order."""
    for token in tokens:
        if token.type == "inline" or (token.type == "image" and token.children):
            yield from _texts(token.children or [])
        elif token.type in _TEXTS:
            yield token.content
        elif token.type in ("softbreak", "hardbreak"):
            yield "\n"


def _opened(mark: Mark | None) -> str:
    if mark is None:
        return ""
    own = mark_safe(" data-own") if mark.own else ""
    return format_html('<mark data-brand="{}" title="{}"{}>', mark.brand_id, mark.name, own)


def _closed(mark: Mark | None) -> str:
    return "" if mark is None else "</mark>"


def _unused_fences(text: str) -> Iterator[_Fence]:
    """Pairs of private characters that the text does not have."""
    used = set(text)
    free = (chr(code) for code in range(0xF0000, 0xFFFFE) if chr(code) not in used)
    return (_Fence(opening, closing) for opening, closing in zip(free, free, strict=False))


def _apart(marks: Iterable[Mark], *, length: int) -> list[Mark]:
    """In order, inside the text and without overlaps; of two that overlap the first, then the longest stays."""
    kept: list[Mark] = []
    for mark in sorted(marks, key=lambda mark: (mark.start, -mark.end)):
        if (kept[-1].end if kept else 0) <= mark.start < mark.end <= length:
            kept.append(mark)
    return kept


def _outside_addresses(marks: list[Mark], *, text: str) -> list[Mark]:
    addresses = [found.span() for found in _ADDRESS.finditer(text)]
    starts = [start for start, _ in addresses]
    kept = []
    for mark in marks:
        nearest = bisect_left(starts, mark.end) - 1  # the last address that starts before the mark ends
        if nearest < 0 or addresses[nearest][1] <= mark.start:
            kept.append(mark)
    return kept


def _lower_headings(tokens: Sequence[Token]) -> None:
    """The page has headings of its own above the answer's, and no page may leave a level out."""
    above: list[int] = []
    for token in tokens:
        if token.type == "heading_open":
            level = int(token.tag[1])
            above = [*(outer for outer in above if outer < level), level]
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, len(above) + 2)}"
        if token.type in ("th_open", "td_open"):
            style = str(token.attrs.pop("style", ""))
            if ":" in style:
                token.attrs["data-align"] = style.rpartition(":")[2]
