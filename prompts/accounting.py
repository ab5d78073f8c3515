"""What one attempt at a call was worth: told to its lane, written to the ledger, logged in one line."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager, nullcontext
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from prompts import ledger, traffic
from prompts.llm import breaker, catalog
from prompts.llm.breaker import Verdict
from prompts.llm.errors import ErrorKind, LlmError
from prompts.llm.lanes import End
from prompts.llm.limiter import Spent
from prompts.llm.types import RateLimits, Usage
from prompts.slots import kept

if TYPE_CHECKING:
    from prompts.gateway import Errand

logger = logging.getLogger("prompter.llm")

OK = "ok"
CANCELLED = "cancelled"
CRASHED = "crashed"  # our own mistake, not the provider's
_SMALLEST = Decimal("0.00000001")  # what the ledger holds of a dollar
# The provider may have worked, and counted, although we never saw its answer.
_MAYBE_SPENT = frozenset({ErrorKind.TIMEOUT, ErrorKind.BAD_RESPONSE, ErrorKind.CONNECTION})

_LONGEST_WAIT = 5.0  # seconds that an answer waits for its accounting
_concluding: set[asyncio.Task[None]] = set()


class Attempt:
    """One attempt from its first byte to its end."""

    def __init__(self, errand: Errand) -> None:
        self.errand = errand
        self.outcome = ""
        self.verdict = Verdict.UNKNOWN
        self.usage = Usage()
        self.used = errand.reserved
        self.model = errand.lane.engine.model
        self.request_id = ""
        self.told = RateLimits()
        self.refused = False
        self.retry_after: float | None = None
        self.cost: Decimal | None = None
        self.latency_ms = 0
        self._started = time.monotonic()

    @property
    def age(self) -> float:
        return time.monotonic() - self._started

    def answered(self, *, usage: Usage, model: str, request_id: str = "", told: RateLimits | None = None) -> None:
        self._end(OK, Verdict.ANSWERED)
        self.usage, self.model, self.request_id = usage, model, request_id
        self.told = told or self.told
        self.used = usage.input_tokens + usage.output_tokens
        price = catalog.price(self.errand.lane.engine, usage)
        self.cost = None if price is None else price.quantize(_SMALLEST)

    def failed(self, error: LlmError) -> None:
        self._end(error.kind.value, breaker.verdict(error.kind))
        self.request_id, self.told = error.request_id, error.rate_limits
        self.refused, self.retry_after = error.kind is ErrorKind.RATE_LIMITED, error.retry_after
        if error.kind not in _MAYBE_SPENT:
            self.used = 0

    def broke_off(self, error: BaseException) -> None:
        left = isinstance(error, asyncio.CancelledError | GeneratorExit)
        self._end(CANCELLED if left else CRASHED, Verdict.UNKNOWN)

    def spent(self) -> Spent:
        return Spent(
            reserved=self.errand.reserved,
            used=self.used,
            age=self.age,
            refused=self.refused,
            retry_after=self.retry_after,
            told=self.told,
        )

    def fields(self) -> dict[str, Any]:
        """The ledger's row, without its organization."""
        errand, engine = self.errand, self.errand.lane.engine
        return {
            "project_id": errand.project_id,
            "purpose": errand.purpose,
            "engine": engine.key,
            "provider": engine.provider.value,
            "model": _plain(self.model, 120),
            "credential": errand.lane.credential.id,
            "simulated": errand.lane.simulated,
            "reference": _plain(errand.reference, 60),
            "attempt": errand.attempt,
            "outcome": self.outcome,
            "request_id": _plain(self.request_id, 120),
            "input_tokens": self.usage.input_tokens,
            "output_tokens": self.usage.output_tokens,
            "searches": self.usage.searches,
            "cost": self.cost,
            "latency_ms": self.latency_ms,
        }

    def _end(self, outcome: str, verdict: Verdict) -> None:
        self.outcome, self.verdict, self.latency_ms = outcome, verdict, round(self.age * 1000)


def _plain(text: str, length: int) -> str:
    """As much of it as the ledger holds; Postgres refuses NUL."""
    return text.replace("\0", "")[:length]


@asynccontextmanager
async def accounted(errand: Errand) -> AsyncGenerator[Attempt, None]:
    """Whatever happens inside, and however it ends, is accounted once; also when the caller is cancelled meanwhile."""
    attempt = Attempt(errand)
    try:
        async with kept() if errand.slip is None else nullcontext():  # who books by itself keeps many slots at once
            yield attempt
    except LlmError as error:
        attempt.failed(error)
        raise
    except BaseException as error:
        # Somebody who leaves once the whole answer is there has had it.
        if attempt.outcome != OK:
            attempt.broke_off(error)
        raise
    finally:
        # A task of its own: it goes on when the caller is cancelled, and when it takes longer than an answer may wait.
        task = _apart(_conclude(attempt))
        try:
            await asyncio.wait([task], timeout=_LONGEST_WAIT)
        except asyncio.CancelledError:
            _apart(_take_over(errand, task))
            raise


async def close() -> None:
    """Wait for what the running loop still has to account."""
    loop = asyncio.get_running_loop()
    while mine := [task for task in _concluding if task.get_loop() is loop]:
        await asyncio.wait(mine)


async def _conclude(attempt: Attempt) -> None:
    fields = attempt.fields()
    logger.info("call org=%s %s", attempt.errand.org_id, ledger.line(fields))
    entry = ledger.entry_of(attempt.errand.org_id, fields)
    if attempt.errand.slip is not None and attempt.outcome not in (CANCELLED, CRASHED):
        attempt.errand.slip.entry = entry
        await _tell(attempt)
    else:
        await asyncio.gather(_tell(attempt), ledger.record(entry))


async def _take_over(errand: Errand, concluding: asyncio.Task[None]) -> None:
    """The caller that was to book the call is gone."""
    await asyncio.wait([concluding])
    if errand.slip is not None and (entry := errand.slip.entry):
        errand.slip.entry = None
        await ledger.record(entry)


def _apart(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.get_running_loop().create_task(work)
    _concluding.add(task)
    task.add_done_callback(_concluded)
    return task


def _concluded(task: asyncio.Task[None]) -> None:
    _concluding.discard(task)
    if not task.cancelled() and (error := task.exception()):
        logger.error("a call could not be accounted", exc_info=error)


async def _tell(attempt: Attempt) -> None:
    lane = attempt.errand.lane
    try:
        end = End(verdict=attempt.verdict, spent=attempt.spent(), ticket=attempt.errand.ticket)
        await traffic.tell(lane.key, limits=lane.limits, end=end)
    except traffic.UNREACHABLE as error:
        logger.warning("redis is not reachable, a lane was not told how a call ended: %s", type(error).__name__)
