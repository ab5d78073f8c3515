"""The database's clock as this process knows it: machines disagree about the time, and the books need one."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

FRESH = 60.0  # seconds that a reading is good for

_lock = threading.Lock()
_read: tuple[float, datetime] | None = None  # the monotonic clock, and the database's at that moment


def learn() -> None:
    """Read it, unless that was done lately. Never inside a coroutine."""
    global _read
    if _read is not None and time.monotonic() - _read[0] < FRESH:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [there] = cursor.fetchone()
    with _lock:
        _read = time.monotonic(), there


def now() -> datetime:
    """What the database's clock shows; this machine's where nobody has asked the database."""
    with _lock:
        read = _read
    return timezone.now() if read is None else read[1] + timedelta(seconds=time.monotonic() - read[0])


def forget() -> None:
    global _read
    with _lock:
        _read = None
