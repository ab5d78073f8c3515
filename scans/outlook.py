"""What a schedule will do next, and about what it will cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from prompts.credentials import available_engines
from prompts.models import Project, Prompt
from scans import economy
from scans.economy import Expected
from scans.forecast import Forecast, forecast_of
from scans.models import Schedule

NEXT = 5
WINDOW = timedelta(days=30)
_MOST_IN_WINDOW = 24 * 30 + 1  # a schedule starts once an hour at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """`slots` are the next times, before them the start of a scan whose slot has come; `answers` and `forecast` one
    scan's, `scans` and `month_cost` (USD, None where a price is unknown) those of the next 30 days in its mode;
    `economy` is what that mode saves on one scan, `saved` what it has saved this month."""

    slots: list[datetime]
    answers: int
    forecast: Forecast | None
    scans: int
    month_answers: int
    month_cost: float | None
    economy: Expected
    saved: Decimal


def outlook_of(schedule: Schedule, project: Project) -> Outlook:
    """Five queries."""
    now = timezone.now()
    slots = [] if schedule.is_paused else _to_come(schedule, now)
    scans = sum(slot <= now + WINDOW for slot in slots)
    engines = schedule.engines or project.engines
    prompts = Prompt.objects.for_org(project.org_id).filter(project=project, is_active=True, archived_at=None).count()
    asked = prompts * (schedule.samples or project.samples)
    forecast = _of_engines(project, engines, asked)
    saving = economy.expected(engines, asked, forecast=forecast)
    return Outlook(
        slots=slots[:NEXT],
        answers=asked * len(engines),
        forecast=forecast,
        scans=scans,
        month_answers=asked * len(engines) * scans,
        month_cost=_month_cost(schedule, forecast, saving, scans=scans),
        economy=saving,
        saved=economy.saved_this_month(project.org_id, project_id=project.pk),
    )


def _to_come(schedule: Schedule, now: datetime) -> list[datetime]:
    waits = schedule.next_slot_at is not None and schedule.next_slot_at <= now
    starts = [schedule.next_start_at] if waits and schedule.next_start_at else []
    return sorted([*starts, *schedule.timetable.upcoming(now, count=_MOST_IN_WINDOW)])


def _month_cost(schedule: Schedule, forecast: Forecast | None, saving: Expected, *, scans: int) -> float | None:
    if forecast is None or forecast.cost is None or forecast.unpriced:
        return None
    return (forecast.cost.likely - float((schedule.economy and saving.saved) or 0)) * scans


def _of_engines(project: Project, engines: list[str], asked: int) -> Forecast | None:
    known = {choice.engine.key: choice for choice in available_engines(project.org_id)}
    if not engines or not asked or not all(key in known for key in engines):
        return None
    return forecast_of(project, [known[key] for key in engines], asked=asked)
