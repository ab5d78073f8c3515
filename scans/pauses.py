"""Which of a scan's engines are waiting, why, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Min, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from prompts.gateway import lane_states
from scans.models import Answer, Scan


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """`kind` is breaker_open, rate_limited, or what the last calls failed with."""

    kind: str
    reason: str
    until: datetime


def pauses_of(scan: Scan) -> dict[str, Pause]:
    """Engine -> its pause, for engines with answers to go and none under way. One query."""
    if not scan.is_open:
        return {}
    answers = Answer.objects.for_org(scan.org_id).filter(scan=scan, status__in=Answer.OPEN)
    rows = answers.values("engine", "lane").annotate(
        asking=Count("pk", filter=Q(status=Answer.Status.CLAIMED)),
        due_at=Min("due_at"),
        kinds=ArrayAgg("error_kind", filter=~Q(error_kind=""), distinct=True, default=[]),
    )
    idle = [row for row in rows if not row["asking"]]
    states = lane_states(row["lane"] for row in idle)
    pauses = {}
    for row in idle:
        state = states.get(row["lane"])
        if state and state.paused_until and state.breaker_open:
            reason = _("The provider has been failing; one call will try again")
            pauses[row["engine"]] = Pause(kind="breaker_open", reason=reason, until=state.paused_until)
        elif state and state.paused_until:
            reason = _("The provider's limit is reached")
            pauses[row["engine"]] = Pause(kind="rate_limited", reason=reason, until=state.paused_until)
        elif row["due_at"] > timezone.now() and row["kinds"]:
            reason = _("The last calls failed and will be made again")
            pauses[row["engine"]] = Pause(kind=row["kinds"][0], reason=reason, until=row["due_at"])
    return pauses
