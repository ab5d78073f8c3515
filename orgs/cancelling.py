"""Tasks that are told to end, and do."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN = 3.0  # seconds before a task that goes on is told again


def cancel(task: asyncio.Task[Any]) -> None:
    """Until it ends, unlike the task's own `cancel`.

    Until Python 3.12 `asyncio.wait_for`, by which the client of Redis writes, drops a cancellation that comes in the
    moment in which its work is done (bpo-42130). A task that loops would loop on, and whoever waits for its end would
    wait for ever. Only for tasks that may be cut in whatever they do on their way out: that is told again as well.
    """
    if not task.done():
        task.cancel()
        task.get_loop().call_later(AGAIN, cancel, task)
