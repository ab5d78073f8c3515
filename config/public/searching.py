"""Finds words in the documents: plain substrings, headings before texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from config.public.documents import Document

LIMIT, LONGEST, _AROUND = 30, 100, 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    document: Document
    heading: str
    url: str
    excerpt: str
    weight: int


def find(documents: Iterable[Document], query: str) -> list[Hit]:
    """Sections that hold every word of the query, those first that hold most of them in their heading."""
    words = query[:LONGEST].casefold().split()
    if not words:
        return []
    hits = [hit for document in documents for hit in _within(document, words)]
    return sorted(hits, key=lambda hit: -hit.weight)[:LIMIT]


def _within(document: Document, words: list[str]) -> Iterator[Hit]:
    for section in document.rendered.sections:
        heading, text = section.heading.text.casefold(), section.text.casefold()
        if not all(word in heading or word in text for word in words):
            continue
        is_title = section.heading.level == 1
        yield Hit(
            document=document,
            heading="" if is_title else section.heading.text,
            url=document.url if is_title else f"{document.url}#{section.heading.anchor}",
            excerpt=_excerpt(section.text, text.find(words[0])),
            weight=sum(word in heading for word in words) * 2 + is_title,
        )


def _excerpt(text: str, at: int) -> str:
    """Some words around a place; the beginning where the place is in the heading."""
    start, end = max(0, at - _AROUND), max(0, at) + 2 * _AROUND
    piece = text[start:end]
    if start:
        piece = f"... {piece.partition(' ')[2]}"
    return f"{piece.rpartition(' ')[0]} ..." if end < len(text) else piece
