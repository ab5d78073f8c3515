"""Sending what is due: many requests at a time from one thread's loop, every row touched by the caller alone."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Thread

from django.core.cache import cache

from orgs.outbound import Answered, CannotFetch, Resolve, Sent, post, system_resolver
from orgs.webhooks import queue
from orgs.webhooks.queue import Job, Outcome, Parcel
from orgs.webhooks.signing import signed_headers

logger = logging.getLogger("prompter.webhooks")

USER_AGENT = "Prompter-Webhooks/1.0"
SECONDS = 15.0  # for one request, from looking the name up to the last byte that is read
AT_ONCE = 200
_LONGEST = 999_999_999  # seconds that are believed to be meant
_PLACE = "orgs.webhooks.sender"
_PLACE_KEPT = 30  # seconds that a dead sender's place stays taken
_TICK = 1.0


def send_due(*, budget_seconds: float, resolve: Resolve = system_resolver) -> bool:
    """Send until nothing is due, unless somebody else does: one sender is enough, and however many endpoints keep it
    waiting, it waits in one task. True when there may be more to do."""
    until = time.monotonic() + budget_seconds
    while time.monotonic() < until:
        with _place() as keep:
            if keep is None:
                return False
            _send_all(until, keep, resolve)
        if not queue.anything_due():  # what came after the last look, whose nudge found the place taken
            return False
    return True


@contextmanager
def _place() -> Iterator[Callable[[], None] | None]:
    """Courtesy, not safety: rows are claimed whatever this says."""
    own = uuid.uuid4().hex
    if not cache.add(_PLACE, own, timeout=_PLACE_KEPT):
        yield None
        return
    try:
        yield lambda: cache.set(_PLACE, own, timeout=_PLACE_KEPT)
    finally:
        if cache.get(_PLACE) == own:
            cache.delete(_PLACE)


@contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="webhooks", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _send_all(until: float, keep: Callable[[], None], resolve: Resolve) -> None:
    open_: dict[Future[Outcome], Job] = {}
    with _loop() as loop:
        while _begin(open_, loop, until, resolve) or open_:
            done, _open = wait(open_, timeout=_TICK, return_when=FIRST_COMPLETED)
            for future in done:
                job = open_.pop(future)
                queue.record(job, _outcome(job, future))
            keep()


def _begin(open_: dict[Future[Outcome], Job], loop: asyncio.AbstractEventLoop, until: float, resolve: Resolve) -> bool:
    """As many as there is room for; whether anything was due."""
    jobs = queue.claim(room=AT_ONCE - len(open_)) if time.monotonic() < until else []
    for job in jobs:
        if parcel := _parcel(job):
            open_[asyncio.run_coroutine_threadsafe(attempt(parcel, resolve=resolve), loop)] = job
    return bool(jobs)


def _outcome(job: Job, future: Future[Outcome]) -> Outcome:
    error = future.exception()
    if error is None:
        return future.result()
    # What nobody foresaw about one address must not hold up the others.
    logger.error("webhook delivery %s of organization %s broke", job.pk, job.org_id, exc_info=error)
    return Outcome(problem="unreachable")


def _parcel(job: Job) -> Parcel | None:
    try:
        return queue.parcel_of(job)
    except Exception:  # one that cannot be made must not hold up the others; it is tried again like any failure
        logger.exception("webhook delivery %s of organization %s could not be made", job.pk, job.org_id)
        queue.record(job, Outcome(problem="payload"))
        return None


async def attempt(parcel: Parcel, *, resolve: Resolve = system_resolver) -> Outcome:
    """One request, signed for this attempt."""
    signed = signed_headers(parcel.secrets, message_id=parcel.message_id, timestamp=parcel.timestamp, body=parcel.body)
    headers = {"Content-Type": "application/json", "User-Agent": USER_AGENT, **signed}
    begun = time.monotonic()
    try:
        answered = await post(parcel.url, Sent(body=parcel.body, headers=headers), seconds=SECONDS, resolve=resolve)
    except CannotFetch as refused:
        return Outcome(problem=refused.kind, milliseconds=_since(begun))
    return Outcome(
        code=answered.status,
        text=answered.text,
        milliseconds=_since(begun),
        retry_after=retry_after(answered, now=datetime.now(UTC)),
    )


def _since(begun: float) -> int:
    return round(1_000 * (time.monotonic() - begun))


def retry_after(answered: Answered, *, now: datetime) -> int | None:
    """Seconds, given as such or as a date (RFC 9110, 10.2.3)."""
    given = answered.headers.get("retry-after", "").strip()
    if given.isascii() and given.isdigit() and len(given) < 10:
        return int(given)
    try:
        date = parsedate_to_datetime(given)
        return min(_LONGEST, max(0, round((date - now).total_seconds()))) if date.tzinfo else None
    except (ValueError, OverflowError):  # whatever a receiver can think of
        return None
