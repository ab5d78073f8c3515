"""What every lane has to do: answers that wait, those under way, and leases that nobody holds any more."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from orgs.scoping import all_orgs_scope
from scans.claims import EXPIRED


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneLoad:
    """`due` of the `pending` answers may be asked now, the first of them for `oldest` seconds; `expired` of the
    `claimed` ones have outlived their lease."""

    lane: str
    pending: int
    due: int
    oldest: float | None
    claimed: int
    expired: int
    organizations: int


# Three walks, each along its own partial index; one condition on both statuses would read the whole table.
_LOADS = f"""
SELECT lane, coalesce(sum(pending), 0), coalesce(sum(due), 0), max(oldest), coalesce(sum(claimed), 0),
  coalesce(sum(expired), 0), count(DISTINCT org_id)
FROM (
  SELECT lane, org_id, count(*) AS pending, count(*) FILTER (WHERE due_at <= now()) AS due,
    extract(epoch FROM now() - min(due_at) FILTER (WHERE due_at <= now())) AS oldest, 0 AS claimed, 0 AS expired
  FROM scans_answer WHERE status = 'pending' AND batch_job_id IS NULL GROUP BY lane, org_id
  UNION ALL
  SELECT lane, org_id, count(*), 0, NULL, 0, 0
  FROM scans_answer WHERE status = 'pending' AND batch_job_id IS NOT NULL GROUP BY lane, org_id
  UNION ALL
  SELECT lane, org_id, 0, 0, NULL, count(*), count(*) FILTER (WHERE {EXPIRED})
  FROM scans_answer WHERE status = 'claimed' GROUP BY lane, org_id
) open_answers
GROUP BY lane ORDER BY 3 DESC, lane LIMIT 200
"""  # noqa: S608 - composed of constants


def lane_loads() -> list[LaneLoad]:
    """The busiest first. One query over every organization."""
    with all_orgs_scope("lane loads"), connection.cursor() as cursor:
        cursor.execute(_LOADS, {"lease": settings.SCAN_LEASE_SECONDS})
        rows = cursor.fetchall()
    return [
        LaneLoad(
            lane=lane,
            pending=int(pending),
            due=int(due),
            oldest=None if oldest is None else float(oldest),
            claimed=int(claimed),
            expired=int(expired),
            organizations=organizations,
        )
        for lane, pending, due, oldest, claimed, expired, organizations in rows
    ]
