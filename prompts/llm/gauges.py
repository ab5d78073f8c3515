"""How busy lanes are: what `limiter.lua` and `breaker.lua` keep, read without touching it; and how it is forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .lanes import keys
from .types import Limits

if TYPE_CHECKING:
    import redis

MINUTE, DAY = 60_000.0, 86_400_000.0
RECOVERY = 0.2 / MINUTE  # as in limiter.lua: how fast the pace climbs back
WINDOW = 20  # as in limiter.lua: the calls in flight that a lane begins with
BUCKET = 10_000.0  # as in limiter.lua: the spans in which calls are counted
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
    "window",
    "day",
    "day_requests",
    "day_tokens",
)
_WORDS = ("set", "why")
_BREAKER = ("failures", "open_until", "probe_until")
# What a lane has learned, as against what it still owes: its clocks, the day's budget, its calls in flight.
_LEARNED = (
    "blocked_until",
    "factor",
    "factor_at",
    "cut_at",
    "fell_at",
    "requests_told",
    "tokens_told",
    "window",
    "calm",
    "latency",
    "usual",
    "why",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneGauge:
    """`set` is what we allow ourselves; `requests_limit` and `tokens_limit` are per minute what counts, the lower of
    that and what the provider told (0 is none), and `pace` is the share of it that refusals have left. `requests` and
    `tokens` are shares of a minute's allowance that were granted in the last minute or ahead of time: 0 idle, 1 full;
    `sent` and `sent_tokens` are how many. `window` is how many calls may be in flight. `why` names what lowered the
    limits: `told` by headers, `refused`, `low` where headers showed little left, `raised` while a limit that rose is
    climbed to. `day_left` is None where the day has no budget. `breaker` is `closed`, `open` or `half-open`; `until`
    ends its pause, the one that a refusal asked for, or the day whose budget is spent: `shut` where the breaker (or its
    probe) holds everything back, `day_spent` where the day does. `day_ends` where the day has a budget."""

    set: Limits
    requests_limit: int
    tokens_limit: int
    requests: float
    tokens: float
    pace: float
    breaker: str
    failures: int
    until: datetime | None
    shut: bool = False
    day_spent: bool = False
    sent: int = 0
    sent_tokens: int = 0
    in_flight: int = 0
    window: int = WINDOW
    why: tuple[str, ...] = ()
    day_requests: int = 0
    day_tokens: int = 0
    day_ends: datetime | None = None

    @property
    def requests_now(self) -> int:
        return round(self.requests_limit * self.pace)

    @property
    def day_left(self) -> int | None:
        return max(0, self.set.day_requests - self.day_requests) if self.set.day_requests else None

    @property
    def day_tokens_left(self) -> int | None:
        return max(0, self.set.day_tokens - self.day_tokens) if self.set.day_tokens else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What Redis keeps of one lane, as it is; a row is in the order of the names above."""

    limiter: Sequence[bytes | None] = (None,) * len(_LIMITER + _WORDS)
    breaker: Sequence[bytes | None] = (None,) * len(_BREAKER)
    in_flight: int = 0
    sent: Mapping[bytes, bytes] = field(default_factory=dict)


def read_gauges(client: redis.Redis, lanes: Mapping[str, Limits]) -> dict[str, LaneGauge]:
    """Every lane's gauge, in two round trips. The limits are those of lanes that were never asked."""
    seconds, microseconds = client.time()
    now = seconds * 1e3 + microseconds / 1e3
    with client.pipeline(transaction=False) as pipe:
        for lane in lanes:
            limiter_key, breaker_key, flights_key, sent_key = keys(lane)
            pipe.hmget(limiter_key, (*_LIMITER, *_WORDS))
            pipe.hmget(breaker_key, _BREAKER)
            pipe.zcount(flights_key, now, "+inf")
            pipe.hgetall(sent_key)
        rows = pipe.execute()
    kept = [Kept(limiter=a, breaker=b, in_flight=c, sent=d) for a, b, c, d in zip(*[iter(rows)] * 4, strict=True)]
    return {lane: gauge(now, limits, one) for (lane, limits), one in zip(lanes.items(), kept, strict=True)}


def known_lanes(client: redis.Redis, *, most: int = 200) -> list[str]:
    """Lanes that sent something within the last hour, at most so many."""
    prefix, suffix = keys("\0")[0].split("\0")
    found: set[str] = set()
    for key in client.scan_iter(match="llm:*:limiter", count=500):
        found.add(bytes(key).decode()[len(prefix) : -len(suffix)])
        if len(found) >= most:
            break
    return sorted(found)


def forget(client: redis.Redis, lane: str) -> None:
    """Forget what the lane has learned and its breaker; what it has granted stays counted."""
    limiter_key, breaker_key, *_ = keys(lane)
    with client.pipeline() as pipe:
        pipe.hdel(limiter_key, *_LEARNED)
        pipe.delete(breaker_key)
        pipe.execute()


def gauge(now: float, limits: Limits, kept: Kept) -> LaneGauge:
    """`now` is Redis' clock in milliseconds."""
    was = dict(zip(_LIMITER, map(_number, kept.limiter), strict=False))
    words = dict(zip(_WORDS, (value.decode() if value else "" for value in kept.limiter[len(_LIMITER) :]), strict=True))
    limits, offset = _set(words["set"]) if words["set"] else (limits, 0.0)
    failures, open_until, probe_until = (_number(value) or 0.0 for value in kept.breaker)
    since = max(0.0, now - (was["factor_at"] or now))
    pace = min(1.0, (1.0 if was["factor"] is None else was["factor"]) + since * RECOVERY)
    day = (now + offset) // DAY
    today = was["day"] == day
    day_requests, day_tokens = ((was[name] or 0) if today else 0 for name in ("day_requests", "day_tokens"))
    spent = (limits.day_requests and day_requests >= limits.day_requests) or (
        limits.day_tokens and day_tokens >= limits.day_tokens
    )
    day_ends = (day + 1) * DAY - offset
    until = max(was["blocked_until"] or 0.0, open_until, probe_until, day_ends if spent else 0.0)
    told = any(_lower(ours, was[name]) != ours for name, ours in _told(limits))
    return LaneGauge(
        set=limits,
        requests_limit=_lower(limits.requests, was["requests_told"]),
        tokens_limit=_lower(limits.tokens, was["tokens_told"]),
        requests=_granted(now, was["requests_start"], was["requests_ahead"]),
        tokens=_granted(now, was["tokens_start"], was["tokens_ahead"]),
        pace=pace,
        breaker=_breaker(now, open_until),
        failures=int(failures),
        until=_moment(until) if until > now else None,
        shut=max(open_until, probe_until) > now,
        day_spent=bool(spent),
        sent=_lately(now, kept.sent, b"r"),
        sent_tokens=_lately(now, kept.sent, b"t"),
        in_flight=kept.in_flight,
        window=_lower(limits.concurrency, max(1, int(was["window"] or WINDOW))),
        why=("told",) * told + ((words["why"],) if words["why"] and pace < 1 else ()),
        day_requests=int(day_requests),
        day_tokens=int(day_tokens),
        day_ends=_moment(day_ends) if limits.day_requests or limits.day_tokens else None,
    )


def _moment(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def _told(limits: Limits) -> tuple[tuple[str, int], ...]:
    return ("requests_told", limits.requests), ("tokens_told", limits.tokens)


def _set(words: str) -> tuple[Limits, float]:
    """What the lane was last asked with, and milliseconds by which its provider's day is ahead of UTC's."""
    *figures, source = words.split(" ")
    requests, tokens, concurrency, day_requests, day_tokens, offset = map(int, figures)
    limits = Limits(
        requests=requests,
        tokens=tokens,
        concurrency=concurrency,
        day_requests=day_requests,
        day_tokens=day_tokens,
        source=source,
    )
    return limits, offset * 1e3


def _lately(now: float, sent: Mapping[bytes, bytes], kind: bytes) -> int:
    """What went out within the last minute; of the span that it began in, its share."""
    total, first = 0.0, (now - MINUTE) / BUCKET
    for name, count in sent.items():
        if name[:1] == kind and first - 1 < (span := int(name[1:])) <= now / BUCKET:
            total += int(count) * min(1.0, span + 1 - first)
    return max(0, round(total))


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
