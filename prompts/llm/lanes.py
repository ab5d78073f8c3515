"""Lanes in Redis: limiter and breaker of one credential and model, asked and told in one atomic script."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import breaker, limiter
from .breaker import BreakerRules, Verdict
from .limiter import Limits, Spent

if TYPE_CHECKING:
    import redis
    from redis.asyncio import Redis

SCRIPT = "\n".join(
    (limiter.LUA, breaker.LUA, Path(__file__).with_name("lua").joinpath("lanes.lua").read_text()),
)
MOST_SLOTS = 1_000  # per question: Lua unpacks no more than a few thousand values


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Seconds from now at which each granted call may be sent, soonest first. None: `retry_in` seconds until asking
    again makes sense, and whether that is because the breaker is open."""

    delays: tuple[float, ...]
    retry_in: float = 0.0
    breaker_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """For screens. `paused_until` is None while the lane may send."""

    paused_until: datetime | None = None
    breaker_open: bool = False
    failures: int = 0


class Lanes:
    """Every method is one round trip and raises redis-py's own errors. `clock` (seconds) replaces Redis' own clock."""

    def __init__(
        self, client: Redis, *, rules: BreakerRules | None = None, clock: Callable[[], float] | None = None
    ) -> None:
        self._script = client.register_script(SCRIPT)
        self._rules = rules or BreakerRules()
        self._clock = clock

    async def grant(self, lane: str, *, limits: Limits, want: int, horizon: float, tokens: int = 0) -> Slots:
        """At most `want` slots, none later than `horizon` seconds; each reserves `tokens`."""
        want = max(0, min(want, MOST_SLOTS))
        answer = await self._run(
            "grant", lane, limits, want, _milliseconds(horizon), tokens, _milliseconds(self._rules.probe)
        )
        is_open, wait, *slots = (int(number) for number in answer)
        retry_in = 0.0 if slots else max(0.01, wait / 1e6)
        return Slots(delays=tuple(slot / 1e6 for slot in slots), retry_in=retry_in, breaker_open=bool(is_open))

    async def give_back(self, lane: str, *, limits: Limits, count: int, tokens: int = 0) -> None:
        """Slots that were granted just now and will not be used."""
        await self._run("give_back", lane, limits, count, tokens)

    async def finish(self, lane: str, *, limits: Limits, verdict: Verdict, spent: Spent) -> None:
        """Tell how a call ended."""
        rules = self._rules
        await self._run(
            "finish",
            lane,
            limits,
            spent.reserved,
            spent.used,
            _milliseconds(spent.age),
            verdict.value,
            rules.threshold,
            _milliseconds(rules.cooldown),
            spent.refusal(),
            *spent.learned(),
        )

    async def _run(self, operation: str, lane: str, limits: Limits, *args: str | int) -> Any:
        now = "" if self._clock is None else _milliseconds(self._clock())
        return await self._script(keys=keys(lane), args=(operation, now, limits.requests, limits.tokens, *args))


def keys(lane: str) -> tuple[str, str]:
    """The limiter's and the breaker's key; the braces keep them in one slot of a cluster."""
    return f"llm:{{{lane}}}:limiter", f"llm:{{{lane}}}:breaker"


def read_states(client: redis.Redis, lanes: Iterable[str]) -> dict[str, LaneState]:
    """What every lane is doing, in one round trip of a synchronous client."""
    lanes = list(lanes)
    with client.pipeline(transaction=False) as pipe:
        pipe.time()
        for lane in lanes:
            limiter_key, breaker_key = keys(lane)
            pipe.hmget(limiter_key, limiter.FIELDS)
            pipe.hmget(breaker_key, breaker.FIELDS)
        (seconds, microseconds), *rows = pipe.execute()
    now = seconds * 1e3 + microseconds / 1e3
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return {lane: _state(now, *pair) for lane, pair in zip(lanes, pairs, strict=True)}


def _state(now: float, limiter_row: Sequence[bytes | None], breaker_row: Sequence[bytes | None]) -> LaneState:
    (blocked_until,) = (_number(value) for value in limiter_row)
    failures, open_until, probe_until = (_number(value) for value in breaker_row)
    # While a probe is out the lane still waits for it.
    shut_until = max(open_until, probe_until)
    until = max(blocked_until, shut_until)
    return LaneState(
        paused_until=datetime.fromtimestamp(until / 1000, tz=UTC) if until > now else None,
        breaker_open=shut_until > now,
        failures=int(failures),
    )


def _number(value: bytes | None) -> float:
    return float(value) if value is not None else 0.0


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.3f}"
