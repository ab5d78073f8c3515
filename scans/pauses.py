"""Which of a scan's engines are waiting, why, and until when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Min, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from prompts.gateway import lane_states
from prompts.llm import catalog
from scans import budget_waits
from scans.models import Answer, Scan

if TYPE_CHECKING:
    from prompts.llm.gauges import LaneGauge


STOPS = frozenset({"redis_down", "breaker_open", "day_spent", budget_waits.HELD})  # nobody can tell what comes after


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """`kind` is breaker_open, day_spent, rate_limited, redis_down, budget_held, or what the last calls failed with;
    `until` is None where nobody can tell."""

    kind: str
    reason: str
    until: datetime | None


def pauses_of(scan: Scan) -> dict[str, Pause]:
    """Engine -> its pause, for engines with answers to go. Calls from before may be under way where nothing new can be
    asked: Redis is away, the breaker is open, the day is spent. A lane that is merely full, or some of whose answers
    rest before their next call, is at work. One query."""
    return pauses_by_scan(scan.org_id, [scan]).get(scan.pk, {})


def pauses_by_scan(org_id: int, scans: Sequence[Scan]) -> dict[int, dict[str, Pause]]:
    """The same by scan, for those of an organization that are open. One query, none where all have ended."""
    going = [scan.pk for scan in scans if scan.is_open]
    if not going:
        return {}
    answers = Answer.objects.for_org(org_id).filter(scan__in=going, status__in=Answer.OPEN)
    rows = answers.values("scan_id", "engine", "lane").annotate(
        asking=Count("pk", filter=Q(status=Answer.Status.CLAIMED)),
        waiting=Count("pk", filter=Q(status=Answer.Status.PENDING, batch_job=None)),
        due_at=Min("due_at"),
        kinds=ArrayAgg("error_kind", filter=~Q(error_kind=""), distinct=True, default=[]),
    )
    states = lane_states({row["lane"] for row in rows})
    found: dict[int, dict[str, Pause]] = defaultdict(dict)
    for row in rows:
        pause = _away() if states is None else _pause(row, states.get(row["lane"]))
        if pause is not None:
            found[row["scan_id"]][row["engine"]] = pause
    return dict(found)


def _away() -> Pause:
    reason = _("Nothing is asked while Redis cannot be reached; the scan goes on by itself")
    return Pause(kind="redis_down", reason=reason, until=None)


def _pause(row: dict[str, Any], state: LaneGauge | None) -> Pause | None:
    if not row["waiting"]:
        state = None  # all is under way or in a batch: no lane holds it back
    if row["asking"]:
        return _stop(state)
    return _stop(state) or _short(row, state) or _rest(row, state)


def _stop(state: LaneGauge | None) -> Pause | None:
    """What lets nothing through, whatever is still under way."""
    if state and state.until and state.shut:
        reason = _("The provider has been failing; one call will try again")
        return Pause(kind="breaker_open", reason=reason, until=state.until)
    if state and state.until and state.day_spent:
        return _spent(state.until)
    return None


def _short(row: dict[str, Any], state: LaneGauge | None) -> Pause | None:
    """A day whose tokens do not reach for one more call is spent as well: there is hardly ever nothing left of it."""
    if state is None or state.day_tokens_left is None:
        return None
    try:
        needed = catalog.get(row["engine"]).reserved_tokens
    except catalog.UnknownEngine:
        return None
    return _spent(state.day_ends) if state.day_tokens_left < needed else None


def _spent(until: datetime | None) -> Pause:
    return Pause(kind="day_spent", reason=_("The day's budget of this provider key is spent"), until=until)


def _rest(row: dict[str, Any], state: LaneGauge | None) -> Pause | None:
    """Why an engine rests of which nothing is under way."""
    if state and state.until:
        return Pause(kind="rate_limited", reason=_("The provider's limit is reached"), until=state.until)
    if row["due_at"] > timezone.now() and budget_waits.HELD in row["kinds"]:
        reason = _("A batch holds what is left of the budget; what fits is asked as soon as it has ended")
        return Pause(kind=budget_waits.HELD, reason=reason, until=None)
    if row["due_at"] > timezone.now() and row["kinds"]:
        reason = _("The last calls failed and will be made again")
        return Pause(kind=row["kinds"][0], reason=reason, until=row["due_at"])
    return None
