"""Answers of a batch job: handed over within budgets, taken back with what the batch brought, stored as any other.

An answer that a batch holds stays pending, with its hold on the budgets on its row. What a batch brings is claimed and
stored in one transaction by the path that live answers take; what comes for an answer that was answered meanwhile is
paid for, and booked without being stored.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F

from orgs.scoping import all_orgs_scope, org_scope
from prompts import ledger
from prompts.batching import entry_of, paid
from prompts.estimates import most_cost
from prompts.gateway import Lane
from prompts.ledger import Entry
from prompts.llm.batches import BatchItem
from prompts.llm.types import Reply
from scans import budget_waits, holds
from scans.asking import PURPOSE, request_of
from scans.batch_jobs import NEVER, Job, change
from scans.claims import Claimed
from scans.ending import finish_scans
from scans.models import Answer, BatchJob
from scans.store import Outcome, Store

logger = logging.getLogger("prompter.scans")

_PAGE = 500
_REASON = "batch jobs"
_COLUMNS = (
    "id",
    "token",
    "org_id",
    "project_id",
    "scan_id",
    "lane",
    "engine",
    "prompt_text",
    "country",
    "language",
    "attempts",
    "created_at",
)
_CLAIM = """
WITH picked AS MATERIALIZED (
  SELECT id FROM scans_answer
  WHERE scan_id = %(scan)s AND engine = %(engine)s AND (batch_job_id IS NULL OR batch_job_id = %(job)s)
    AND id = ANY(%(ids)s) AND status = 'pending'
  ORDER BY id FOR UPDATE
)
UPDATE scans_answer a
SET status = 'claimed', lease_token = gen_random_uuid(), lease_until = now() + %(lease)s * interval '1 second',
  batch_job_id = %(job)s, attempts = attempts + 1,
  held_month = coalesce(a.held_month, date_trunc('month', now(), 'UTC') AT TIME ZONE 'UTC'),
  held_cost = coalesce(%(cost)s, a.held_cost)
FROM picked WHERE a.id = picked.id
RETURNING a.id, a.lease_token, a.org_id, a.project_id, a.scan_id, a.lane, a.engine, a.prompt_text, a.country,
  a.language, a.attempts, a.created_at, a.held_month, a.held_cost
"""
_PARK = """
UPDATE scans_answer SET status = 'pending', lease_token = NULL, lease_until = NULL, attempts = attempts - 1
WHERE id = ANY(%(ids)s)
"""
_LEAVE_OUT = """
UPDATE scans_answer SET held_month = NULL, held_cost = NULL, error_kind = %(kind)s,
  due_at = now() + %(never)s * interval '1 second'
WHERE id = ANY(%(ids)s)
"""


def hand_over(job: Job, lane: Lane) -> list[BatchItem]:
    """What the provider is to be given: the job's waiting answers, as far as the budgets of money and answers hold the
    most that they may cost. The others wait until the batch has cost what it cost, and are asked live then."""
    items: list[BatchItem] = []
    with org_scope(job.org_id):
        change(job, state=BatchJob.State.SUBMITTING)
        pks = _waiting(job)
    for start in range(0, len(pks), _PAGE):
        items += [
            BatchItem(custom_id=job.custom_id(one.id), request=request_of(one, lane.engine))
            for one in _parked(job, lane, pks[start : start + _PAGE])
        ]
    if items:
        change(job, total=len(items))
    return items


def _waiting(job: Job) -> list[int]:
    answers = Answer.objects.for_org(job.org_id).filter(batch_job_id=job.id, status=Answer.Status.PENDING)
    return list(answers.order_by("pk").values_list("pk", flat=True))


def _parked(job: Job, lane: Lane, pks: Sequence[int]) -> list[Claimed]:
    """Measured as claims are, in the same order of locks, and pending again with their hold."""
    with all_orgs_scope(_REASON):
        rows = _rows(_CLAIM, _claim(job, pks, cost=_most(lane)))
        over = holds.measure([holds.Hold(r[0], r[2], r[3], r[4], r[-2], r[-1]) for r in rows])
        refused = set(over.refused)
        kept = [row for row in rows if row[0] not in refused]
        _execute(_PARK, {"ids": [row[0] for row in kept]})
        _execute(_LEAVE_OUT, {"ids": sorted(refused), "never": NEVER.total_seconds(), "kind": budget_waits.HELD})
    return [_claimed(row) for row in kept]


def _most(lane: Lane) -> Decimal:
    if lane.simulated:
        return Decimal(0)
    return (most_cost(lane.engine, batch=True) or Decimal(0)).quantize(Decimal("0.00000001"))


def submitted(job: Job) -> list[str]:
    """The custom ids of what was handed over, in that order."""
    with org_scope(job.org_id):
        answers = Answer.objects.for_org(job.org_id).filter(batch_job_id=job.id, held_month__isnull=False)
        return [job.custom_id(pk) for pk in answers.order_by("pk").values_list("pk", flat=True)]


def take_in(job: Job, lane: Lane, came: dict[int, Reply], store: Store) -> int:
    """Store what came, or book what came for nothing, and count it on the job's row: all of it or nothing. How many
    were ours at all. Raises `Lost`."""
    with org_scope(job.org_id):
        change(job)
        # Those that are not waiting for it any more as well: the name in their custom ids says that they were its own.
        ours = Answer.objects.for_org(job.org_id).filter(scan_id=job.scan_id, engine=job.engine, pk__in=came)
        known = {pk: (project, scan) for pk, project, scan in ours.values_list("pk", "project_id", "scan_id")}
        claimed = [_claimed(row) for row in _rows(_CLAIM, _claim(job, sorted(known), cost=None))]
        outcomes = [_outcome(job, lane, one, came[one.id]) for one in claimed]
        if outcomes:
            store(outcomes)
        late = [
            _for_nothing(_entry(job, lane, pk, known[pk][0], came[pk]))
            for pk in sorted(set(known) - {o.claimed.id for o in outcomes})
        ]
        ledger.book(job.org_id, late, doubtful=True)
        _count(job, lane, [came[one.id] for one in claimed])
    finish_scans(job.org_id, {scan for _, scan in known.values()})
    return len(known)


def _for_nothing(entry: Entry) -> Entry:
    """Paid for though it was asked live, or not wanted any more: it counts, and saved nothing."""
    return replace(entry, answers=1, fields={**entry.fields, "saved": Decimal(0)})


def _count(job: Job, lane: Lane, replies: Sequence[Reply]) -> None:
    each = [paid(lane, reply) for reply in replies]
    BatchJob.objects.for_org(job.org_id).filter(pk=job.id).update(
        answered=F("answered") + len(each),
        cost=F("cost") + sum((one.cost or Decimal(0) for one in each), Decimal(0)),
        saved=F("saved") + sum((one.saved for one in each), Decimal(0)),
    )


def _outcome(job: Job, lane: Lane, claimed: Claimed, reply: Reply) -> Outcome:
    entry = _entry(job, lane, claimed.id, claimed.project_id, reply)
    return Outcome(
        claimed=claimed,
        status=Answer.Status.SUCCEEDED,
        reply=reply,
        cost=entry.fields["cost"],
        entry=entry,
    )


def _entry(job: Job, lane: Lane, pk: int, project_id: int, reply: Reply) -> Entry:
    assert job.results_at is not None
    return entry_of(
        lane,
        reply,
        org_id=job.org_id,
        project_id=project_id,
        purpose=PURPOSE,
        reference=f"answer:{pk}",
        attempt=1,
        # Spread over a second: what was booked before is looked for by its time.
        at=job.results_at + timedelta(microseconds=pk % 1_000_000),
    )


def _claim(job: Job, pks: Sequence[int], *, cost: Decimal | None) -> dict[str, Any]:
    return {
        "job": job.id,
        "scan": job.scan_id,
        "engine": job.engine,
        "ids": list(pks),
        "lease": settings.SCAN_LEASE_SECONDS,
        "cost": cost,
    }


def _claimed(row: Sequence[Any]) -> Claimed:
    return Claimed(**dict(zip(_COLUMNS, row, strict=False)), suspect=False)


def _rows(sql: str, parameters: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[Any] = cursor.fetchall()
        return sorted(rows, key=lambda row: row[0])


def _execute(sql: str, parameters: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
