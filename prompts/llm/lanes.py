"""Lanes in Redis: limiter and breaker of one credential and model, asked and told in one atomic script."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import breaker, limiter
from .breaker import BreakerRules, Verdict
from .limiter import Limits, Spent, day_offset

if TYPE_CHECKING:
    from redis.asyncio import Redis

SCRIPT = "\n".join(
    (limiter.LUA, breaker.LUA, Path(__file__).with_name("lua").joinpath("lanes.lua").read_text()),
)
MOST_SLOTS = 1_000  # per question: Lua unpacks no more than a few thousand values
LEASE = 15.0  # seconds for which a call in flight counts unless its process renews it
FORGOTTEN = 600.0  # seconds after which a ticket that nobody ended is not renewed any more


class Refusal(IntEnum):
    """Why a lane grants nothing, as `lua/lanes.lua` numbers it."""

    PACE = 0  # the minute's allowance, or a wait that the provider asked for
    BREAKER_OPEN = 1
    FULL = 2  # as many calls in flight as there may be
    DAY_SPENT = 3
    DAY_UNKNOWN = 4  # how much of the day's budget is spent must be told first


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Seconds from now at which each granted call may be sent, soonest first, and the ticket of each. None: `retry_in`
    seconds until asking again makes sense, and why."""

    delays: tuple[float, ...]
    tickets: tuple[str, ...] = ()
    retry_in: float = 0.0
    refusal: Refusal = Refusal.PACE

    @property
    def breaker_open(self) -> bool:
        return self.refusal is Refusal.BREAKER_OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a call ended that held `ticket`, empty where it held none."""

    verdict: Verdict
    spent: Spent
    ticket: str = ""

    def told(self) -> tuple[str | int, ...]:
        spent = self.spent
        figures = (self.ticket, spent.reserved, spent.used, _milliseconds(spent.age), self.verdict.value)
        return (*figures, spent.refusal(), *spent.learned())


@dataclass(slots=True)
class _Held:
    """What this process holds of a lane: its tickets with the moment at which each may be sent, by the monotonic clock,
    and the lane's epoch: another one says that Redis has lost it meanwhile."""

    limits: Limits
    epoch: str = ""
    at: dict[str, float] = field(default_factory=dict)


class Lanes:
    """Every method is one round trip a lane and raises redis-py's own errors. `clock` (seconds) replaces Redis' own
    clock, `monotonic` this process's; a ticket holds for `lease` seconds after its slot."""

    def __init__(
        self,
        client: Redis,
        *,
        rules: BreakerRules | None = None,
        clock: Callable[[], float] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        lease: float = LEASE,
    ) -> None:
        self._script = client.register_script(SCRIPT)
        self._rules = rules or BreakerRules()
        self._clock = clock
        self._monotonic = monotonic
        self._lease = lease
        self._held: dict[str, _Held] = {}

    async def grant(
        self,
        lane: str,
        *,
        limits: Limits,
        want: int,
        horizon: float,
        tokens: int = 0,
        day: tuple[int, int] | None = None,
    ) -> Slots:
        """At most `want` slots, none later than `horizon` seconds; each reserves `tokens`. `day` is the requests and
        tokens of the provider's day so far, for a lane that has forgotten them."""
        held, prefix = self._held_of(lane, limits), secrets.token_hex(4) + "."
        now = self._monotonic()
        owed = sum(at > now for at in held.at.values())
        answer = await self._run(
            "grant",
            lane,
            limits,
            max(0, min(want, MOST_SLOTS)),
            _milliseconds(horizon),
            tokens,
            _milliseconds(self._rules.probe),
            _milliseconds(self._lease),
            prefix,
            held.epoch,
            owed,
            *(("", "") if day is None else day),
        )
        why, wait, epoch, *slots = answer
        held.epoch = epoch.decode() if isinstance(epoch, bytes) else epoch
        delays = tuple(int(slot) / 1e6 for slot in slots)
        tickets = tuple(f"{prefix}{number}" for number in range(1, len(delays) + 1))
        held.at |= {ticket: now + delay for ticket, delay in zip(tickets, delays, strict=True)}
        retry_in = 0.0 if slots else max(0.01, int(wait) / 1e6)
        return Slots(delays=delays, tickets=tickets, retry_in=retry_in, refusal=Refusal(int(why)))

    async def give_back(self, lane: str, *, limits: Limits, tickets: Sequence[str], tokens: int = 0) -> None:
        """Slots that were granted just now and will not be used."""
        self._forget(lane, tickets)
        for some in _pages(tickets):
            await self._run("give_back", lane, limits, tokens, *some)

    async def finish(self, lane: str, *, limits: Limits, ends: Sequence[End]) -> None:
        """Tell how calls ended, in their order."""
        self._forget(lane, [end.ticket for end in ends])
        rules = (self._rules.threshold, _milliseconds(self._rules.cooldown))
        for some in _pages(ends, most=MOST_SLOTS // 10):
            await self._run("finish", lane, limits, *rules, *(figure for end in some for figure in end.told()))

    async def renew(self) -> None:
        """Keep the tickets of every call of this process that is still to end."""
        oldest = self._monotonic() - FORGOTTEN
        for lane, held in list(self._held.items()):
            held.at = {ticket: at for ticket, at in held.at.items() if at > oldest}
            for some in _pages(tuple(held.at)):
                await self._run("renew", lane, held.limits, _milliseconds(self._lease), *some)

    def let_go(self) -> None:
        """Renew nothing any more of what this process holds now: what is still counted expires by itself."""
        for held in self._held.values():
            held.at.clear()

    def _held_of(self, lane: str, limits: Limits) -> _Held:
        held = self._held.setdefault(lane, _Held(limits))
        held.limits = limits
        return held

    def _forget(self, lane: str, tickets: Iterable[str]) -> None:
        if held := self._held.get(lane):
            for ticket in tickets:
                held.at.pop(ticket, None)

    async def _run(self, operation: str, lane: str, limits: Limits, *args: str | int) -> Any:
        now = "" if self._clock is None else _milliseconds(self._clock())
        return await self._script(keys=keys(lane), args=(operation, now, *_set(lane, limits), *args))


def keys(lane: str) -> tuple[str, str, str, str]:
    """What Redis keeps of a lane; the braces hold it in one slot of a cluster."""
    return f"llm:{{{lane}}}:limiter", f"llm:{{{lane}}}:breaker", f"llm:{{{lane}}}:flights", f"llm:{{{lane}}}:sent"


def provider_of(lane: str) -> str:
    """A lane's key is `credential|provider:model`."""
    return lane.partition("|")[2].partition(":")[0]


def _set(lane: str, limits: Limits) -> tuple[str | int, ...]:
    offset = day_offset(provider_of(lane), at=datetime.now(tz=UTC)) if limits.day_requests or limits.day_tokens else 0
    minute = (limits.requests, limits.tokens, limits.concurrency)
    return (*minute, limits.day_requests, limits.day_tokens, offset, limits.source)


def _pages(every: Sequence[Any], *, most: int = MOST_SLOTS) -> Iterable[Sequence[Any]]:
    return (every[start : start + most] for start in range(0, len(every), most))


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.3f}"
