"""Charts as values and their geometry in per cent: drawn by the server, so that they need no script to be seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil

SERIES = 6  # as many colours as stay apart for every kind of colour vision
MARKS = ("circle", "square", "diamond", "triangle", "bar", "cross")
STEPS = (0.05, 0.1, 0.2, 0.25)  # a scale ends at four of these at most
TOP, BOTTOM = 6.0, 88.0  # where the plot of a trend begins and ends; its labels stand below
SIDES = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A share in 0..1 with its 95% interval and denominator. `value` is None where it is unknown."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    note: str = ""
    own: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    name: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """`title` states the finding, `subtitle` the measure, n and window. `kind` is `bars` or `trend`."""

    key: str
    title: str
    subtitle: str
    label: str  # what the labels are: "Engine", "Scan of"
    series: Sequence[Series]
    kind: str = "bars"
    measure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    at: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One row: where its value ends and its interval lies, in per cent of the scale."""

    point: Point
    first: bool
    value: str
    low: str
    high: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    point: Point
    series: str
    first: bool
    x: str
    y: str
    low: str
    high: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A series of a trend: the path through its points, the band of its intervals, and its marks."""

    name: str
    number: int
    shape: str
    path: str
    band: str
    marks: list[Mark]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    lines: list[Line]
    ticks: list[Tick]
    moments: list[tuple[str, str, str]]  # x, anchor, label


def scale(points: Iterable[Point]) -> tuple[float, float]:
    """(step, end) of an axis from nought that holds every value and interval, with at most four steps."""
    peak = max((point.high if point.high is not None else point.value or 0.0 for point in points), default=0.0)
    peak = min(max(peak, 0.05), 1.0)
    step = next((step for step in STEPS if ceil(round(peak / step, 9)) <= 4), STEPS[-1])
    return step, min(1.0, step * ceil(round(peak / step, 9)))


def ticks_of(step: float, end: float) -> list[float]:
    return [round(step * number, 4) for number in range(round(end / step) + 1)]


def bars(points: Sequence[Point]) -> tuple[list[Bar], list[Tick]]:
    step, end = scale(points)
    rows = [
        Bar(
            point=point,
            first=place == 0,
            value=_at(point.value, end),
            low=_at(point.low, end),
            high=_at(point.high, end),
        )
        for place, point in enumerate(points)
    ]
    return rows, [Tick(at=_at(share, end), share=share) for share in ticks_of(step, end)]


def trend(series: Sequence[Series]) -> Trend:
    """Every series has a point for each moment of the first; an unknown one leaves a gap."""
    if len(series) > SERIES:
        raise ValueError(f"A chart holds {SERIES} series; group the rest.")
    step, end = scale(point for one in series for point in one.points)
    moments = [point.label for point in series[0].points] if series else []
    across = _across(len(moments))
    return Trend(
        lines=[_line(one, place, across, end) for place, one in enumerate(series)],
        ticks=[Tick(at=_up(share, end), share=share) for share in ticks_of(step, end)],
        moments=_moments(moments, across),
    )


def _line(series: Series, place: int, across: Sequence[float], end: float) -> Line:
    known = [(x, point) for x, point in zip(across, series.points, strict=True) if point.value is not None]
    marks = [
        Mark(
            point=point,
            series=series.name,
            first=place == 0 and number == 0,
            x=_number(x),
            y=_up(point.value, end),
            low=_up(point.value if point.low is None else point.low, end),
            high=_up(point.value if point.high is None else point.high, end),
        )
        for number, (x, point) in enumerate(known)
    ]
    runs = [run for run in _runs(series.points, marks) if len(run) > 1]
    return Line(
        name=series.name,
        number=place + 1,
        shape=MARKS[place],
        path=" ".join(f"M{' L'.join(f'{mark.x} {mark.y}' for mark in run)}" for run in runs),
        band=" ".join(map(_band, runs)),
        marks=marks,
    )


def _runs(points: Sequence[Point], marks: Sequence[Mark]) -> list[list[Mark]]:
    """Marks that follow each other without an unknown point between them."""
    waiting = iter(marks)
    groups = groupby(points, key=lambda point: point.value is not None)
    return [[next(waiting) for _ in run] for known, run in groups if known]


def _band(run: Sequence[Mark]) -> str:
    there = [f"{mark.x} {mark.high}" for mark in run]
    back = [f"{mark.x} {mark.low}" for mark in reversed(run)]
    return f"M{' L'.join(there + back)} Z"


def _across(count: int) -> list[float]:
    if count == 1:
        return [50.0]
    return [SIDES + (100 - 2 * SIDES) * place / (count - 1) for place in range(count)]


def _moments(labels: Sequence[str], across: Sequence[float]) -> list[tuple[str, str, str]]:
    """First and last always; of those between as many as stay readable on a phone."""
    if len(labels) < 2:
        return [("50.00", "middle", label) for label in labels]
    ends = [(_number(across[0] - SIDES), "start", labels[0]), (_number(across[-1] + SIDES), "end", labels[-1])]
    if len(labels) < 5:
        return ends
    middle = len(labels) // 2
    return [ends[0], (_number(across[middle]), "middle", labels[middle]), ends[1]]


def _at(share: float | None, end: float) -> str:
    return "" if share is None else _number(100 * min(share / end, 1.0))


def _up(share: float | None, end: float) -> str:
    return _number(BOTTOM - (BOTTOM - TOP) * min((share or 0.0) / end, 1.0))


def _number(value: float) -> str:
    return f"{value:.2f}"
