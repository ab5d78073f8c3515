"""What a worker process keeps for its life: its event loop, its place among the runners, and word of its end."""

from __future__ import annotations

import asyncio
import fcntl
import mmap
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from celery.signals import celeryd_after_setup, worker_shutting_down

from scans import runner

# Shared with the processes that the worker forks later: they are not told that it shuts down.
_worker_stops = mmap.mmap(-1, 1)
_places: tuple[IO[bytes], int] | None = None
_loop: tuple[int, asyncio.AbstractEventLoop] | None = None


@worker_shutting_down.connect(weak=False)
def _announce(**_: Any) -> None:
    _worker_stops[0] = 1


@celeryd_after_setup.connect(weak=False)
def _share_places(*, instance: Any, **_: Any) -> None:
    """Half of a worker's processes may be runners: they stay for minutes, and other tasks must not wait for them."""
    global _places
    _places = (tempfile.TemporaryFile(), max(1, instance.concurrency // 2))  # noqa: SIM115  kept for the process's life


def run_here(*, budget_seconds: float) -> bool:
    """Run in this process's loop, unless enough others of this worker do. True when work may be left."""
    with _place() as free:
        if not free:
            return False
        loop = _own_loop()
        with _terminated(loop) as terminated:
            return loop.run_until_complete(
                runner.run(budget_seconds=budget_seconds, stop=lambda: bool(_worker_stops[0]) or terminated.is_set())
            )


@contextmanager
def _place() -> Iterator[bool]:
    """One byte of a file that nobody else sees, locked: the kernel frees it however this process ends."""
    if _places is None:
        yield True
        return
    file, count = _places
    for number in range(count):
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except OSError:
            continue
        try:
            yield True
        finally:
            fcntl.lockf(file, fcntl.LOCK_UN, 1, number)
        return
    yield False


def _own_loop() -> asyncio.AbstractEventLoop:
    """SDK clients and connections belong to a loop: one for all tasks, so that they are kept."""
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
