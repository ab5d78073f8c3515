"""What workers and beat leave in Redis for the health panel: failed tasks, and when beat last sent something."""

from __future__ import annotations

import json
import logging
import re
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import redis
from celery import signals
from django.conf import settings

from prompts.traffic import UNREACHABLE

logger = logging.getLogger("prompter.operators")

FAILED, BEAT = "operators:failed_tasks", "operators:beat"
KEPT = 100
FORGOTTEN_AFTER = 14 * 24 * 3600
_LONGEST = 200
# Passwords in addresses, and anything long enough to be a key or a token.
_SECRETS = re.compile(r"(?<=//)[^\s/@]+(?=@)|\b[\w.-]*?[A-Za-z][\w-]*\d[\w-]{18,}|\b\w+-[\w-]{16,}|\b[A-Za-z0-9_]{32,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTask:
    """`message` is the error's first line, without anything that could be a secret; arguments are not kept."""

    id: str
    name: str
    at: float
    error: str
    message: str

    @property
    def when(self) -> datetime:
        return datetime.fromtimestamp(self.at, tz=UTC)


def failed_tasks() -> list[FailedTask]:
    """The latest first. Raises what an unreachable Redis raises."""
    rows: Any = client().lrange(FAILED, 0, KEPT - 1)
    return [FailedTask(**json.loads(row)) for row in rows]


def beat_seen() -> datetime | None:
    """When beat last sent a task. Raises what an unreachable Redis raises."""
    value: Any = client().get(BEAT)
    return datetime.fromtimestamp(float(value), tz=UTC) if value else None


def without_secrets(text: str) -> str:
    return _SECRETS.sub("…", text)


@signals.task_failure.connect(dispatch_uid="operators.task_failed", weak=False)
def task_failed(sender: Any = None, task_id: str = "", exception: BaseException | None = None, **_: Any) -> None:
    lines = str(exception).strip().splitlines() or [""]
    failed = FailedTask(
        id=str(task_id),
        name=str(getattr(sender, "name", "")),
        at=time.time(),
        error=type(exception).__name__,
        message=without_secrets(lines[0])[:_LONGEST],
    )
    try:
        with client().pipeline() as pipe:
            pipe.lpush(FAILED, json.dumps(asdict(failed)))
            pipe.ltrim(FAILED, 0, KEPT - 1)
            pipe.expire(FAILED, FORGOTTEN_AFTER)
            pipe.execute()
    except UNREACHABLE:
        logger.warning("Redis cannot be reached; the failure of task %s is in the log only", failed.id)


@signals.beat_init.connect(dispatch_uid="operators.beat", weak=False)
def beat_began(**_: Any) -> None:
    """Whatever this process sends from now on, beat sends."""
    signals.after_task_publish.connect(beat_sent, dispatch_uid="operators.beat_sent", weak=False)


def beat_sent(**_: Any) -> None:
    try:
        client().set(BEAT, time.time(), ex=FORGOTTEN_AFTER)
    except UNREACHABLE:
        logger.warning("Redis cannot be reached; operators do not see that beat runs")


def client() -> redis.Redis:
    return _client(settings.REDIS_URL)


@lru_cache(maxsize=4)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0)
