"""What a company's own site says of it: its name, what it offers, its icon."""

from __future__ import annotations

import asyncio
import base64
import codecs
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import urljoin

from django.utils.translation import gettext_noop
from selectolax.lexbor import LexborHTMLParser

from orgs.outbound import CannotFetch, Fetched, Limits, fetch
from prompts.icons import drawn_anew
from prompts.prompt_text import clean_language

MAX_TITLE, MAX_NAME, MAX_DESCRIPTION = 200, 100, 600
_READ = 500_000  # bytes: what a page says of itself stands at its beginning
_SECONDS = 25.0
_ICONS = 3
_ICON_LIMITS = Limits(types=("image/",), size=500_000, seconds=5.0)
_DECLARED = re.compile(rb"""<meta[^>]{1,200}charset\s*=\s*["']?\s*([a-zA-Z0-9_.:-]{2,40})""", re.IGNORECASE)
_HIDDEN = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SEPARATORS = re.compile(r"\s+[|\u2013\u2014:\u00b7\u2022-]\s+|\s*[|:]\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSays:
    """Cleaned lines; `icons` are addresses to try, the best first; `icon` is a small PNG of ours in base 64."""

    title: str = ""
    name: str = ""
    description: str = ""
    language: str = ""
    icons: tuple[str, ...] = ()
    icon: str = ""


async def look_at(domain: str) -> SiteSays:
    """The first page of a domain, encrypted or else plain, and its icon. Raises `CannotFetch`."""
    try:
        async with asyncio.timeout(_SECONDS):
            page = await _first_page(domain)
            says = read_page(page.body, url=page.url, charset=page.charset)
            return replace(says, icon=await _icon(says.icons))
    except TimeoutError:
        raise CannotFetch(gettext_noop("The site took too long to answer."), kind="time") from None


async def _first_page(domain: str) -> Fetched:
    try:
        return await fetch(f"https://{domain}/")
    except CannotFetch as problem:
        if problem.kind != "unreachable":
            raise
    return await fetch(f"http://{domain}/")


async def _icon(addresses: tuple[str, ...]) -> str:
    for address in addresses[:_ICONS]:
        with suppress(CannotFetch):
            fetched = await fetch(address, limits=_ICON_LIMITS)
            if png := drawn_anew(fetched.body):
                return base64.b64encode(png).decode()
    return ""


def read_page(html: bytes, *, url: str, charset: str = "") -> SiteSays:
    """What an HTML page says in its head. Pure; takes anything."""
    tree = LexborHTMLParser(_decoded(html[:_READ], charset))
    heading = tree.css_first("title")
    title = _line(heading.text() if heading else "", MAX_TITLE) or _line(_meta(tree, "og:title"), MAX_TITLE)
    root = tree.css_first("html")
    return SiteSays(
        title=title,
        name=_line(_meta(tree, "og:site_name", "application-name"), MAX_NAME) or _name_in(title, url),
        description=_line(_meta(tree, "description", "og:description", "twitter:description"), MAX_DESCRIPTION),
        language=_language(root.attributes.get("lang") if root else ""),
        icons=tuple(dict.fromkeys(_icons(tree, url))),
    )


def _decoded(html: bytes, charset: str) -> str:
    declared = _DECLARED.search(html[:2_048])
    for name in (charset, declared[1].decode() if declared else "", "utf-8"):
        with suppress(LookupError, ValueError):
            # Text encodings only: `hex` or `zlib` are codecs too.
            if name and codecs.lookup(name)._is_text_encoding:  # type: ignore[attr-defined]
                return html.decode(name, "replace")
    return html.decode("utf-8", "replace")


def _meta(tree: LexborHTMLParser, *names: str) -> str:
    for name in names:
        for node in tree.css(f'meta[property="{name}" i], meta[name="{name}" i]'):
            if content := (node.attributes.get("content") or "").strip():
                return content
    return ""


def _line(text: str, limit: int) -> str:
    """One line without anything hidden; cut at a word."""
    line = " ".join(_CONTROLS.sub(" ", _HIDDEN.sub("", text[: 8 * limit])).split())
    return line if len(line) <= limit else f"{line[: limit - 1].rpartition(' ')[0] or line[: limit - 1]}\u2026"


def _name_in(title: str, url: str) -> str:
    """The part of a title that is the name of its domain, as `Acme` in `Boards for teams | Acme`."""
    host = url.partition("//")[2].partition("/")[0].removeprefix("www.").replace("-", "").replace(".", "").casefold()
    for part in _SEPARATORS.split(title):
        bare = "".join(filter(str.isalnum, part)).casefold()
        if len(bare) > 1 and len(part) <= MAX_NAME and host.startswith(bare):
            return part
    return ""


def _language(value: str | None) -> str:
    with suppress(ValueError):
        return clean_language((value or "")[:40])
    return ""


def _icons(tree: LexborHTMLParser, url: str) -> Iterator[str]:
    """Where to look for an icon; last the address where icons are when nobody says."""
    base = tree.css_first("base[href]")
    root = _joined(url, (base.attributes.get("href") if base else "") or "")
    yield from filter(None, (_joined(root, href) for href in _icon_links(tree)))
    yield from filter(None, [_joined(url, "/favicon.ico")])


def _icon_links(tree: LexborHTMLParser) -> Iterator[str]:
    """Apple's first: they are large and square."""
    for selector in ('link[rel="apple-touch-icon" i]', 'link[rel~="icon" i]'):
        hrefs = [(node.attributes.get("href") or "").strip() for node in tree.css(selector)[:_ICONS]]
        yield from (href for href in hrefs if href and ".svg" not in href.lower() and not href.startswith("data:"))


def _joined(base: str, href: str) -> str:
    """Empty where the two make no address."""
    try:
        return urljoin(base, href)
    except ValueError:
        return ""
