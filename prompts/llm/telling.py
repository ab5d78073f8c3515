"""Tells lanes how calls ended: many calls that end together are told in one round trip a lane."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .limiter import Limits

if TYPE_CHECKING:
    from .lanes import End, Lanes

Waiting = tuple[str, Limits, "End", "asyncio.Future[None]"]


class Teller:
    """While one telling is on its way, the next ones gather: nobody waits longer than for two of them."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._waiting: list[Waiting] = []
        self._telling: asyncio.Task[None] | None = None

    async def tell(self, lane: str, *, limits: Limits, end: End) -> None:
        """Raises what the lanes raise."""
        told = asyncio.get_running_loop().create_future()
        self._waiting.append((lane, limits, end, told))
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell_all())
        await told

    async def _tell_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            by_lane: dict[tuple[str, Limits], list[Waiting]] = {}
            for one in batch:
                by_lane.setdefault(one[:2], []).append(one)
            await asyncio.gather(*(self._tell(lane, limits, some) for (lane, limits), some in by_lane.items()))

    async def _tell(self, lane: str, limits: Limits, some: Sequence[Waiting]) -> None:
        # Every one of those that wait hears of a failure, and decides for itself.
        ends = [end for _, _, end, _ in some]
        [error] = await asyncio.gather(self._lanes.finish(lane, limits=limits, ends=ends), return_exceptions=True)
        for *_, told in some:
            if told.done():  # whoever asked has left
                continue
            if error is None:
                told.set_result(None)
            else:
                told.set_exception(error)
