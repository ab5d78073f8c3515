"""What may be asked now, by lane and organization, and how much of it an organization's cap lets through."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.conf import settings
from django.db import connection

from orgs.scoping import all_orgs_scope

_CLAIMING = 7_306_001  # namespace of advisory locks: one claim at a time for an organization


@dataclass(frozen=True, slots=True)
class DueLane:
    """`count` answers of one engine in one lane may be asked now for one organization, which has `busy` answers in
    flight everywhere. A suspect answer has lost so many workers that the next loss is its last: it may be what kills
    them."""

    lane: str
    engine: str
    suspect: bool
    org_id: int
    count: int
    busy: int = 0


# Walks from one organization in a lane to the next along the index instead of reading every pending row. What waits in
# batches is not in that index: those may be hundreds of thousands, for a day.
_DUE = """
WITH RECURSIVE place AS (
  (SELECT lane, engine, org_id FROM scans_answer
   WHERE status = 'pending' AND batch_job_id IS NULL ORDER BY lane, engine, org_id LIMIT 1)
  UNION ALL
  SELECT following.lane, following.engine, following.org_id FROM place, LATERAL (
    SELECT lane, engine, org_id FROM scans_answer
    WHERE status = 'pending' AND batch_job_id IS NULL
      AND (lane, engine, org_id) > (place.lane, place.engine, place.org_id)
    ORDER BY lane, engine, org_id LIMIT 1
  ) following
), busy AS (
  SELECT org_id, count(*) AS count FROM scans_answer WHERE status = 'claimed' GROUP BY org_id
)
SELECT place.lane, place.engine, due.suspect, place.org_id, due.count, coalesce(busy.count, 0)
FROM place LEFT JOIN busy ON busy.org_id = place.org_id, LATERAL (
  SELECT suspect, count(*) AS count FROM (
    SELECT lost_leases >= %(suspect)s AS suspect FROM scans_answer
    WHERE status = 'pending' AND batch_job_id IS NULL
      AND lane = place.lane AND engine = place.engine AND org_id = place.org_id
      AND due_at <= now()
    ORDER BY turn LIMIT %(limit)s
  ) first GROUP BY suspect
) due
"""

_BUSY = """
SELECT org_id, count(*) FROM scans_answer WHERE status = 'claimed' AND org_id = ANY(%s) GROUP BY org_id
"""

_TRY = """
SELECT org FROM unnest(%(orgs)s::bigint[], %(keys)s::int[]) AS k(org, key)
WHERE pg_try_advisory_xact_lock(%(namespace)s, key)
"""
_PAUSES = (0.005, 0.01, 0.02, 0.04)  # seconds between tries to claim for an organization that somebody claims for


def due_lanes(*, limit: int, suspect: int) -> list[DueLane]:
    """Every organization with answers to ask now in a lane, counting at most `limit` for each; `suspect` is how many
    leases a suspect answer has lost."""
    with all_orgs_scope("scan runner"), connection.cursor() as cursor:
        cursor.execute(_DUE, {"suspect": suspect, "limit": limit})
        return [DueLane(*row) for row in cursor.fetchall()]


def within_caps(wanted: Sequence[DueLane]) -> list[DueLane]:
    """What of it may be claimed in this transaction without any organization having more than `SCAN_ORG_CONCURRENCY`
    answers in flight, whoever claims at the same time. An organization that somebody else claims for waits for the next
    turn: whoever that is may have been stopped in the middle of it."""
    orgs = sorted({one.org_id for one in wanted})
    with connection.cursor() as cursor:
        ours = _locked(orgs)
        cursor.execute(_BUSY, [ours])
        busy = dict(cursor.fetchall())
    spare = dict.fromkeys(orgs, 0) | {org_id: settings.SCAN_ORG_CONCURRENCY - busy.get(org_id, 0) for org_id in ours}
    kept = []
    for one in wanted:
        count = min(one.count, spare[one.org_id])
        if count > 0:
            spare[one.org_id] -= count
            kept.append(replace(one, count=count))
    return kept


def _locked(orgs: Sequence[int]) -> list[int]:
    """Those that nobody else claims for, from now until this transaction ends. Claims take milliseconds, so that it is
    worth looking again; all are taken before any row is locked."""
    ours: list[int] = []
    with connection.cursor() as cursor:
        for pause in (*_PAUSES, 0.0):
            left = [org_id for org_id in orgs if org_id not in ours]
            keys = [org_id % 2_147_483_647 for org_id in left]
            cursor.execute(_TRY, {"namespace": _CLAIMING, "orgs": left, "keys": keys})
            ours += [org_id for (org_id,) in cursor.fetchall()]
            if len(ours) == len(orgs):
                break
            time.sleep(pause)
    return ours
