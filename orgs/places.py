"""How many streams a user has open, over all processes: a place each, which falls free when nobody keeps it."""

from __future__ import annotations

import logging
from uuid import uuid4

from django.conf import settings
from redis.asyncio import Redis
from redis.exceptions import RedisError

logger = logging.getLogger("prompter.live")

MOST = 10  # streams that one user may have open
KEPT = 45  # seconds that a place lasts
_PATIENCE = 5.0
_UNREACHABLE = (RedisError, OSError)


async def take(user_id: int) -> str | None:
    """A place, or None where all are taken."""
    place = uuid4().hex
    try:
        async with _redis() as redis:
            now = (await redis.time())[0]
            async with redis.pipeline(transaction=True) as commands:
                commands.zremrangebyscore(_key(user_id), 0, now - KEPT)
                commands.zadd(_key(user_id), {place: now})
                commands.zcard(_key(user_id))
                commands.expire(_key(user_id), KEPT)
                taken = (await commands.execute())[2]
            if taken > MOST:
                await redis.zrem(_key(user_id), place)
                return None
    except _UNREACHABLE:
        logger.warning("Redis cannot be reached; a stream opens uncounted")
    return place


async def keep(redis: Redis | None, user_id: int, place: str) -> None:
    if redis is None:
        return
    try:
        await redis.zadd(_key(user_id), {place: (await redis.time())[0]})
        await redis.expire(_key(user_id), KEPT)
    except _UNREACHABLE:
        logger.warning("Redis cannot be reached; a stream's place may fall free")


async def leave(user_id: int, place: str) -> None:
    try:
        async with _redis() as redis:
            await redis.zrem(_key(user_id), place)
    except _UNREACHABLE:
        logger.warning("Redis cannot be reached; a stream's place falls free by itself")


def _key(user_id: int) -> str:
    return f"streams:{user_id}"


def _redis() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE)
