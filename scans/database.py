"""The runner's own database thread: one connection, and transactions that never wait for a call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection

logger = logging.getLogger("prompter.scans")

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 6  # over about half a minute: a restart of the database, a failover


class Database:
    """Runs functions one after another in a thread of its own; those that lost the connection or a deadlock again."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="runner-database")

    async def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in range(ATTEMPTS):
            try:
                return await self._run(partial(function, *args, **kwargs))
            except (OperationalError, InterfaceError) as error:
                if attempt == ATTEMPTS - 1:
                    raise
                logger.warning("the database failed, trying again: %s", type(error).__name__)
                await self._run(connection_closed)
                await asyncio.sleep(2.0**attempt / 2)
        raise AssertionError("unreachable")

    async def _run(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def aclose(self) -> None:
        await self._run(connection_closed)
        self._thread.shutdown()


def connection_closed() -> None:
    connection.close()
