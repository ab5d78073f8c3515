"""Short database work of the gateway, off the event loop: the ledger's rows and the quota of single calls."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connection

from orgs.scoping import org_scope
from prompts.models import LlmCall

logger = logging.getLogger("prompter.llm")

_THREADS = 4
_PAUSES = (0.1, 0.5, 2.0)  # seconds between tries

T = TypeVar("T")
_executor: ThreadPoolExecutor | None = None


async def record(org_id: int, **fields: Any) -> None:
    """Write one ledger row. One that cannot be written is tried again and then logged whole: it never costs the
    reply."""

    def write() -> None:
        LlmCall(org_id=org_id, **fields).save(force_insert=True)

    for pause in (*_PAUSES, None):
        try:
            await in_scope(org_id, write)
            return
        except (DatabaseError, InterfaceError) as error:
            # A project that is gone will not come back, and what does not fit never will.
            if pause is None or isinstance(error, IntegrityError | DataError):
                logger.exception("the ledger lost a call: org=%s %s", org_id, line(fields))
                return
            logger.warning("the ledger is not reachable, trying again: %s", type(error).__name__)
            await asyncio.sleep(pause)


def line(fields: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in fields.items())


async def in_scope(org_id: int, function: Callable[[], T]) -> T:
    """Run `function` in its own short transaction of an organization, on a thread of its own."""
    return await asyncio.get_running_loop().run_in_executor(_threads(), _scoped, org_id, function)


def _scoped(org_id: int, function: Callable[[], T]) -> T:
    try:
        with org_scope(org_id):
            return function()
    finally:
        connection.close()  # back to the pool, where there is one


def _threads() -> ThreadPoolExecutor:
    global _executor
    if _executor is None:
        _executor = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="ledger")
    return _executor


def _forget_threads() -> None:
    """After a fork: the parent's threads are not in this process."""
    global _executor
    _executor = None


os.register_at_fork(after_in_child=_forget_threads)
