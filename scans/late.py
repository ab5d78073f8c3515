"""Answers that were cancelled while they were asked: nobody wants them any more, but their calls are still paid for.

Such a row keeps what its claim held of the budgets. The hold ends when the call is booked, when it turns out that none
was sent, with the batch that it was handed over with, or once no call can still be under way.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection
from django.db.models import Case, F, Q, Value, When

if TYPE_CHECKING:
    from scans.claims import Claimed

CALL_SECONDS = 120.0
_SLACK = 10.0

# At the moment when answers are cancelled: who keeps a hold, and what all others' becomes.
_UNDER_WAY = Q(status="claimed") | Q(batch_job__isnull=False)
KEPT: dict[str, Any] = {
    name: Case(When(_UNDER_WAY, then=F(name)), default=Value(None)) for name in ("held_month", "held_cost")
}
HELD = """
SELECT a.org_id, a.project_id, a.held_cost, j.id IS NOT NULL AS batched
FROM scans_answer a LEFT JOIN scans_batchjob j ON j.id = a.batch_job_id AND j.finished_at IS NULL
WHERE a.status = 'cancelled' AND a.held_month IS NOT NULL AND a.org_id = ANY(%(orgs)s) AND a.held_month = %(month)s
  AND (a.finished_at > now() - %(late)s * interval '1 second' OR j.id IS NOT NULL)
"""
# The attempt's number names its claim: the token went with the cancelling.
_LET_GO = """
WITH late AS MATERIALIZED (
  SELECT a.id, a.held_month FROM scans_answer a
  JOIN unnest(%(ids)s::bigint[], %(attempts)s::int[]) AS was(id, attempts)
    ON a.id = was.id AND a.attempts = was.attempts
  WHERE a.status = 'cancelled' AND a.held_month IS NOT NULL ORDER BY a.id FOR UPDATE OF a
)
UPDATE scans_answer a SET held_month = NULL, held_cost = NULL FROM late WHERE a.id = late.id
RETURNING a.id, late.held_month
"""


def longest() -> float:
    """Seconds within which a call has ended whose answer was cancelled."""
    return settings.SCAN_LEASE_SECONDS + CALL_SECONDS + _SLACK


def let_go(claimed: Iterable[Claimed]) -> dict[int, date]:
    """In the caller's scope: these hold nothing any more if they were cancelled; by id, the month that they held of."""
    held = list(claimed)
    if not held:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_LET_GO, {"ids": [one.id for one in held], "attempts": [one.attempts for one in held]})
        return dict(cursor.fetchall())
