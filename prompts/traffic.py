"""The lanes' Redis as this process reaches it: one asynchronous client per event loop, one synchronous for screens."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from functools import lru_cache

import redis
from django.conf import settings
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from prompts.llm.gauges import LaneGauge, forget, known_lanes, read_gauges
from prompts.llm.lanes import End, Lanes, provider_of
from prompts.llm.telling import Teller
from prompts.llm.types import Limits

# What an unreachable Redis raises: its own errors, or the socket's.
UNREACHABLE = (RedisError, OSError)
_TIMEOUT = 3.0  # seconds; a lane that cannot be asked sends nothing
_CONNECTIONS = 32
_QUEUE = 15.0  # seconds for one of them to be free: a loop that stands still is no Redis that is away

_by_loop: dict[asyncio.AbstractEventLoop, tuple[Redis, Lanes, Teller]] = {}


def lanes() -> Lanes:
    """The lanes, on the running loop's own connections."""
    return _of_loop()[1]


async def tell(lane: str, *, limits: Limits, end: End) -> None:
    """How one call ended; those that end at the same time share a round trip."""
    await _of_loop()[2].tell(lane, limits=limits, end=end)


async def reachable() -> bool:
    """Whether Redis answers: while it does not, nothing new is sent anywhere."""
    try:
        _of_loop()
        await _by_loop[asyncio.get_running_loop()][0].ping()
    except UNREACHABLE:
        return False
    return True


async def renew() -> None:
    """Keep what this loop's calls hold of their lanes: call it every few seconds while there are any."""
    if asyncio.get_running_loop() in _by_loop:
        await lanes().renew()


def let_go() -> None:
    """Whoever held slots on this loop has ended, however: what was granted and never sent does not stay counted."""
    if asyncio.get_running_loop() in _by_loop:
        lanes().let_go()


def _of_loop() -> tuple[Redis, Lanes, Teller]:
    loop = asyncio.get_running_loop()
    if loop not in _by_loop:
        for closed in [other for other in _by_loop if other.is_closed()]:
            del _by_loop[closed]
        client = Redis.from_pool(_pool(settings.REDIS_URL))
        made = Lanes(client)
        _by_loop[loop] = client, made, Teller(made)
    return _by_loop[loop]


async def close() -> None:
    """Close the running loop's connections, at its end."""
    if (kept := _by_loop.pop(asyncio.get_running_loop(), None)) is not None:
        await kept[0].aclose()


def lane_states(lane_keys: Iterable[str]) -> dict[str, LaneGauge] | None:
    """What these lanes are doing; None while Redis cannot be reached."""
    limits = {key: _limits_of_key(key) for key in sorted(set(lane_keys))}
    if not limits:
        return {}
    try:
        return read_gauges(_reader(settings.REDIS_URL), limits)
    except UNREACHABLE:
        return None


def lane_gauges(lane_keys: Iterable[str]) -> dict[str, LaneGauge] | None:
    """How busy these lanes are, and those that sent something lately; None while Redis cannot be reached."""
    try:
        return lane_states({*lane_keys, *known_lanes(_reader(settings.REDIS_URL))})
    except UNREACHABLE:
        return None


def reset_lane(lane: str) -> bool:
    """Forget what a lane has learned: its pace, waits, told limits, breaker and width. Its day's budget and the calls
    in flight stay counted. False while Redis cannot be reached."""
    try:
        forget(_reader(settings.REDIS_URL), lane)
    except UNREACHABLE:
        return False
    return True


def _limits_of_key(lane: str) -> Limits:
    """What the operator set, for a lane that was not asked yet."""
    provider, simulated = provider_of(lane), lane.startswith("sim-")
    known = simulated or provider in settings.LLM_REQUESTS_PER_MINUTE
    return limits_of(provider, simulated=simulated) if known else Limits(requests=0)


def limits_of(provider: str, *, simulated: bool) -> Limits:
    """The limits that the operator set for a provider's lanes."""
    name = "simulated" if simulated else provider
    return Limits(
        requests=settings.LLM_REQUESTS_PER_MINUTE[name],
        tokens=settings.LLM_TOKENS_PER_MINUTE[name],
        concurrency=settings.LLM_CONCURRENCY.get(name, 0),
        day_requests=settings.LLM_REQUESTS_PER_DAY.get(name, 0),
        day_tokens=settings.LLM_TOKENS_PER_DAY.get(name, 0),
        source="simulated" if simulated else "operator",
    )


def _pool(url: str) -> BlockingConnectionPool:
    """Hundreds of calls share a few connections; a connection that died while it idled is replaced once."""
    return BlockingConnectionPool.from_url(
        url,
        timeout=_QUEUE,
        socket_timeout=_TIMEOUT,
        socket_connect_timeout=_TIMEOUT,
        max_connections=_CONNECTIONS,
        retry=AsyncRetry(NoBackoff(), 1),
    )


@lru_cache(maxsize=4)
def _reader(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0, retry=Retry(NoBackoff(), 1))


os.register_at_fork(after_in_child=_reader.cache_clear)
