"""Looking after batch jobs: handing over, polling, stopping and collecting, each step repeatable after a crash.

A batch is paid for once it is accepted, so nobody hands one over twice: what may have been accepted is looked for
first. What a batch has answered when it is stopped is paid for, too, and stored while its answers still wait.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import aclosing

from django.utils.translation import gettext_noop

from orgs.telling import NOTHING, Sentence
from prompts import gateway
from prompts.batching import batches_of, former_lane
from prompts.failures import said_of
from prompts.gateway import EngineUnavailable, Lane
from prompts.llm.batches import Batches, BatchState, BatchStatus, FoundBatch
from prompts.llm.errors import ErrorKind, LlmError
from prompts.llm.types import Reply
from prompts.traffic import reachable
from scans import batch_answers, batch_jobs, batch_keys, budget_waits
from scans.batch_jobs import Job, Lost
from scans.database import Database
from scans.ending import finish_scans
from scans.lanes import Lanes
from scans.models import BatchJob
from scans.store import Store

logger = logging.getLogger("prompter.scans")

State = BatchJob.State

AT_ONCE = 8  # jobs that one process looks after
FRESH = 5.0  # seconds until it looks for more, whatever is under way
CHUNK = 100  # results stored in one transaction
MOST_TRIES = 8  # failures in a row until a batch that nobody took is given up, or one that is late is not waited for
LONGEST_WAIT = 600.0  # seconds between two looks
SOON = 20.0  # seconds between two looks at a batch that was asked to stop
ABANDONED = 50 * 3600.0  # seconds after which no provider is still at it
KEY_GONE = Sentence(gettext_noop("The key that this batch was handed over with is gone."))
_AWAY = Sentence(gettext_noop("Nothing is handed over while Redis cannot be reached."))
_FAILED_INSIDE = gettext_noop("Failed inside Prompter (%(error)s).")
_TOO_LATE = Sentence(gettext_noop("It could not be handed over in time."))
_NOTHING_LEFT = Sentence(gettext_noop("There was nothing left to hand over."))
_UNTOLD = Sentence(gettext_noop("Nobody could tell which batch it was."))
_SEVERAL = Sentence(gettext_noop("Several batches may be this one."))
_REFUSED = Sentence(gettext_noop("The provider refused the batch."))
_NEVER_ENDED = Sentence(gettext_noop("The provider never ended it."))
_NOT_OURS = Sentence(gettext_noop("What was found again was somebody else's batch."))
_TOO_FEW = gettext_noop("Fewer answers came than the provider has counted.")
_UNKNOWN = frozenset(  # the provider may have taken it all the same
    {ErrorKind.SERVER, ErrorKind.OVERLOADED, ErrorKind.TIMEOUT, ErrorKind.CONNECTION, ErrorKind.BAD_RESPONSE}
)
_GONE = frozenset({ErrorKind.NOT_FOUND, ErrorKind.UNSUPPORTED})
_FORBIDDEN = 403  # as a key of another account may be told; one that is bad itself is told 401
_HOPELESS = _GONE | {ErrorKind.AUTH, ErrorKind.BILLING, ErrorKind.BAD_REQUEST, ErrorKind.CONTENT_POLICY}


async def run(*, budget_seconds: float, nudge: Callable[[], None]) -> int:
    """Look after whatever is due, until nothing is or the time is up; how many looks. `nudge` is told of answers that
    are to be asked live after all."""
    database, until, looks = Database(), time.monotonic() + budget_seconds, 0
    keeper, under_way = Keeper(database, nudge), set[asyncio.Task[None]]()
    try:
        while True:
            # Whoever waits for a provider that hangs holds nobody else up.
            room = AT_ONCE - len(under_way) if time.monotonic() < until else 0
            jobs = await database(batch_jobs.claim, limit=room) if room else []
            under_way |= {asyncio.create_task(keeper.look_after(job)) for job in jobs}
            looks += len(jobs)
            if not under_way:
                return looks
            done, under_way = await asyncio.wait(under_way, timeout=FRESH, return_when=asyncio.FIRST_COMPLETED)
            _tell_of_failures(done)
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await database.aclose()


def _tell_of_failures(done: Iterable[asyncio.Task[None]]) -> None:
    for task in done:
        if failure := task.exception():
            logger.error("a batch job could not be looked after", exc_info=failure)


class Keeper:
    def __init__(self, database: Database, nudge: Callable[[], None]) -> None:
        self._database = database
        self._nudge = nudge
        self._lanes = Lanes()
        self._store = Store()

    async def look_after(self, job: Job) -> None:
        """One step. A failure of ours costs this job a while, and no other job anything."""
        try:
            route = await self._database(self._lanes.of, job.org_id, job.engine)
            if isinstance(route, EngineUnavailable) or route.key != job.lane:
                await self._with_another_key(job, None if isinstance(route, EngineUnavailable) else route)
                return
            await self._step(job, route)
        except Lost:
            logger.info("batch job %s is looked after by somebody else", job.id)
        except LlmError as error:
            await self._failed(job, error)
        except Exception as error:
            logger.exception("batch job %s could not be looked after", job.id)
            await self._failed(job, LlmError(ErrorKind.SERVER, _FAILED_INSIDE, values={"error": type(error).__name__}))

    async def _with_another_key(self, job: Job, now: Lane | None) -> None:
        """The organization's key has changed since. What the former one paid for is brought home with it, or with the
        new one where that sees it; nothing more is handed over. What was sent with a key that was removed is stopped
        with it."""
        former = None if job.key_removed else former_lane(job.engine, job.lane, now=now)
        lane = former
        if lane is None or job.state == State.SUBMITTING:
            lane = await self._database(batch_keys.parting_lane, job) or lane
        if lane is None or job.state == State.QUEUED:
            await self._give_up(job, KEY_GONE)
        elif job.state != State.SUBMITTING:
            await self._step(job, lane)
            await self._database(batch_keys.adopt, job, lane)
        elif not await self._looked_for(job, batches_of(lane), lane, otherwise=former):
            await self._give_up(job, KEY_GONE)

    async def _step(self, job: Job, lane: Lane) -> None:
        batches = batches_of(lane)
        if job.state in (State.QUEUED, State.SUBMITTING):
            await self._hand_over(job, lane, batches)
        elif job.state == State.COLLECTING:
            await self._collect(job, lane, batches)
        else:
            await self._poll(job, lane, batches)

    async def _hand_over(self, job: Job, lane: Lane, batches: Batches) -> None:
        if job.state == State.SUBMITTING and await self._looked_for(job, batches, lane):
            return
        if job.over or job.tries >= MOST_TRIES:
            await self._end(job, State.FAILED, _TOO_LATE)
            return
        if not await reachable():
            await self._database(batch_jobs.put_off, job, wait=batch_jobs.FIRST_LOOK, problem=_AWAY)
            return
        items = await self._database(batch_answers.hand_over, job, lane)
        if not items:
            await self._end(job, State.CANCELLED, _NOTHING_LEFT)
            return
        batch_id = await batches.submit(items, name=job.name)
        try:
            await self._database(batch_jobs.accept, job, batch_id=batch_id)
        except Lost:  # somebody took over meanwhile, and found nothing yet
            if not await self._database(batch_jobs.take_back, job, batch_id=batch_id):
                await batches.cancel(batch_id)
            raise

    async def _looked_for(self, job: Job, batches: Batches, lane: Lane, *, otherwise: Lane | None = None) -> bool:
        """Whether that is all for now: while nobody can tell whether it was taken, it is not handed over again. A key
        that is revoked by now cannot tell, but `otherwise` may."""
        try:
            return await self._found_again(job, batches, lane)
        except LlmError as error:
            if error.kind is ErrorKind.AUTH and otherwise is not None and otherwise.key != lane.key:
                return await self._looked_for(job, batches_of(otherwise), otherwise)
            await self._later(job, error)
            return True

    async def _found_again(self, job: Job, batches: Batches, lane: Lane) -> bool:
        """What was handed over by somebody who could not write it down. Where the provider knows no names, a batch
        counts as ours if it alone fits; its results prove it. Where several fit, nothing is handed over again before
        each has ended and said whose it is."""
        found = await batches.find(job.name, size=job.total, since=job.created_at.timestamp())
        proven = [one for one in found if one.proven]
        if not proven and found:
            taken = await self._database(batch_jobs.names_in_use, [one.id for one in found])
            found = [one for one in found if one.id not in taken]
        if not proven and len(found) > 1:
            found = await self._whose(job, found, batches, lane)
            proven = [one for one in found if one.proven]
            if found and not proven:
                wait = min(LONGEST_WAIT, max(batch_jobs.FIRST_LOOK, job.age / 10))
                if job.late:
                    await self._release(job)
                if job.age > ABANDONED or (job.late and job.key_removed):
                    await self._end(job, State.FAILED, _UNTOLD)
                    return True
                await self._database(batch_jobs.put_off, job, wait=wait, problem=_SEVERAL)
                return True
        if not found:
            return False
        chosen = (proven or found)[0]
        logger.warning("batch job %s had been handed over already: %s", job.id, chosen.id)
        await self._database(batch_jobs.accept, job, batch_id=chosen.id, proven=chosen.proven)
        return True

    async def _whose(self, job: Job, found: list[FoundBatch], batches: Batches, lane: Lane) -> list[FoundBatch]:
        """The one that is ours, proven; else those that have not ended and may be."""
        open_ones = []
        for one in found:
            if (await batches.poll(one.id)).state is not BatchState.ENDED:
                open_ones.append(one)
            elif await self._has_ours(job, one, batches, lane):
                return [FoundBatch(id=one.id, proven=True)]
        return open_ones

    async def _has_ours(self, job: Job, one: FoundBatch, batches: Batches, lane: Lane) -> bool:
        async with aclosing(batches.results(one.id, ids=(), model=lane.engine.model)) as results:
            async for custom_id, _result in results:
                if job.answer_id(custom_id) is not None:
                    return True
        return False

    async def _poll(self, job: Job, lane: Lane, batches: Batches) -> None:
        status = await batches.poll(job.batch_id)
        if status.state is BatchState.ENDED:
            collecting = await self._database(batch_jobs.begin_collecting, job, progress=status.done)
            await self._collect(collecting, lane, batches)
        elif status.state is BatchState.FAILED:
            await self._end(job, State.FAILED, said_of(status.reason) if status.reason else _REFUSED)
        elif job.over:
            await self._stop(job, batches, status)
        else:
            wait = min(LONGEST_WAIT, max(batch_jobs.FIRST_LOOK, job.age / 10))
            await self._database(batch_jobs.look_again, job, wait=wait, progress=status.done)

    async def _stop(self, job: Job, batches: Batches, status: BatchStatus) -> None:
        """It has had its time: whatever it does not answer any more can be asked live."""
        if job.age > ABANDONED:
            await self._end(job, State.FAILED, _NEVER_ENDED)
            return
        if job.state != State.STOPPING and job.proven:
            await self._cancel(job, batches)
        if job.state != State.STOPPING:
            await self._database(batch_jobs.stopping, job, wait=SOON, progress=status.done)
            return
        if job.late and job.key_removed:
            await self._end(job, State.FAILED, KEY_GONE)
            return
        if job.late:
            await self._release(job)
        wait = min(LONGEST_WAIT, max(SOON, job.age / 100))
        await self._database(batch_jobs.look_again, job, wait=wait, progress=status.done)

    async def _cancel(self, job: Job, batches: Batches) -> None:
        """One that has just ended, or is being stopped already, is refused: the next look tells which."""
        try:
            await batches.cancel(job.batch_id)
        except LlmError as error:
            if error.kind is not ErrorKind.BAD_REQUEST:
                raise
            logger.info("batch job %s could not be stopped: %s", job.id, error)

    async def _collect(self, job: Job, lane: Lane, batches: Batches) -> None:
        """From the beginning, however often: what was stored before is not claimed and not booked again."""
        ids = await self._database(batch_answers.submitted, job)
        came: dict[int, Reply] = {}
        ours = set[int]()
        async with aclosing(batches.results(job.batch_id, ids=ids, model=lane.engine.model)) as results:
            async for custom_id, result in results:
                pk = job.answer_id(custom_id)
                if pk is None:
                    continue
                ours.add(pk)
                if isinstance(result, Reply):
                    came.setdefault(pk, result)
                if len(came) >= CHUNK:
                    await self._take_in(job, lane, came)
                    came = {}
        await self._take_in(job, lane, came)
        if not ours and not job.proven:
            await self._end(job, State.FAILED, _NOT_OURS)
            return
        if len(ours) < (job.progress or 0) and job.tries + 1 < MOST_TRIES:
            raise LlmError(ErrorKind.BAD_RESPONSE, _TOO_FEW)
        wanted = await self._database(batch_jobs.is_wanted, job)
        await self._end(job, State.DONE if wanted or ours else State.CANCELLED)

    async def _take_in(self, job: Job, lane: Lane, came: dict[int, Reply]) -> None:
        if came:
            await self._database(batch_answers.take_in, job, lane, came, self._store)

    async def _failed(self, job: Job, error: LlmError) -> None:
        """What the provider has certainly not taken is given up after too many tries, or where trying cannot help. What
        it has taken is paid for: it is looked at until it has ended."""
        handing_over = job.state in (State.QUEUED, State.SUBMITTING)
        refused = handing_over and error.kind not in _UNKNOWN
        lost = not handing_over and error.kind in (_GONE | {ErrorKind.AUTH} if job.key_removed else _GONE)
        # A key that is bad itself tells nothing of the batch: there is time to correct it until the batch's is over.
        unseen = error.kind in _GONE or (error.kind is ErrorKind.AUTH and (error.status == _FORBIDDEN or job.over))
        if unseen and await self._database(batch_keys.part, job):
            return
        if lost or (refused and (error.kind in _HOPELESS or job.tries + 1 >= MOST_TRIES)):
            await self._give_up(job, said_of(error))
        else:
            await self._later(job, error)

    async def _later(self, job: Job, error: LlmError) -> None:
        if job.age > ABANDONED:
            await self._give_up(job, said_of(error))
            return
        if job.key_removed and job.late and job.tries + 1 >= (MOST_TRIES if job.state == State.COLLECTING else 2):
            await self._give_up(job, KEY_GONE)
            return
        doubled = batch_jobs.FIRST_LOOK * 2 ** min(job.tries, 10)
        wait = max(min(error.retry_after or 0.0, LONGEST_WAIT), min(LONGEST_WAIT, doubled))
        try:
            if job.late and job.tries + 1 >= MOST_TRIES:
                await self._release(job)
            await self._database(batch_jobs.failed_for_now, job, wait=wait, problem=said_of(error))
        except Lost:
            return

    async def _release(self, job: Job) -> None:
        released = await self._database(batch_jobs.release, job)
        if released:
            logger.info("batch job %s is late, %s answers are asked live", job.id, released)
        await self._make_room(job, nudge=bool(released))

    async def _give_up(self, job: Job, problem: Sentence) -> None:
        try:
            await self._end(job, State.FAILED, problem)
        except Lost:
            return

    async def _end(self, job: Job, state: str, problem: Sentence = NOTHING) -> None:
        released = await self._database(batch_jobs.end, job, state=state, problem=problem)
        await self._database(finish_scans, job.org_id, [job.scan_id])
        if released:
            logger.info("batch job %s ended %s, %s answers are asked live", job.id, state, released)
        await self._make_room(job, nudge=bool(released))

    async def _make_room(self, job: Job, *, nudge: bool) -> None:
        """What the batch held of budgets is free: others may have waited for it."""
        if await self._database(budget_waits.release, job.org_id) or nudge:
            self._nudge()


def look_after_due(*, budget_seconds: float, nudge: Callable[[], None]) -> int:
    """In a loop of its own, from a worker's process."""

    async def once() -> int:
        try:
            return await run(budget_seconds=budget_seconds, nudge=nudge)
        finally:
            await gateway.close()

    return asyncio.run(once())
