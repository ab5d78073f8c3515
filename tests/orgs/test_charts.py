"""Charts: a scale that holds every interval, gaps where nothing is known, words for every point."""

import pytest
from django.template import Context, Template
from django.test import RequestFactory

from orgs import charts
from orgs.charts import Chart, Point, Series


def point(label: str, value: float | None, low: float | None = None, high: float | None = None, n: int = 80) -> Point:
    return Point(label=label, value=value, low=low, high=high, n=n)


def drawn(chart: Chart, **context: object) -> str:
    request = RequestFactory().get("/")
    return Template("{% chart found %}").render(Context({"found": chart, "request": request, **context}))


def chart_of(*points: Point, kind: str = "bars", more: tuple[Series, ...] = ()) -> Chart:
    series = [Series(name="Acme", points=points), *more]
    return Chart(key="c", kind=kind, title="A finding", subtitle="n 80", label="Engine", series=series)


@pytest.mark.parametrize(
    ("peak", "end"),
    [(0.0, 0.05), (0.04, 0.05), (0.21, 0.3), (0.34, 0.4), (0.41, 0.6), (0.76, 0.8), (0.81, 1.0), (1, 1)],
)
def test_the_scale_ends_above_the_peak(peak: float, end: float) -> None:
    step, found = charts.scale([point("a", 0.0, 0.0, peak)])
    assert found == pytest.approx(end)
    assert 1 <= len(charts.ticks_of(step, found)) - 1 <= 4


def test_the_scale_holds_the_interval_not_only_the_value() -> None:
    rows, ticks = charts.bars([point("a", 0.2, 0.1, 0.55)])
    assert float(rows[0].high) <= 100
    assert ticks[-1].share >= 0.55


def test_what_is_unknown_draws_nothing_and_says_so() -> None:
    page = drawn(chart_of(point("GPT", None, n=0), point("Claude", 0.4, 0.3, 0.5)))
    assert page.count("cbar-value") == 1
    assert 'aria-label="GPT: \u2013, n = 0"' in page


def test_every_point_is_said_and_one_is_a_tab_stop() -> None:
    page = drawn(chart_of(point("GPT", 0.42, 0.33, 0.51), point("Claude", 0.2, 0.1, 0.3)))
    assert 'aria-label="GPT: 42%, between 33% and 51%, n = 80"' in page
    assert (page.count('tabindex="-1"'), page.count("data-point")) == (1, 2)


def test_the_table_below_has_the_same_numbers() -> None:
    table = drawn(chart_of(point("GPT", 0.42, 0.33, 0.51))).partition("<table")[2]
    assert [word in table for word in ("GPT", "42%", "33\u201351%", "80")] == [True] * 4


def test_a_gap_in_a_trend_is_no_nought() -> None:
    shares = (0.2, 0.3, None, 0.4, None, 0.4, 0.5, 0.6)
    found = charts.trend([Series(name="Acme", points=[point(str(day), share) for day, share in enumerate(shares)])])
    assert len(found.lines[0].marks) == 6
    assert (found.lines[0].path.count("M"), found.lines[0].path.count(" L")) == (2, 3)
    assert found.lines[0].band.count("Z") == 2


def test_one_moment_is_a_mark_without_a_line() -> None:
    page = drawn(chart_of(point("1 Oct", 0.2, 0.1, 0.3), kind="trend"))
    assert ('trend-line"' in page, page.count("trend-whisker")) == (False, 1)


def test_series_differ_by_shape_too() -> None:
    lines = charts.trend([Series(name=str(place), points=[point("1", 0.2)]) for place in range(6)]).lines
    assert len({line.shape for line in lines}) == len({line.number for line in lines}) == 6


def test_a_seventh_series_is_refused() -> None:
    with pytest.raises(ValueError, match="group the rest"):
        charts.trend([Series(name=str(place), points=[point("1", 0.2)]) for place in range(7)])


def test_an_empty_trend_draws_its_axis() -> None:
    assert charts.trend([]).lines == []


def test_names_are_no_markup() -> None:
    page = drawn(chart_of(point('<b>"x', 0.4), kind="trend"))
    assert "<b>" not in page
    assert 'x"' not in page.replace("&quot;", "").partition("aria-label")[2][:40]


def test_the_axis_is_mirrored_where_reading_starts_at_the_right() -> None:
    assert 'x="100.00%" y="11">0%' in " ".join(drawn(chart_of(point("a", 0.4)), shown_direction="rtl").split())


def test_a_difference_is_told_line_by_line() -> None:
    page = Template("{% diff before after %}").render(
        Context({"before": "Role: member\nAnn", "after": "Role: admin\nAnn"})
    )
    assert page.count("<ins>") == page.count("<del>") == 1
    assert "Role: admin" in page
