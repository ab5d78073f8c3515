"""How busy lanes are: what `limiter.lua` and `breaker.lua` keep, read without touching it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .lanes import keys
from .limiter import Limits

if TYPE_CHECKING:
    import redis

MINUTE = 60_000.0
RECOVERY = 0.2 / MINUTE  # as in limiter.lua: how fast the pace climbs back
_LIMITER = (
    "requests_ahead",
    "requests_start",
    "tokens_ahead",
    "tokens_start",
    "blocked_until",
    "factor",
    "factor_at",
    "requests_told",
    "tokens_told",
)
_BREAKER = ("failures", "open_until", "probe_until")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneGauge:
    """`requests` and `tokens` are shares of a minute's allowance that were granted in the last minute or ahead of time:
    0 idle, 1 full. Limits are per minute, the lower of ours and what the provider told; 0 is none. `pace` is the share
    of them that refusals have left. `breaker` is `closed`, `open` or `half-open`; `until` ends its pause, or the one
    that a refusal asked for."""

    requests_limit: int
    tokens_limit: int
    requests: float
    tokens: float
    pace: float
    breaker: str
    failures: int
    until: datetime | None


def read_gauges(client: redis.Redis, lanes: Mapping[str, Limits]) -> dict[str, LaneGauge]:
    """Every lane's gauge, in one round trip."""
    with client.pipeline(transaction=False) as pipe:
        pipe.time()
        for lane in lanes:
            limiter_key, breaker_key = keys(lane)
            pipe.hmget(limiter_key, _LIMITER)
            pipe.hmget(breaker_key, _BREAKER)
        (seconds, microseconds), *rows = pipe.execute()
    now = seconds * 1e3 + microseconds / 1e3
    pairs = zip(lanes.items(), rows[::2], rows[1::2], strict=True)
    return {lane: gauge(now, limits, limiter, breaker) for (lane, limits), limiter, breaker in pairs}


def known_lanes(client: redis.Redis, *, most: int = 200) -> list[str]:
    """Lanes that sent something within the last hour, at most so many."""
    prefix, suffix = keys("\0")[0].split("\0")
    found: set[str] = set()
    for key in client.scan_iter(match="llm:*:limiter", count=500):
        found.add(bytes(key).decode()[len(prefix) : -len(suffix)])
        if len(found) >= most:
            break
    return sorted(found)


def gauge(now: float, limits: Limits, limiter: Sequence[bytes | None], breaker: Sequence[bytes | None]) -> LaneGauge:
    """`now` is Redis' clock in milliseconds; the rows are in the order of the names above."""
    was = dict(zip(_LIMITER, map(_number, limiter), strict=True))
    failures, open_until, probe_until = (_number(value) or 0.0 for value in breaker)
    until = max(was["blocked_until"] or 0.0, open_until, probe_until)
    since = max(0.0, now - (was["factor_at"] or now))
    return LaneGauge(
        requests_limit=_lower(limits.requests, was["requests_told"]),
        tokens_limit=_lower(limits.tokens, was["tokens_told"]),
        requests=_granted(now, was["requests_start"], was["requests_ahead"]),
        tokens=_granted(now, was["tokens_start"], was["tokens_ahead"]),
        pace=min(1.0, (1.0 if was["factor"] is None else was["factor"]) + since * RECOVERY),
        breaker=_breaker(now, open_until),
        failures=int(failures),
        until=datetime.fromtimestamp(until / 1000, tz=UTC) if until > now else None,
    )


def _granted(now: float, start: float | None, ahead: float | None) -> float:
    """The clock runs from `start` to `ahead` at the steady rate; how much of that fell into the last minute, or lies
    ahead. A single call larger than a minute's tokens counts as full."""
    if not ahead:
        return 0.0
    return min(1.0, max(0.0, ahead - max(start or 0.0, now - MINUTE)) / MINUTE)


def _breaker(now: float, open_until: float) -> str:
    if not open_until:
        return "closed"
    return "open" if now < open_until else "half-open"


def _lower(ours: int, told: float | None) -> int:
    return int(told) if told and (not ours or told < ours) else ours


def _number(value: bytes | None) -> float | None:
    return None if value is None else float(value)
