"""What open streams are told, over Redis: published by any process, heard by all."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from functools import lru_cache, partial

import redis
from django.conf import settings
from django.db import transaction
from django.utils.crypto import salted_hmac
from redis.exceptions import RedisError

logger = logging.getLogger("prompter.live")

END, NOTIFIED, READ = "end", "notified", "read"
_PATIENCE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """For the streams of `org_id`, of one user of it where `user_id` is given; or of one `session`, anywhere."""

    what: str
    org_id: int | None = None
    user_id: int | None = None
    session: str = ""
    notification_id: int | None = None

    def is_for(self, *, org_id: int, user_id: int, session: str) -> bool:
        if self.session:
            return self.session == session
        return self.org_id in (None, org_id) and self.user_id in (None, user_id)


def channel() -> str:
    """Channels reach across a Redis server's databases, so this one names its own."""
    return f"prompter:live:{_redis(settings.REDIS_URL).get_connection_kwargs().get('db', 0)}"


def encoded(told: Told) -> str:
    return json.dumps({name: value for name, value in asdict(told).items() if value not in (None, "")})


def decoded(text: bytes | str) -> Told:
    return Told(**json.loads(text))


def tell(told: Told) -> None:
    """Once the transaction has committed. Losing it loses nothing for good: streams look for themselves as well."""
    transaction.on_commit(partial(_publish, told))


def session_digest(session_key: str | None) -> str:
    return salted_hmac("orgs.live", session_key).hexdigest()[:32] if session_key else ""


def _publish(told: Told) -> None:
    try:
        _redis(settings.REDIS_URL).publish(channel(), encoded(told))
    except RedisError:
        logger.warning("Redis cannot be reached; open streams hear of %r when they next look", told.what)


@lru_cache(maxsize=4)
def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE)
