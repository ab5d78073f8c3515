"""Markdown of our own documents as HTML: no raw HTML, no other hosts' pictures, links that stay within the folder."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from PIL import Image

_DESCRIPTION = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    level: int
    text: str
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading with the plain text below it, for the search."""

    heading: Heading
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """`html` is without the first heading, which is the title; `links_by_heading` names documents by their address."""

    title: str
    description: str
    html: SafeString
    sections: tuple[Section, ...]
    links_by_heading: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def contents(self) -> Sequence[Heading]:
        return [section.heading for section in self.sections if section.heading.level in (2, 3)]


def render(text: str, *, folder: str, root: Path) -> Rendered:
    """`folder` is the document's own, relative to `root`; its links are relative to it."""
    tokens = _PARSER.parse(text)
    headings = list(_anchor(tokens))
    title = headings[0].text if headings and headings[0].level == 1 else ""
    for token in _inlines(tokens):
        _turn(token, folder=folder, root=root)
    sections = tuple(_sections(tokens, headings))
    body = _without_title(tokens) if title else tokens
    _align(body)
    html = str(_PARSER.renderer.render(body, _PARSER.options, {}))
    return Rendered(
        title=title,
        description=_description(body),
        html=mark_safe(html),  # noqa: S308 - raw HTML is escaped by the parser, addresses are checked below
        sections=sections,
        links_by_heading=tuple(_links(tokens, headings)),
    )


def _anchor(tokens: Sequence[Token]) -> Iterator[Heading]:
    """Gives every heading an id of its own."""
    taken: set[str] = set()
    for token, inline in pairwise(tokens):
        if token.type != "heading_open":
            continue
        text = _plain(inline)
        base = anchor = slugify(text) or "section"
        number = 1
        while anchor in taken:
            number += 1
            anchor = f"{base}-{number}"
        taken.add(anchor)
        token.attrSet("id", anchor)
        yield Heading(level=int(token.tag[1]), text=text, anchor=anchor)


def _inlines(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        if token.type == "inline":
            yield from token.children or []


def _turn(token: Token, *, folder: str, root: Path) -> None:
    """Links to documents become addresses of the site, pictures those of their files."""
    if token.type == "link_open":
        target = _link(str(token.attrGet("href") or ""), folder=folder, root=root)
        token.attrs = {"href": target} if target else {}
        if urlsplit(target).netloc:
            token.attrs["rel"] = "noopener"
    elif token.type == "image":
        name = posixpath.basename(urlsplit(str(token.attrGet("src") or "")).path)
        token.meta = {"size": _size(root / "img" / name), "dark": _dark(name, root=root)}
        token.attrSet("src", f"/docs/img/{name}")


def _link(href: str, *, folder: str, root: Path) -> str:
    """Empty for what the site does not show: a file of the repository outside the folder."""
    parts = urlsplit(href)
    if parts.scheme or parts.netloc:
        return href if parts.scheme in ("https", "http", "mailto") else ""
    if not parts.path:
        return href
    inside = posixpath.normpath(posixpath.join(folder, parts.path))
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    if inside.startswith(("..", "/")) or not (root / inside).exists():
        return ""
    if inside == "openapi.yaml":
        return "/docs/api-reference/"
    stem = inside.removesuffix(".md").removesuffix("/")
    stem = "" if stem in (".", "README") else stem.removesuffix("/README")
    return f"/docs/{stem}/{fragment}" if stem else f"/docs/{fragment}"


def _dark(name: str, *, root: Path) -> str:
    """The same picture for dark pages, where there is one beside it."""
    stem, _, suffix = name.rpartition(".")
    twin = f"{stem}-dark.{suffix}"
    return f"/docs/img/{twin}" if (root / "img" / twin).is_file() else ""


def _size(file: Path) -> tuple[int, int] | None:
    if not file.is_file():
        return None
    with Image.open(file) as image:
        return image.size


def _plain(token: Token) -> str:
    if token.children is None:
        return token.content
    parts = [child.content if child.type != "softbreak" else " " for child in token.children]
    return "".join(parts).strip()


def _sections(tokens: Sequence[Token], headings: Sequence[Heading]) -> Iterator[Section]:
    """Every heading with the text up to the next one."""
    remaining = iter(headings)
    heading: Heading | None = None
    texts: list[str] = []
    in_heading = False
    for token in tokens:
        if token.type == "heading_open":
            if heading:
                yield Section(heading=heading, text=" ".join(texts))
            heading, texts, in_heading = next(remaining), [], True
        elif token.type == "heading_close":
            in_heading = False
        elif not in_heading and token.type in ("inline", "fence", "code_block"):
            texts.append(" ".join(_plain(token).split()))
    if heading:
        yield Section(heading=heading, text=" ".join(texts))


def _without_title(tokens: Sequence[Token]) -> list[Token]:
    first = next(index for index, token in enumerate(tokens) if token.type == "heading_open")
    return [*tokens[:first], *tokens[first + 3 :]]


def _align(tokens: Sequence[Token]) -> None:
    """The content policy forbids the parser's style attributes."""
    for token in tokens:
        style = str(token.attrs.pop("style", ""))
        if style.startswith("text-align:"):
            token.attrs["data-align"] = style.removeprefix("text-align:")


def _description(tokens: Sequence[Token]) -> str:
    """The first paragraph, shortened at a word."""
    for token, inline in pairwise(tokens):
        if token.type != "paragraph_open" or token.level > 0:
            continue
        text = " ".join(_plain(inline).split())
        if not text or text.startswith("Status:"):
            continue
        return text if len(text) <= _DESCRIPTION else f"{text[:_DESCRIPTION].rsplit(' ', 1)[0].rstrip('.,:;')} ..."
    return ""


def _links(tokens: Sequence[Token], headings: Sequence[Heading]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The documents that are linked to below each heading of the second level."""
    remaining = iter(headings)
    title, links = "", list[str]()
    for token in tokens:
        heading = next(remaining) if token.type == "heading_open" else None
        if heading and heading.level == 2:
            if links:
                yield title, tuple(dict.fromkeys(links))
            title, links = heading.text, []
        for child in token.children or [] if token.type == "inline" else []:
            href = str(child.attrGet("href") or "") if child.type == "link_open" else ""
            if title and href.startswith("/docs/"):
                links.append(href.partition("#")[0].removeprefix("/docs/").strip("/"))
    if links:
        yield title, tuple(dict.fromkeys(links))


class _Renderer(RendererHTML):
    """Adds what pages need: anchors beside headings, tables and code that scroll, pictures for dark pages."""

    def heading_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        anchor, text = tokens[idx - 2].attrGet("id"), _attribute(_plain(tokens[idx - 1]))
        return f' <a class="anchor" href="#{anchor}" aria-label="{text}">#</a></{tokens[idx].tag}>\n'

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        return '<div class="scrolls" tabindex="0" role="group" aria-label="Table">\n<table>\n'

    def table_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        return "</table>\n</div>\n"

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        return super().fence(tokens, idx, options, env).replace("<pre>", '<pre tabindex="0">', 1)

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        token = tokens[idx]
        size = token.meta.get("size")
        area = f' width="{size[0]}" height="{size[1]}"' if size else ""
        alt = _attribute(self.renderInlineAsText(token.children or [], options, env))
        source = _attribute(str(token.attrGet("src")))
        image = f'<img src="{source}" alt="{alt}"{area} loading="lazy">'
        dark = token.meta.get("dark")
        if not dark:
            return image
        return f'<picture><source srcset="{_attribute(dark)}" media="(prefers-color-scheme: dark)">{image}</picture>'


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")


_PARSER = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer).enable("table")
