"""Leases on answers: which are due, claiming them, keeping, giving back and recovering them.

Works over every organization at once. Every time is the database's clock; every statement that locks several rows
locks them in the order of their ids or skips locked ones, so that runners never wait for each other in a circle.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from orgs.scoping import all_orgs_scope
from scans import due, holds, late, stopping
from scans.due import DueLane

MAX_LOST_LEASES = 3
_SUSPECT = MAX_LOST_LEASES - 1
_REASON = "scan runner"


# Which claim of which answer: a process may hold one that lost its lease beside the one that took over.
Lease = tuple[int, uuid.UUID]


@dataclass(frozen=True, slots=True)
class Claimed:
    """One answer held under a lease. `attempts` counts the call that is about to be made."""

    id: int
    token: uuid.UUID
    org_id: int
    project_id: int
    scan_id: int
    lane: str
    engine: str
    prompt_text: str
    country: str
    language: str
    attempts: int
    suspect: bool
    created_at: datetime

    @property
    def lease(self) -> Lease:
        return self.id, self.token


_CLAIM = """
WITH wanted AS (
  SELECT * FROM unnest(
    %(lanes)s::text[], %(engines)s::text[], %(suspects)s::bool[], %(orgs)s::bigint[], %(counts)s::int[],
    %(costs)s::numeric[]
  ) AS w(lane, engine, suspect, org_id, count, cost)
), picked AS MATERIALIZED (
  SELECT first.id, wanted.cost FROM wanted, LATERAL (
    SELECT id FROM scans_answer
    WHERE status = 'pending' AND batch_job_id IS NULL
      AND lane = wanted.lane AND engine = wanted.engine AND org_id = wanted.org_id
      AND due_at <= now() AND (lost_leases >= %(suspect)s) = wanted.suspect
    ORDER BY turn, id LIMIT wanted.count FOR UPDATE SKIP LOCKED
  ) first
)
UPDATE scans_answer a
SET status = 'claimed', lease_token = %(token)s, lease_until = now() + %(lease)s * interval '1 second',
    attempts = attempts + 1, held_month = date_trunc('month', now(), 'UTC') AT TIME ZONE 'UTC',
    held_cost = CASE WHEN a.simulated THEN 0 ELSE picked.cost END
FROM picked WHERE a.id = picked.id
RETURNING a.id, a.lease_token, a.org_id, a.project_id, a.scan_id, a.lane, a.engine, a.prompt_text, a.country,
    a.language, a.attempts, a.lost_leases >= %(suspect)s, a.created_at, a.turn,
    a.held_month, a.held_cost
"""

_BEGIN_SCANS = """
UPDATE scans_scan SET status = 'running', started_at = now() WHERE id = ANY(%s) AND status = 'queued'
"""

_HELD = """
SELECT a.id FROM scans_answer a JOIN unnest(%(ids)s::bigint[], %(tokens)s::uuid[]) AS held(id, token)
  ON a.id = held.id AND a.lease_token = held.token
WHERE a.status = 'claimed'
"""

_RENEW = f"""
WITH mine AS MATERIALIZED ({_HELD} ORDER BY a.id FOR UPDATE OF a SKIP LOCKED)
UPDATE scans_answer a SET lease_until = now() + %(lease)s * interval '1 second' FROM mine WHERE a.id = mine.id
"""  # noqa: S608 - composed of constants

_GIVE_BACK = f"""
WITH mine AS MATERIALIZED ({_HELD} ORDER BY a.id FOR UPDATE OF a)
UPDATE scans_answer a
SET status = 'pending', lease_token = NULL, lease_until = NULL, due_at = now(), attempts = a.attempts - %(uncount)s
FROM mine WHERE a.id = mine.id
"""  # noqa: S608 - composed of constants

# Nobody could renew a lease while the database was away: who holds one that ran out then gets time to say so, on a
# machine that is busy starting a database.
EXPIRED = """lease_until < now() AND (lease_until > pg_postmaster_start_time() + interval '5 seconds'
    OR now() > pg_postmaster_start_time() + greatest(%(lease)s, 15) * interval '1 second')"""

_EXPIRE = f"""
WITH gone AS MATERIALIZED (
  SELECT id FROM scans_answer WHERE status = 'claimed' AND {EXPIRED}
  ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE scans_answer a
SET status = 'pending', lease_token = NULL, lease_until = NULL, due_at = now(), lost_leases = a.lost_leases + 1
FROM gone WHERE a.id = gone.id AND a.lost_leases < %(suspect)s
"""  # noqa: S608 - composed of constants

_TAKE_BACK = """
WITH chosen AS MATERIALIZED (
  SELECT id FROM scans_answer WHERE id = ANY(%(ids)s) AND status = 'claimed' ORDER BY id FOR UPDATE
)
UPDATE scans_answer a
SET status = 'pending', lease_token = NULL, lease_until = NULL, due_at = now()
FROM chosen WHERE a.id = chosen.id RETURNING a.org_id, a.scan_id
"""

_CONDEMNED = f"""
SELECT id, lease_token, org_id, project_id, scan_id, lane, engine, prompt_text, country, language, attempts, true,
    created_at
FROM scans_answer WHERE status = 'claimed' AND {EXPIRED} AND lost_leases >= %(suspect)s
ORDER BY id LIMIT %(limit)s
"""  # noqa: S608 - composed of constants

_UNFINISHED = """
SELECT org_id, id FROM scans_scan WHERE status IN ('queued', 'running') AND NOT EXISTS (
  SELECT 1 FROM scans_answer a WHERE a.scan_id = scans_scan.id AND a.status IN ('pending', 'claimed')
) ORDER BY org_id, id LIMIT %(limit)s
"""

_NEXT = """
SELECT extract(epoch FROM min(due_at) - now()) FROM scans_answer WHERE status = 'pending' AND batch_job_id IS NULL
"""

# What waits in a batch stays in the lane that the batch was sent in.
_MOVE = """
UPDATE scans_answer SET lane = %(target)s, simulated = %(simulated)s
WHERE status = 'pending' AND batch_job_id IS NULL AND org_id = %(org_id)s AND lane = %(lane)s AND engine = %(engine)s
"""


def due_lanes(*, limit: int) -> list[DueLane]:
    """Every organization with answers to ask now in a lane, counting at most `limit` for each."""
    return due.due_lanes(limit=limit, suspect=_SUSPECT)


def next_due_in() -> float | None:
    """Seconds until the next answer that waits, in no batch, may be asked; negative when one may already, None when
    none waits."""
    [(seconds,)] = _rows(_NEXT)
    return None if seconds is None else float(seconds)


def claim(wanted: Sequence[DueLane]) -> list[Claimed]:
    """Lease at most `count` due answers of each organization in a lane, earliest turns first, as far as budgets and the
    organizations' caps go, and call their scans running."""
    if not wanted:
        return []
    with all_orgs_scope(_REASON):
        rows = sorted(_rows(_CLAIM, _wanted(due.within_caps(wanted))), key=lambda row: (row[-3], row[0]))
        over = holds.measure([holds.Hold(row[0], row[2], row[3], row[4], row[-2], row[-1]) for row in rows])
    # In its own transaction: cancelling locks a scan before its answers, claiming has just locked answers.
    _execute(_BEGIN_SCANS, [sorted({row[4] for row in rows})])
    stopping.stop_scans(over.stops)
    return [Claimed(*row[:-3]) for row in rows if row[0] not in over.refused]


def lost(claimed: Iterable[Claimed]) -> set[int]:
    """Ids of those that are not ours any more: their scan was cancelled, or the lease ran out and was taken back."""
    held = list(claimed)
    if not held:
        return set()
    return {one.id for one in held} - {pk for (pk,) in _rows(_HELD, _ids_and_tokens(held))}


def renew(claimed: Iterable[Claimed]) -> None:
    _execute(_RENEW, {**_ids_and_tokens(list(claimed)), "lease": settings.SCAN_LEASE_SECONDS})


def give_back(claimed: Iterable[Claimed], *, asked: bool) -> None:
    """Return leased answers unanswered; a call that was never sent (`asked` false) is not counted, and holds nothing
    where it was cancelled meanwhile."""
    held = list(claimed)
    _execute(_GIVE_BACK, {**_ids_and_tokens(held), "uncount": 0 if asked else 1})
    if not asked:
        with all_orgs_scope(_REASON):
            late.let_go(held)


def expire(*, limit: int = 1000) -> int:
    """Return answers whose workers are gone, except those that have lost too many. How many were returned."""
    return _execute(_EXPIRE, _sweeping(limit))


def take_back(ids: Sequence[int]) -> list[tuple[int, int]]:
    """Return leased answers whoever holds them. (organization, scan) of each that was leased."""
    return [(org_id, scan_id) for org_id, scan_id in _rows(_TAKE_BACK, {"ids": list(ids)})]


def condemned(*, limit: int = 1000) -> list[Claimed]:
    """Answers whose lease ran out for the last time."""
    return [Claimed(*row) for row in _rows(_CONDEMNED, _sweeping(limit))]


def unfinished(*, limit: int = 1000) -> list[tuple[int, int]]:
    """(organization, scan) of every open scan with nothing left to do: somebody died before ending it."""
    return [(org_id, scan_id) for org_id, scan_id in _rows(_UNFINISHED, {"limit": limit})]


def move(org_id: int, *, engine: str, lane: str, target: str, simulated: bool) -> None:
    """Put an organization's waiting answers into another lane: its key has changed since they were created."""
    parameters = {"org_id": org_id, "engine": engine, "lane": lane, "target": target, "simulated": simulated}
    _execute(_MOVE, parameters)


def _wanted(wanted: Sequence[DueLane]) -> dict[str, Any]:
    return {
        "lanes": [one.lane for one in wanted],
        "engines": [one.engine for one in wanted],
        "suspects": [one.suspect for one in wanted],
        "orgs": [one.org_id for one in wanted],
        "counts": [one.count for one in wanted],
        "costs": [holds.most(one.engine) for one in wanted],
        "suspect": _SUSPECT,
        "token": uuid.uuid4(),
        "lease": settings.SCAN_LEASE_SECONDS,
    }


def _sweeping(limit: int) -> dict[str, Any]:
    return {"suspect": _SUSPECT, "limit": limit, "lease": settings.SCAN_LEASE_SECONDS}


def _ids_and_tokens(claimed: list[Claimed]) -> dict[str, Any]:
    return {"ids": [one.id for one in claimed], "tokens": [one.token for one in claimed]}


def _rows(sql: str, parameters: Any = None) -> list[Any]:
    with all_orgs_scope(_REASON), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[Any] = cursor.fetchall()
        return rows


def _execute(sql: str, parameters: Any = None) -> int:
    with all_orgs_scope(_REASON), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        changed: int = cursor.rowcount
        return changed
