"""Keyset pages: the next page starts after the last row seen, so that page 1,000 costs what page 1 does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import F, Model, Q, QuerySet
from django.db.models.expressions import Combinable

M = TypeVar("M", bound=Model)
T = TypeVar("T")
S = TypeVar("S")

SIZE = 50
# Names that `?sort=` may have, and what each sorts by: a field, or an expression that is never NULL.
Sorts = Mapping[str, "str | Combinable"]


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
    queryset: QuerySet[M],
    *,
    query: Mapping[str, str],
    newest_first: bool,
    size: int = SIZE,
    total: int | None = None,
    sorts: Sorts | None = None,
) -> Page[M]:
    """One page in the order of the primary key, or as `?sort=` says where `sorts` knows it. A cursor that makes no
    sense, or that leads to nothing, is taken for none. A sorted page reads all rows that are left by the filters:
    offer it where these are few."""
    sort = query.get("sort", "")
    if sorts and (by := sorts.get(sort.removeprefix("-"))):
        queryset = queryset.annotate(sorted_by=F(by) if isinstance(by, str) else by)
        return _page(queryset, query=query, newest_first=sort.startswith("-"), size=size, total=total, is_sorted=True)
    return _page(queryset, query=query, newest_first=newest_first, size=size, total=total, is_sorted=False)


def _page(
    queryset: QuerySet[M],
    *,
    query: Mapping[str, str],
    newest_first: bool,
    size: int,
    total: int | None,
    is_sorted: bool,
) -> Page[M]:
    after, before = whole_number(query.get("after", "")), whole_number(query.get("before", ""))
    mark, backwards = (before, before is not None) if after is None else (after, False)
    descending = newest_first != backwards
    rows: list[M] | None = None
    if mark is not None:
        beyond = _beyond(queryset, mark, descending=descending, is_sorted=is_sorted)
        rows = _rows(queryset.filter(beyond), size, descending=descending, is_sorted=is_sorted) if beyond else None
    if not rows:  # no cursor, or one that leads nowhere any more
        mark, backwards = None, False
        rows = _rows(queryset, size, descending=newest_first, is_sorted=is_sorted)
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


def _rows(queryset: QuerySet[M], size: int, *, descending: bool, is_sorted: bool) -> list[M]:
    """One more than a page has, which tells whether another one follows."""
    order = ["sorted_by", "pk"] if is_sorted else ["pk"]
    return list(queryset.order_by(*(f"-{name}" if descending else name for name in order))[: size + 1])


def _beyond(queryset: QuerySet[M], mark: int, *, descending: bool, is_sorted: bool) -> Q | None:
    """What comes after the row of a cursor. None where its place in a sorted list is lost: it has left the list."""
    way = "lt" if descending else "gt"
    beyond = Q(**{f"pk__{way}": mark})
    if not is_sorted:
        return beyond
    at = queryset.filter(pk=mark).values_list("sorted_by", flat=True).first()
    return None if at is None else Q(**{f"sorted_by__{way}": at}) | (Q(sorted_by=at) & beyond)


def whole_number(value: str) -> int | None:
    """A primary key out of an address, or None where it cannot be one."""
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else None
