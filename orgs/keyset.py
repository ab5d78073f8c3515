"""Keyset pages: the next page starts after the last row seen, so that page 1,000 costs what page 1 does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)
T = TypeVar("T")
S = TypeVar("S")

SIZE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """`next` and `previous` are cursors for `?after=` and `?before=`; empty where there is no such page."""

    items: list[T]
    next: str = ""
    previous: str = ""
    total: int | None = None

    def of(self, items: list[S]) -> Page[S]:
        """The same page showing other objects for its rows."""
        return Page(items=items, next=self.next, previous=self.previous, total=self.total)


def page_of(
    queryset: QuerySet[M], *, query: Mapping[str, str], newest_first: bool, size: int = SIZE, total: int | None = None
) -> Page[M]:
    """One page in the order of the primary key. A cursor that makes no sense is taken for none."""
    after, before = whole_number(query.get("after", "")), whole_number(query.get("before", ""))
    backwards = after is None and before is not None
    descending = newest_first != backwards
    mark = before if backwards else after
    if mark is not None:
        queryset = queryset.filter(**{"pk__lt" if descending else "pk__gt": mark})
    rows = list(queryset.order_by("-pk" if descending else "pk")[: size + 1])
    more, rows = len(rows) > size, rows[:size]
    if backwards:
        rows.reverse()
    has_next = bool(rows) and (more or backwards)
    has_previous = bool(rows) and (more if backwards else mark is not None)
    return Page(
        items=rows,
        next=str(rows[-1].pk) if has_next else "",
        previous=str(rows[0].pk) if has_previous else "",
        total=total,
    )


def whole_number(value: str) -> int | None:
    """A primary key out of an address, or None where it cannot be one."""
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else None
