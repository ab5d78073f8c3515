"""Batch jobs: planned when an economy scan starts, looked after by whoever claims them, ended by conditional updates.

A job is one batch at one provider. Whoever looks after it puts its next look off and leaves a token on its row; every
change asks for that token, so that of two that believe to hold it only the later one writes. Every time is the
database's clock.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F, Q
from django.db.models.functions import Now

from orgs.scoping import all_orgs_scope, org_scope
from orgs.telling import NOTHING, Sentence
from prompts.gateway import Lane
from prompts.llm.batches import TERMS
from scans.findings import storable, storable_values
from scans.models import Answer, BatchJob, Scan

State = BatchJob.State

LEASE = timedelta(minutes=5)  # longer than any single call to a provider and what is written after it
GRACE = timedelta(minutes=15)  # between stopping a batch and asking live, for what it had answered to come in
NEVER = timedelta(days=366)  # by itself: an answer is due when its job says so, however long nobody looked
FIRST_LOOK = 15.0  # seconds after it was handed over
_REASON = "batch jobs"


class Lost(Exception):
    """Somebody else looks after the job now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it was claimed. `over`: its deadline has passed, `late`: and the time for what it had answered; `age` in
    seconds since it was handed over."""

    id: int
    token: uuid.UUID
    org_id: int
    scan_id: int
    engine: str
    lane: str
    name: str
    batch_id: str
    proven: bool
    state: str
    total: int
    progress: int | None
    tries: int
    created_at: datetime
    results_at: datetime | None
    key_removed: bool
    over: bool
    late: bool
    age: float

    def custom_id(self, answer_id: int) -> str:
        return f"{self.name}-{answer_id}"

    def answer_id(self, custom_id: str) -> int | None:
        """None for what is not ours."""
        name, _, number = custom_id.rpartition("-")
        return int(number) if name == self.name and number.isdecimal() and len(number) < 19 else None


_CLAIM = """
WITH due AS MATERIALIZED (
  SELECT id FROM scans_batchjob WHERE next_poll_at <= now() ORDER BY next_poll_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE scans_batchjob j SET token = gen_random_uuid(), next_poll_at = now() + %(lease)s * interval '1 second'
FROM due WHERE j.id = due.id
RETURNING j.id, j.token, j.org_id, j.scan_id, j.engine, j.lane, j.name, j.batch_id, j.proven, j.state, j.total,
  j.progress, j.tries, j.created_at, j.results_at, j.key_removed_at IS NOT NULL, j.deadline_at <= now(),
  j.deadline_at + %(grace)s * interval '1 second' <= now(),
  extract(epoch FROM now() - coalesce(j.submitted_at, j.created_at))
"""


def hand_over(scan: Scan, lanes: Sequence[Lane]) -> None:
    """In the transaction that starts the scan: its answers that a batch may bring wait for one."""
    for lane in lanes:
        terms = TERMS.get(lane.engine.provider)
        if terms is None or not lane.engine.batches:
            continue
        ids = Answer.objects.for_org(scan.org_id).filter(scan=scan, engine=lane.engine.key).order_by("pk")
        pks = list(ids.values_list("pk", flat=True))
        for start in range(0, len(pks), terms.items):
            _plan(scan, lane, pks[start : start + terms.items])


def _plan(scan: Scan, lane: Lane, pks: Sequence[int]) -> None:
    # Early enough that what it does not bring can be asked live within the time of a scan.
    patience = timedelta(hours=min(settings.SCAN_BATCH_HOURS, settings.SCAN_DEADLINE_HOURS / 2))
    job = BatchJob.objects.for_org(scan.org_id).create(
        org_id=scan.org_id,
        scan=scan,
        engine=lane.engine.key,
        lane=lane.key,
        simulated=lane.simulated,
        name=f"prompter-{uuid.uuid4().hex[:20]}",
        total=len(pks),
        created_at=Now(),
        deadline_at=Now() + patience,
        next_poll_at=Now(),
    )
    answers = Answer.objects.for_org(scan.org_id).filter(scan=scan, engine=lane.engine.key)
    answers.filter(pk__gte=pks[0], pk__lte=pks[-1]).update(batch_job=job, due_at=Now() + NEVER)


def stop_jobs(scan: Scan) -> None:
    """In the transaction that cancels the scan: what was not handed over is not, what was is stopped at once. What is
    being handed over at this moment is stopped by whoever does it, who alone knows its id."""
    jobs = BatchJob.objects.for_org(scan.org_id).filter(scan=scan)
    # In the order in which whoever takes their key away locks them, too.
    list(jobs.filter(state__in=BatchJob.OPEN).order_by("pk").select_for_update(no_key=True).values_list("pk"))
    ended = {"finished_at": Now(), "next_poll_at": None, "token": None, "parting_key": None}
    jobs.filter(state=State.QUEUED).update(state=State.CANCELLED, **ended)
    jobs.filter(state=State.SUBMITTING).update(deadline_at=Now())
    jobs.filter(state__in=BatchJob.OPEN).exclude(state=State.SUBMITTING).update(deadline_at=Now(), next_poll_at=Now())


def claim(*, limit: int) -> list[Job]:
    """Jobs that are due, those that have waited longest first."""
    with all_orgs_scope(_REASON), connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"limit": limit, "lease": LEASE.total_seconds(), "grace": GRACE.total_seconds()})
        names = Job.__dataclass_fields__
        return [_job(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def _job(fields: dict[str, Any]) -> Job:
    return Job(**{**fields, "age": float(fields["age"])})


def change(job: Job, *, wait: float | None = None, **fields: Any) -> None:
    """Write to the job's row in the caller's scope or one of its own; the next look is in `wait` seconds, or when the
    lease runs out. Raises `Lost`."""
    fields["next_poll_at"] = Now() + (LEASE if wait is None else timedelta(seconds=wait))
    with org_scope(job.org_id):
        held = BatchJob.objects.for_org(job.org_id).filter(pk=job.id, token=job.token, state__in=BatchJob.OPEN)
        if not held.update(**fields):
            raise Lost


def _kept(problem: Sentence) -> dict[str, Any]:
    return {"problem": storable(problem.text)[:300], "problem_values": storable_values(problem.values)}


def look_again(job: Job, *, wait: float, progress: int | None = None, state: str = "") -> None:
    """All is well, it only takes time."""
    with org_scope(job.org_id):
        told = {"progress": progress} if progress is not None else {}
        change(job, wait=wait, tries=0, **_kept(NOTHING), **told)
        if state:
            BatchJob.objects.for_org(job.org_id).filter(pk=job.id, token=job.token).update(state=state)
        _not_beyond_the_deadline(job)


def failed_for_now(job: Job, *, wait: float, problem: Sentence) -> None:
    with org_scope(job.org_id):
        change(job, wait=wait, tries=F("tries") + 1, **_kept(problem))
        _not_beyond_the_deadline(job)


def put_off(job: Job, *, wait: float, problem: Sentence) -> None:
    """It is nobody's failure, so it is not counted."""
    with org_scope(job.org_id):
        change(job, wait=wait, **_kept(problem))
        _not_beyond_the_deadline(job)


def stopping(job: Job, *, wait: float, progress: int | None) -> None:
    """It was asked to stop. From now on it has `GRACE`, however late that was."""
    with org_scope(job.org_id):
        look_again(job, wait=wait, progress=progress, state=State.STOPPING)
        BatchJob.objects.for_org(job.org_id).filter(pk=job.id, token=job.token).update(deadline_at=Now())


def _not_beyond_the_deadline(job: Job) -> None:
    """Then there is something to do."""
    held = BatchJob.objects.for_org(job.org_id).filter(pk=job.id, token=job.token, deadline_at__gt=Now())
    held.filter(next_poll_at__gt=F("deadline_at")).update(next_poll_at=F("deadline_at"))


def release(job: Job) -> int:
    """What the job has not brought is asked live from now on; how many answers that are. What it brings later is
    stored where nobody has asked yet, and booked in any case. Raises `Lost`."""
    with org_scope(job.org_id):
        held = BatchJob.objects.for_org(job.org_id).filter(pk=job.id, token=job.token, state__in=BatchJob.OPEN)
        if not held.select_for_update(no_key=True).exists():
            raise Lost
        waiting = Answer.objects.for_org(job.org_id).filter(batch_job_id=job.id, status=Answer.Status.PENDING)
        ids = list(waiting.order_by("pk").select_for_update().values_list("pk", flat=True))
        return waiting.filter(pk__in=ids).update(due_at=Now(), batch_job=None, held_month=None, held_cost=None)


def end(job: Job, *, state: str, problem: Sentence = NOTHING) -> int:
    """For good. What it has not brought is asked live from now on; how many answers that are. Raises `Lost`."""
    with org_scope(job.org_id):
        change(job)
        released = release(job)
        rows = BatchJob.objects.for_org(job.org_id).filter(pk=job.id)
        ended = {"finished_at": Now(), "next_poll_at": None, "token": None, "parting_key": None}
        rows.update(state=state, **ended, **_kept(problem))
        return released


def names_in_use(batch_ids: Sequence[str]) -> set[str]:
    """Those of a provider's batches that are certainly some job's of ours."""
    with all_orgs_scope(_REASON), connection.cursor() as cursor:
        cursor.execute("SELECT batch_id FROM scans_batchjob WHERE proven AND batch_id = ANY(%s)", [list(batch_ids)])
        return {batch_id for (batch_id,) in cursor.fetchall()}


def is_wanted(job: Job) -> bool:
    """Whether its scan still goes on."""
    with org_scope(job.org_id):
        return Scan.objects.for_org(job.org_id).filter(pk=job.scan_id, status__in=Scan.OPEN).exists()


def begin_collecting(job: Job, *, progress: int | None) -> Job:
    """From now on what its results are booked with is fixed. Raises `Lost`."""
    with org_scope(job.org_id):
        change(job, state=State.COLLECTING, results_at=Now(), tries=0, progress=progress, **_kept(NOTHING))
        at = BatchJob.objects.for_org(job.org_id).values_list("results_at", flat=True).get(pk=job.id)
    return replace(job, state=State.COLLECTING, results_at=at, tries=0, progress=progress)


def accept(job: Job, *, batch_id: str, proven: bool = True) -> None:
    """The provider has it. Raises `Lost`."""
    with org_scope(job.org_id):
        taken: dict[str, Any] = {"batch_id": batch_id, "proven": proven, "submitted_at": Now()}
        change(job, state=State.WAITING, tries=0, **taken, **_kept(NOTHING))
        look_again(job, wait=FIRST_LOOK)
        # Its scan was cancelled meanwhile: it is to be stopped before it has answered much.
        BatchJob.objects.for_org(job.org_id).filter(pk=job.id, deadline_at__lte=Now()).update(next_poll_at=Now())
    # In a transaction of its own: cancelling locks a scan before its jobs.
    with org_scope(job.org_id):
        queued = Scan.objects.for_org(job.org_id).filter(pk=job.scan_id, status=Scan.Status.QUEUED)
        queued.update(status=Scan.Status.RUNNING, started_at=Now())


def take_back(job: Job, *, batch_id: str) -> bool:
    """Write down a batch that the provider took after the job was lost, so that somebody stops it and collects what it
    answered. False where the job has another batch by now, is gone with its scan, or where its key was removed and is
    forgotten by now, so that nobody else could stop it."""
    with org_scope(job.org_id):
        rows = BatchJob.objects.for_org(job.org_id).filter(pk=job.id, batch_id="")
        rows = rows.filter(Q(key_removed_at=None) | Q(parting_key__isnull=False))
        return bool(
            rows.update(
                batch_id=batch_id,
                state=State.WAITING,
                token=None,
                submitted_at=Now(),
                deadline_at=Now(),
                finished_at=None,
                next_poll_at=Now(),
            )
        )
