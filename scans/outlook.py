"""What a schedule will do next, and about what it will cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from prompts.estimates import answer_cost
from prompts.llm import catalog
from prompts.models import Project, Prompt
from scans.models import Schedule

NEXT = 5
WINDOW = timedelta(days=30)
_MOST_IN_WINDOW = 24 * 30 + 1  # a schedule starts once an hour at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """`slots` are the next times, `answers` and `cost` one scan's (cost in USD, None where a price is unknown), `scans`
    and `month_cost` those of the next 30 days."""

    slots: list[datetime]
    answers: int
    cost: Decimal | None
    scans: int
    month_answers: int
    month_cost: Decimal | None


def outlook_of(schedule: Schedule, project: Project) -> Outlook:
    """One query."""
    now = timezone.now()
    slots = [] if schedule.is_paused else schedule.timetable.upcoming(now, count=_MOST_IN_WINDOW)
    scans = sum(slot <= now + WINDOW for slot in slots)
    engines = schedule.engines or project.engines
    prompts = Prompt.objects.for_org(project.org_id).filter(project=project, is_active=True, archived_at=None).count()
    asked = prompts * (schedule.samples or project.samples)
    cost = _cost(engines, asked)
    return Outlook(
        slots=slots[:NEXT],
        answers=asked * len(engines),
        cost=cost,
        scans=scans,
        month_answers=asked * len(engines) * scans,
        month_cost=None if cost is None else cost * scans,
    )


def _cost(engines: list[str], asked: int) -> Decimal | None:
    total = Decimal(0)
    for key in engines:
        try:
            each = answer_cost(catalog.get(key))
        except catalog.UnknownEngine:
            return None
        if each is None:
            return None
        total += each * asked
    return total
