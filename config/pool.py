"""The worker's pool of children: one that is dying does not take the worker along when Redis comes back."""

from __future__ import annotations

from typing import Any

from celery.concurrency import asynpool, prefork


class Pool(asynpool.AsynPool):  # type: ignore[misc]
    """A child's end is noticed a moment before it can be waited for, and until the next look (5 s) it stays listed
    without the descriptor that it was watched by. A worker that reconnects meanwhile (losing Redis ends its children)
    watches all that are listed, and would end with `ValueError: file descriptor is None` (celery issue 9250)."""

    def _track_child_process(self, proc: Any, hub: Any) -> None:
        if getattr(proc, "_sentinel_poll", proc) is not None:
            super()._track_child_process(proc, hub)  # type: ignore[misc]


class TaskPool(prefork.TaskPool):  # type: ignore[misc]
    Pool = Pool
