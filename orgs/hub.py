"""A process's one subscription to what open streams are told; each stream has an inbox."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from django.conf import settings
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orgs.cancelling import cancel
from orgs.live import END, Told, channel, decoded

logger = logging.getLogger("prompter.live")

ROOM = 100  # messages that a stream may be behind before it is ended: its reader has gone
_PAUSES = (0.2, 1.0, 5.0)  # seconds before each further attempt to reach Redis
_LONGEST_END = 10.0  # seconds that a server which stops waits for the subscriptions' end
LOOK = Told(what="look")  # messages may have been missed: look for yourself


@dataclass(eq=False, slots=True, kw_only=True)
class Inbox:
    """What one stream is told. `ended` is set when it must close."""

    org_id: int
    user_id: int
    session: str
    messages: asyncio.Queue[Told] = field(default_factory=lambda: asyncio.Queue(maxsize=ROOM))
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, told: Told) -> None:
        if told.what == END or self.messages.full():
            self.ended.set()
        else:
            self.messages.put_nowait(told)


class Hub:
    """Of one event loop: subscribed while anybody listens."""

    _of: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]] = WeakKeyDictionary()

    def __init__(self) -> None:
        self._inboxes: set[Inbox] = set()
        self._task: asyncio.Task[None] | None = None
        self.ending: set[asyncio.Task[None]] = set()  # the loop would not keep them
        self._subscribed = asyncio.Event()
        self.redis: Redis | None = None  # while it can be reached

    @classmethod
    def here(cls) -> Hub:
        loop = asyncio.get_running_loop()
        if loop not in cls._of:
            cls._of[loop] = cls()
        return cls._of[loop]

    @contextmanager
    def listening(self, inbox: Inbox) -> Iterator[Inbox]:
        self._inboxes.add(inbox)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen())
        try:
            yield inbox
        finally:
            self._inboxes.discard(inbox)
            if not self._inboxes and self._task is not None:
                self._leave(self._task)

    def _leave(self, task: asyncio.Task[None]) -> None:
        """It takes a moment to end. Whoever listens meanwhile has a subscription of their own to wait for."""
        self.ending.add(task)
        task.add_done_callback(self.ending.discard)
        self._task = None
        self._forget()
        cancel(task)

    def _forget(self) -> None:
        self.redis = None
        self._subscribed.clear()

    def end_all(self) -> None:
        for inbox in list(self._inboxes):
            inbox.ended.set()

    async def aclose(self) -> None:
        """The server stops: streams end, and every subscription with them."""
        self.end_all()
        if self._task is not None:
            self._leave(self._task)
        if self.ending:
            await asyncio.wait(self.ending, timeout=_LONGEST_END)

    async def subscribed(self, *, patience: float) -> bool:
        """Whether messages arrive, after waiting for that a while: what is read before may be out of date unnoticed."""
        try:
            async with asyncio.timeout(patience):
                await self._subscribed.wait()
        except TimeoutError:
            return False
        return True

    async def _listen(self) -> None:
        for attempt in count():
            try:
                await self._subscribe()
            except (RedisError, OSError) as error:
                logger.warning("open streams hear nothing, Redis cannot be reached: %s", type(error).__name__)
            finally:
                if self._task is asyncio.current_task():
                    self._forget()
            await asyncio.sleep(_PAUSES[min(attempt, len(_PAUSES) - 1)])

    async def _subscribe(self) -> None:
        async with Redis.from_url(settings.REDIS_URL) as redis, redis.pubsub() as pubsub:
            self.redis = redis
            await pubsub.subscribe(channel())
            async for message in pubsub.listen():
                self._hear(message)

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            self._subscribed.set()
            told = LOOK
        elif message["type"] == "message":
            told = decoded(message["data"])
        else:
            return
        for inbox in list(self._inboxes):
            if told.is_for(org_id=inbox.org_id, user_id=inbox.user_id, session=inbox.session):
                inbox.put(told)
