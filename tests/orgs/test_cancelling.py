"""A task that is cancelled ends, whatever drops the cancellation on its way."""

import asyncio
from contextlib import suppress

import pytest

from orgs import cancelling


async def loop_on(dropped: list[int], *, most: int) -> None:
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if len(dropped) == most:
                raise
            dropped.append(1)


async def test_a_dropped_cancellation_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancelling, "AGAIN", 0.01)
    dropped: list[int] = []
    task = asyncio.create_task(loop_on(dropped, most=2))
    await asyncio.sleep(0)
    cancelling.cancel(task)
    with suppress(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)
    assert (task.cancelled(), len(dropped)) == (True, 2)


async def test_a_task_that_ended_is_left_alone() -> None:
    task = asyncio.create_task(asyncio.sleep(0, "result"))
    await task
    cancelling.cancel(task)
    assert task.result() == "result"
