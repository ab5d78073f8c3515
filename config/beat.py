"""The scheduler of beat: what is due does not depend on a clock that was wrong, or on a database that is away."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

logger = logging.getLogger("prompter.beat")

SLACK = timedelta(seconds=1)
JUMP = 2.0  # seconds


class ClockedEntry(ModelEntry):  # type: ignore[misc]
    last_run_at: datetime

    def is_due(self) -> Any:
        """A last run in the future was written by a clock that was ahead, or ours has been put back. Waiting for it to
        pass could take hours."""
        now = self._default_now()
        if self.last_run_at - now > SLACK:
            logger.warning("%s is said to have run in the future: the clock was moved; it runs now", self.name)
            self.last_run_at = self.model.last_run_at = now - timedelta(days=1)
        return super().is_due()


class Scheduler(DatabaseScheduler):  # type: ignore[misc]
    Entry = ClockedEntry
    _clock_is_ahead_by: float | None = None  # of the monotonic one

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """The heap holds times of the wall clock: one that was put back would have everything wait for as long."""
        ahead_by = time.time() - time.monotonic()
        if self._clock_is_ahead_by is not None and abs(ahead_by - self._clock_is_ahead_by) > JUMP:
            logger.warning("the clock jumped by %.0f s; the schedule starts anew", ahead_by - self._clock_is_ahead_by)
            self._heap = None
            self._last_full_sync = datetime.now()
        self._clock_is_ahead_by = ahead_by
        delay: float = super().tick(*args, **kwargs)
        return delay

    def all_as_schedule(self) -> dict[str, ClockedEntry]:
        """While the database is away the schedule stays as it was read last."""
        try:
            found: dict[str, ClockedEntry] = super().all_as_schedule()
        except (DatabaseError, InterfaceError):
            if self._schedule is None:
                raise
            logger.warning("the database is not reachable; the schedule stays as it was")
            return self._schedule
        return found
