"""Which lane an organization's engine is in now; the rows say which it was in when they were created."""

from __future__ import annotations

import time

from orgs.scoping import org_scope
from prompts.gateway import EngineUnavailable, Lane, lane_for

FRESH = 10.0  # seconds that a key is taken as read


class Lanes:
    def __init__(self) -> None:
        self._known: dict[tuple[int, str], tuple[float, Lane | EngineUnavailable]] = {}

    def of(self, org_id: int, engine: str) -> Lane | EngineUnavailable:
        """Outside any scope."""
        read_at, known = self._known.get((org_id, engine), (0.0, None))
        if known is None or time.monotonic() - read_at > FRESH:
            known = _lookup(org_id, engine)
            self._known[org_id, engine] = (time.monotonic(), known)
        return known


def _lookup(org_id: int, engine: str) -> Lane | EngineUnavailable:
    try:
        with org_scope(org_id):
            return lane_for(org_id, engine)
    except EngineUnavailable as unavailable:
        return unavailable
