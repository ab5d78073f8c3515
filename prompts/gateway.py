"""The only door to a model: quota, breaker, limiter, adapter, retry, price, ledger. Never inside a transaction."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import random
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar, cast

from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, connection
from django.utils.translation import gettext_noop

from billing import meter
from orgs.scoping import scope_open
from prompts import accounting, budgets, clock, ledger, traffic
from prompts.accounting import accounted
from prompts.failures import refused
from prompts.ledger import Slip
from prompts.llm.errors import ErrorKind, LlmError
from prompts.llm.types import Delta, Embedding, Reply, Request
from prompts.slots import EngineUnavailable, Grant, Lane, give_back, give_up, grant, keep_slots, lane_for
from prompts.traffic import lane_states

if TYPE_CHECKING:
    from prompts.llm.adapter import Adapter

__all__ = [
    "Answered",
    "Call",
    "EmbedCall",
    "Embedded",
    "EngineUnavailable",
    "Grant",
    "Lane",
    "Patience",
    "ask",
    "close",
    "embed",
    "give_back",
    "give_up",
    "grant",
    "keep_slots",
    "lane_for",
    "lane_states",
    "preload",
    "stream",
]

logger = logging.getLogger("prompter.llm")

_CLIENTS = "prompts.llm.clients"
_AT_LIMIT = {
    "limited": gettext_noop("%(provider)s is at its limit of requests. Try again in %(seconds)s s."),
    "full": gettext_noop("%(provider)s is answering as many calls as it takes at a time. Try again in %(seconds)s s."),
    "day_spent": gettext_noop("The day's budget for %(provider)s is spent. It begins anew in %(seconds)s s."),
}
_SHUT = gettext_noop("%(provider)s has been failing and is paused. Try again in %(seconds)s s.")
_AWAY = {
    "redis_down": gettext_noop("Calls to models are paused because Redis cannot be reached. Try again shortly."),
    "database_down": gettext_noop(
        "Calls to models are paused because the database cannot be reached. Try again shortly."
    ),
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long somebody who waits is kept waiting: `wait` seconds for a slot, `retries` of transient errors with full
    jitter below `base`, twice that, and so on, never more than `cap` seconds each."""

    wait: float = 30.0
    retries: int = 3
    base: float = 0.5
    cap: float = 30.0

    def pause(self, tries: int, error: LlmError) -> float | None:
        """Seconds before the next try after `tries` failed ones; None: give up."""
        if not error.retryable or tries > self.retries or (error.retry_after or 0) > self.cap:
            return None
        jitter = random.uniform(0, min(self.cap, self.base * 2 ** (tries - 1)))  # noqa: S311  spreads load only
        return max(error.retry_after or 0, jitter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What every call is: for whom, which way, what for. `metric` meters it as one of that quota. With a `slip` the
    caller writes the ledger's row itself. `ticket` is its slot's."""

    org_id: int
    lane: Lane
    purpose: str
    project_id: int | None = None
    reference: str = ""
    attempt: int = 1
    metric: str = ""
    patience: Patience = Patience()
    slip: Slip | None = None
    ticket: str = ""

    @property
    def reserved(self) -> int:
        return self.lane.engine.reserved_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Errand):
    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedCall(Errand):
    texts: tuple[str, ...]

    @property
    def reserved(self) -> int:
        return 1 + sum(len(text) for text in self.texts) // 3


E = TypeVar("E", bound=Errand)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """`cost` is in USD, None where nobody knows the price."""

    reply: Reply
    cost: Decimal | None
    latency_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    embedding: Embedding
    cost: Decimal | None
    latency_ms: int


async def ask(call: Call, *, granted: bool = False) -> Answered:
    """One answer. `granted`: the caller holds a slot and retries itself, so exactly one attempt. Otherwise it gets its
    own slots, waits for them and retries what is transient. Raises `LlmError`."""
    await _refuse_transaction(granted=granted)
    async with _metered(call):
        return await (_ask_once(call) if granted else _insist(call, _ask_once))


async def stream(call: Call) -> AsyncGenerator[Delta, None]:
    """Text as it comes, then a last delta with the whole reply. Retried only while nothing has come. Close it early
    (`aclosing`, or by cancelling) and the call is accounted as cancelled. Raises `LlmError`."""
    await _refuse_transaction(granted=False)
    async with _metered(call):
        first, rest = await _insist(call, _opened)
        async with aclosing(rest):
            yield first
            async for delta in rest:
                yield delta


async def embed(call: EmbedCall) -> Embedded:
    """Vectors of texts; waits and retries like `ask`. Raises `LlmError`."""
    await _refuse_transaction(granted=False)
    async with _metered(call):
        return await _insist(call, _embed_once)


def preload() -> None:
    """Import the providers' SDKs now, which takes seconds, rather than at the first call."""
    import_module(_CLIENTS)


async def close() -> None:
    """Finish the running loop's bookkeeping and close its connections, at its end."""
    await accounting.close()
    if clients := sys.modules.get(_CLIENTS):
        await clients.aclose_all()
    await traffic.close()
    clock.forget()


def _adapter(errand: Errand) -> Adapter:
    # The SDKs take seconds to import: only a process that calls a model pays for them.
    from prompts.llm.clients import adapter_for

    return adapter_for(errand.lane.credential)


async def _ask_once(call: Call) -> Answered:
    async with accounted(call) as attempt:
        reply = await _adapter(call).complete(call.request)
        attempt.answered(usage=reply.usage, model=reply.model, request_id=reply.request_id, told=reply.rate_limits)
    return Answered(reply=reply, cost=attempt.cost, latency_ms=attempt.latency_ms)


async def _embed_once(call: EmbedCall) -> Embedded:
    async with accounted(call) as attempt:
        embedding = await _adapter(call).embed(call.texts, model=call.lane.engine.model)
        attempt.answered(usage=embedding.usage, model=embedding.model)
    return Embedded(embedding=embedding, cost=attempt.cost, latency_ms=attempt.latency_ms)


async def _stream_once(call: Call) -> AsyncGenerator[Delta, None]:
    async with accounted(call) as attempt, _closing(_adapter(call).stream(call.request)) as deltas:
        async for delta in deltas:
            if reply := delta.reply:
                attempt.answered(
                    usage=reply.usage, model=reply.model, request_id=reply.request_id, told=reply.rate_limits
                )
            yield delta


async def _opened(call: Call) -> tuple[Delta, AsyncGenerator[Delta, None]]:
    """The first piece, before which a failure costs nothing, and the rest."""
    deltas = _stream_once(call)
    return await anext(deltas), deltas


def _closing(deltas: AsyncIterator[Delta]) -> aclosing[AsyncGenerator[Delta, None]]:
    """Every adapter's stream is a generator: closing it closes the connection."""
    return aclosing(cast("AsyncGenerator[Delta, None]", deltas))


async def _insist(call: E, once: Callable[[E], Awaitable[T]]) -> T:
    for tries in itertools.count(1):
        ticket = await _wait_for_slot(call)
        try:
            return await once(replace(call, attempt=call.attempt + tries - 1, ticket=ticket))
        except LlmError as error:
            pause = call.patience.pause(tries, error)
            if pause is None:
                raise
        await asyncio.sleep(pause)
    raise AssertionError


async def _wait_for_slot(errand: Errand) -> str:
    lane, tokens, until = errand.lane, errand.reserved, time.monotonic() + errand.patience.wait
    while True:
        got = await grant(lane, want=1, horizon=max(0.0, until - time.monotonic()), tokens=tokens)
        if got.slots:
            break
        # A full lane cannot tell when it has room again, so it is asked until then.
        if got.reason != "full" or time.monotonic() + got.retry_in > until:
            raise _paused(lane, got)
        await asyncio.sleep(got.retry_in)
    try:
        await asyncio.sleep(got.slots[0])
    except asyncio.CancelledError:
        await give_back(lane, got.tickets, tokens=tokens)
        raise
    return got.tickets[0]


def _paused(lane: Lane, got: Grant) -> LlmError:
    """Nothing was sent: why not, and when to try again."""
    if got.reason in _AWAY:
        return LlmError(ErrorKind.BREAKER_OPEN, _AWAY[got.reason], retry_after=got.retry_in)
    values = {"provider": lane.engine.provider.label, "seconds": math.ceil(got.retry_in)}
    if got.reason in _AT_LIMIT:
        return LlmError(ErrorKind.RATE_LIMITED, _AT_LIMIT[got.reason], values=values, retry_after=got.retry_in)
    return LlmError(ErrorKind.BREAKER_OPEN, _SHUT, values=values, retry_after=got.retry_in)


@asynccontextmanager
async def _metered(errand: Errand) -> AsyncGenerator[None, None]:
    """One of `errand.metric`: reserved before, settled when it went well, released when not. What no claim has measured
    against its budgets is measured here: nothing is asked where one of money is used up."""
    if errand.slip is None and (
        refusal := await ledger.in_scope(errand.org_id, partial(budgets.used_up, errand.org_id, errand.project_id))
    ):
        raise refused(refusal)
    if not errand.metric:
        yield
        return
    org_id, metric = errand.org_id, errand.metric
    try:
        month = await ledger.in_scope(org_id, partial(meter.reserve, org_id, metric, 1))
    except meter.QuotaExceeded as error:
        raise refused(error.said) from None
    end = meter.release
    try:
        yield
        end = meter.settle
    finally:
        try:
            await asyncio.shield(ledger.in_scope(org_id, partial(end, org_id, metric, 1, at=month)))
        except (DatabaseError, InterfaceError):
            logger.exception("one %s of organization %s stays reserved", metric, org_id)


async def _refuse_transaction(*, granted: bool) -> None:
    """A call takes seconds: a transaction held open meanwhile would block everybody else."""
    if scope_open():
        raise RuntimeError("A model must not be called inside an organization's scope.")
    if not granted:
        # Under `async_to_sync` this runs in the thread that waits for us.
        await sync_to_async(_refuse_in_thread)()


def _refuse_in_thread() -> None:
    if connection.in_atomic_block:
        raise RuntimeError("A model must not be called inside a database transaction.")
