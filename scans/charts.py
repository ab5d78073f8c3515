"""The charts of a project's first page, from what its latest scans found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from orgs.charts import Chart, Point, Series
from prompts.engine_names import tells_search
from scans import verdicts
from scans.models import Scan
from scans.tallies import Estimate

if TYPE_CHECKING:
    from scans.overview import BrandRow, EngineRow

LEAST_SCANS = 2  # a course needs two points


def engines_chart(engines: Sequence[EngineRow], *, title: str) -> Chart:
    points = [
        _point(row.label, row.visibility, own=True, note="" if tells_search(row.label) else row.surface_label)
        for row in engines
    ]
    return Chart(
        key="engines",
        title=title,
        subtitle=_(
            "Visibility: share of an engine's answers to unbranded prompts that name the brand, with its 95% interval."
        ),
        label=_("Engine"),
        measure=_("Visibility"),
        series=[Series(name=_("Own brand"), points=points)],
    )


def brands_chart(brands: Sequence[BrandRow], *, title: str, answers: int) -> Chart:
    points = [_point(row.name, row.voice, own=row.own, note=_in_answers(row.answers)) for row in brands]
    subtitle = _("Share of voice: a brand's naming answers among those of all tracked brands, n %(number)s.")
    return Chart(
        key="brands",
        title=title,
        subtitle=subtitle % {"number": formats.number(answers)},
        label=_("Brand"),
        measure=_("Share of voice"),
        series=[Series(name=_("All brands"), points=points)],
    )


def course_chart(scans: Sequence[Scan], seen: Mapping[int, Estimate], *, brand: str) -> Chart | None:
    """Visibility of the own brand from scan to scan, oldest first; nothing to draw until two of them know it."""
    known = [estimate for scan in scans if (estimate := seen.get(scan.pk)) and estimate.value is not None]
    if len(known) < LEAST_SCANS:
        return None
    points = [_point(formats.moment(scan.created_at, style="short"), seen.get(scan.pk), own=True) for scan in scans]
    return Chart(
        key="course",
        kind="trend",
        title=verdicts.on_course(known, brand),
        subtitle=_("Visibility by scan, with its 95% interval. Whether it moved is a question of the same prompts."),
        label=_("Scan of"),
        measure=_("Visibility"),
        series=[Series(name=brand, points=points)],
    )


def _point(label: str, estimate: Estimate | None, *, own: bool, note: str = "") -> Point:
    if estimate is None:
        return Point(label=label, value=None, note=note, own=own)
    value, low, high = estimate.value, estimate.low, estimate.high
    return Point(label=label, value=value, low=low, high=high, n=estimate.n, note=note, own=own)


def _in_answers(number: int) -> str:
    return ngettext("in %(number)s answer", "in %(number)s answers", number) % {"number": formats.number(number)}
