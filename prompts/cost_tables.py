"""Costs as people read them: a column for each day, and lines by project, purpose and engine, dearest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from math import ceil
from typing import TypeVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import formats
from billing.meter import month_of
from prompts.costs import Costs, Period, Sums
from prompts.engine_names import engine_label
from prompts.llm import catalog

K = TypeVar("K")

# What calls are made for; a purpose that is missing here is shown by its own name.
PURPOSES: dict[str, str | Promise] = {
    "scan": gettext_lazy("Scans"),
    "suggest": gettext_lazy("Suggestions"),
}
PERIODS: tuple[tuple[str, str | Promise], ...] = (
    ("month", gettext_lazy("This month")),
    ("last-month", gettext_lazy("Last month")),
    ("30-days", gettext_lazy("Last 30 days")),
    ("90-days", gettext_lazy("Last 90 days")),
)
_TOP, _BOTTOM = 8.0, 88.0  # where columns begin and end, in per cent of the chart
_STEPS = (1, 2, 5)
_MOST_LABELS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """`share` is of the whole cost, None where nothing is known of it."""

    label: str
    note: str
    sums: Sums
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One day; places in per cent of the chart. `tick` is empty where its day is not written below."""

    day: date
    sums: Sums
    x: str
    middle: str
    width: str
    y: str
    height: str
    tick: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    columns: list[Column]
    ticks: list[tuple[str, Decimal]]
    highest: Column | None


def period_of(name: str, *, today: date) -> Period:
    if name == "last-month":
        last = month_of(today) - timedelta(days=1)
        return Period(first=month_of(last), last=last)
    if name == "30-days":
        return Period(first=today - timedelta(days=29), last=today)
    if name == "90-days":
        return Period(first=today - timedelta(days=89), last=today)
    return Period(first=month_of(today), last=today)


def days_of(costs: Costs, period: Period) -> Days:
    days = period.days
    end, steps = _scale(max((sums.cost for sums in costs.by_day.values()), default=Decimal(0)))
    every = -(-len(days) // _MOST_LABELS)
    columns = [
        _column(day, costs.by_day.get(day, Sums()), nth, of=len(days), end=end, labelled=nth % every == 0)
        for nth, day in enumerate(days)
    ]
    spent = [column for column in columns if column.sums.cost]
    highest = max(spent, key=lambda column: column.sums.cost, default=None)
    return Days(columns=columns, ticks=[(_up(step, end), step) for step in steps], highest=highest)


def lines_of_projects(costs: Costs, names: Mapping[int, str]) -> list[Line]:
    def label(key: int | None) -> tuple[str, str]:
        return (names.get(key, _("A deleted project")) if key is not None else _("No project"), "")

    return _lines(costs, costs.by_project, label)


def lines_of_purposes(costs: Costs) -> list[Line]:
    return _lines(costs, costs.by_purpose, lambda key: (str(PURPOSES.get(key, key)), ""))


def lines_of_engines(costs: Costs) -> list[Line]:
    return _lines(costs, costs.by_engine, _engine)


def _engine(key: str) -> tuple[str, str]:
    try:
        return engine_label(catalog.get(key).label), key
    except catalog.UnknownEngine:
        return key, ""


def _lines(costs: Costs, parts: Mapping[K, Sums], label: Callable[[K], tuple[str, str]]) -> list[Line]:
    whole = costs.total.cost
    ordered = sorted(parts.items(), key=lambda pair: (-pair[1].cost, -pair[1].calls, str(pair[0])))
    lines = []
    for key, sums in ordered:
        name, note = label(key)
        share = float(sums.cost / whole) if whole and sums.is_known else None
        lines.append(Line(label=name, note=note, sums=sums, share=share))
    return lines


def _scale(most: Decimal) -> tuple[Decimal, list[Decimal]]:
    """The end of the axis, and where lines are drawn: a round step, four of them at most."""
    if not most:
        return Decimal(1), []
    power = Decimal(10) ** (most.adjusted() - 1)
    step = next(power * ten * one for ten in (1, 10) for one in _STEPS if power * ten * one * 4 >= most)
    count = ceil(most / step)
    return step * count, [step * nth for nth in range(1, count + 1)]


def _column(day: date, sums: Sums, nth: int, *, of: int, end: Decimal, labelled: bool) -> Column:
    wide = 100 / of
    top = float(_up(sums.cost, end))
    return Column(
        day=day,
        sums=sums,
        x=f"{wide * nth + wide * 0.12:.2f}",
        middle=f"{wide * (nth + 0.5):.2f}",
        width=f"{wide * 0.76:.2f}",
        y=f"{top:.2f}",
        height=f"{_BOTTOM - top:.2f}",
        tick=formats.day(day, style="short_day") if labelled else "",
    )


def _up(cost: Decimal, end: Decimal) -> str:
    return f"{_BOTTOM - float(cost / end) * (_BOTTOM - _TOP):.2f}"
