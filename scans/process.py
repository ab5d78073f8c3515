"""One event loop for the life of a worker process, so that SDK clients and connections outlive a task."""

from __future__ import annotations

import asyncio
import mmap
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery.signals import worker_shutting_down

from scans import runner

# Shared with the processes that the worker forks later: they are not told that it shuts down.
_worker_stops = mmap.mmap(-1, 1)
_loop: tuple[int, asyncio.AbstractEventLoop] | None = None


@worker_shutting_down.connect(weak=False)
def _announce(**_: Any) -> None:
    _worker_stops[0] = 1


def run_here(*, budget_seconds: float) -> bool:
    """Run in this process's loop. True when work may be left."""
    loop = _own_loop()
    with _terminated(loop) as terminated:
        return loop.run_until_complete(
            runner.run(budget_seconds=budget_seconds, stop=lambda: bool(_worker_stops[0]) or terminated.is_set())
        )


def _own_loop() -> asyncio.AbstractEventLoop:
    global _loop
    if _loop is None or _loop[0] != os.getpid() or _loop[1].is_closed():
        _loop = (os.getpid(), asyncio.new_event_loop())
    return _loop[1]


@contextmanager
def _terminated(loop: asyncio.AbstractEventLoop) -> Iterator[threading.Event]:
    """Set by SIGTERM, which then takes its course once the run has landed."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.getsignal(signal.SIGTERM)
    loop.add_signal_handler(signal.SIGTERM, asked.set)
    try:
        yield asked
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)
        if asked.is_set():
            os.kill(os.getpid(), signal.SIGTERM)
