"""The runner's own database thread: one connection, and transactions that never wait for a call."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, repeat
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, InternalError, OperationalError, connection

logger = logging.getLogger("prompter.scans")

P = ParamSpec("P")
T = TypeVar("T")

# A restart, a failover: what was asked meanwhile is paid for, and nobody else can take it over either.
PATIENCE = 300.0
PAUSES = (0.1, 0.25, 0.5, 1.0)
_STOOD_STILL = "25P03"  # idle_in_transaction_session_timeout
LONGEST = 2.0  # seconds between tries: leases must be renewed soon after the database is back


class Database:
    """Runs functions one after another in a thread of its own; those that lost the connection or a deadlock again."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="runner-database")

    async def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        give_up = time.monotonic() + PATIENCE
        for pause in chain(PAUSES, repeat(LONGEST)):
            try:
                return await self._run(partial(function, *args, **kwargs))
            except (OperationalError, InterfaceError, InternalError) as error:
                if not _may_pass(error) or time.monotonic() > give_up:
                    raise
                logger.warning("the database failed, trying again: %s", type(error).__name__)
                await self._run(connection_closed)
                await asyncio.sleep(pause)
        raise AssertionError("unreachable")

    async def _run(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def aclose(self) -> None:
        await self._run(connection_closed)
        self._thread.shutdown()


def _may_pass(error: Exception) -> bool:
    """Whether it is the connection's end: the server also ends a transaction in which this process stood still."""
    return not isinstance(error, InternalError) or getattr(error.__cause__, "sqlstate", "") == _STOOD_STILL


def connection_closed() -> None:
    connection.close()
