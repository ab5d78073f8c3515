"""Collects an answer's sources in one shape, with offsets in Python code points."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from urllib.parse import urlsplit

from .types import Citation

_TRACKING = re.compile(r"[?&]utm_source=openai(?=&|#|$)")


@dataclass(slots=True)
class _Source:
    url: str
    title: str
    cited: bool
    start: int | None
    end: int | None


@dataclass(slots=True)
class SourceList:
    """Sources by URL: the first span of a URL is kept, and cited wins over only looked at."""

    _by_key: dict[str, _Source] = field(default_factory=dict)

    def cite(self, url: str, *, title: str = "", start: int | None = None, end: int | None = None) -> None:
        source = self._by_key.setdefault(_key(url), _Source(url, title, True, start, end))
        if not source.cited or source.start is None:
            source.cited, source.start, source.end = True, start, end
        source.title = source.title or title

    def look(self, url: str, *, title: str = "") -> None:
        source = self._by_key.setdefault(_key(url), _Source(url, title, False, None, None))
        source.title = source.title or title

    def citations(self) -> tuple[Citation, ...]:
        """Cited sources in order of the text, then cited ones without a place, then those only looked at."""
        known = [source for source in self._by_key.values() if urlsplit(source.url).scheme in ("http", "https")]
        known.sort(key=lambda source: (not source.cited, source.start is None, source.start or 0))
        return tuple(
            Citation(
                url=source.url,
                title=source.title,
                position=position,
                cited=source.cited,
                start=source.start,
                end=source.end,
            )
            for position, source in enumerate(known, start=1)
        )


class Offsets:
    """Turns offsets in an encoding's units into code point offsets. An offset inside a character rounds down, one
    beyond the text is its end."""

    def __init__(self, text: str, *, codec: str, unit: int) -> None:
        self._codec, self._unit = codec, unit
        self._ends: list[int] = []
        try:
            self._encoded = text.encode(codec)
        except UnicodeEncodeError:  # a lone surrogate, which a model may well write
            widths = (len(char.encode(codec, "surrogatepass")) // unit for char in text)
            self._ends = list(accumulate(widths))

    def __call__(self, offset: int) -> int:
        offset = max(0, offset)
        if self._ends:
            return bisect_right(self._ends, offset)
        return len(self._encoded[: offset * self._unit].decode(self._codec, "ignore"))

    @property
    def end(self) -> int:
        """The text's length in units."""
        return self._ends[-1] if self._ends else len(self._encoded) // self._unit


def byte_offsets(text: str) -> Offsets:
    """Of UTF-8, which is Google's."""
    return Offsets(text, codec="utf-8", unit=1)


@lru_cache(maxsize=8)  # every link of an answer asks about the same text
def _utf16_offsets(text: str) -> Offsets:
    return Offsets(text, codec="utf-16-le", unit=2)


def place(text: str, start: int, end: int, *, url: str) -> tuple[int, int] | None:
    """The span of a link in `text`, told in code points or in UTF-16 units; None when it lies outside the text.

    OpenAI does not document the unit. Where the two differ, the reading that looks more like the link wins:
    it holds the URL, and it begins and ends with the link's own brackets.
    """
    spans = [(start, end)]
    if not text.isascii():
        offsets = _utf16_offsets(text)
        spans.append((_index(offsets, start), _index(offsets, end)))
    inside = [(a, b) for a, b in spans if 0 <= a < b <= len(text)]

    def likeness(span: tuple[int, int]) -> int:
        linked = text[slice(*span)]
        return (urlsplit(url).netloc in linked) + (linked[0] in "([") + (linked[-1] in ")]")

    return max(inside, key=likeness, default=None)


def _index(offsets: Offsets, offset: int) -> int:
    """The code point at a UTF-16 offset; -1 when it is beyond the text."""
    return -1 if offset > offsets.end else offsets(offset)


def _key(url: str) -> str:
    """OpenAI marks the URLs it cites with `utm_source=openai`, and not those it looked at."""
    return _TRACKING.sub("", url).rstrip("/")
