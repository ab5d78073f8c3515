"""Who may ask next: every lane's slots go round its organizations, and no organization has more than its share of
answers in flight."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from django.conf import settings

from scans.due import DueLane

LaneKey = tuple[str, str]  # lane, engine
Place = tuple[str, str, int]  # lane, engine, organization
LONG = 10.0  # seconds of rest after which a lane leaves its share of the room to the others meanwhile
LONGEST = 30.0  # seconds until it is asked again all the same: somebody may have reset it, or raised its limits
_SHUT = frozenset({"breaker_open", "day_spent"})


@dataclass(frozen=True, slots=True)
class Rest:
    """When by the monotonic clock a lane may be asked for slots again, and whether that is a matter of its pace."""

    until: float
    is_long: bool = False

    @classmethod
    def after(cls, reason: str, *, now: float, seconds: float) -> Rest:
        return cls(now + min(seconds, LONGEST), reason in _SHUT or seconds > LONG)


def shared(
    due: Iterable[DueLane], *, room: int, flying: Mapping[Place, int], suspects: int, paused: Mapping[LaneKey, Rest]
) -> tuple[list[DueLane], bool]:
    """What to ask of it where `room` is left in this process: no lane takes more than its share of all the room, no
    organization more than its own. True when more is due in a lane than it has room for."""
    lanes, busy = by_lane(due), Counter[LaneKey]()
    for (lane, engine, _), count in flying.items():
        busy[lane, engine] += count
    # Lanes that nothing may be asked in for long, or nothing is due in, leave to the others what they do not use.
    takers = {
        key
        for key, some in lanes
        if not (key in paused and paused[key].is_long) and any(_spare(one) > 0 for one in some)
    }
    taken = sum(count for key, count in busy.items() if key not in takers)
    share = max(1, (settings.SCAN_CONCURRENCY - taken) // max(1, len(takers)))
    rooms = {key: share - busy[key] for key, _ in lanes}
    more = any(sum(one.count for one in some) >= rooms[key] for key, some in lanes)
    asked = [one for key, some in lanes if key not in paused for one in some]
    kept = by_lane(allowed(asked, rooms=rooms, flying=flying, suspects=suspects))
    fairly = [one for key, some in kept for one in fair(some, room=rooms[key], flying=flying)]
    return fair(fairly, room=room, flying=flying), more


def fair(due: Iterable[DueLane], *, room: int, flying: Mapping[Place, int]) -> list[DueLane]:
    """At most `room` of what is due: each next one where the fewest are in flight. Of one lane that is for the
    organization that has the fewest there, so that neither many scans nor a large one let another organization wait; of
    one organization, in the lane that it has the fewest in."""
    entries = list(due)
    given = [0] * len(entries)
    heap = [
        (flying.get(place(one), 0), random.random(), position)  # noqa: S311  no secret: who is first among equals
        for position, one in enumerate(entries)
    ]
    heapq.heapify(heap)
    while heap and room > 0:
        level, luck, position = heapq.heappop(heap)
        given[position] += 1
        room -= 1
        if given[position] < entries[position].count:
            heapq.heappush(heap, (level + 1, luck, position))
    return [replace(one, count=count) for one, count in zip(entries, given, strict=True) if count]


def allowed(
    due: Iterable[DueLane], *, rooms: Mapping[LaneKey, int], flying: Mapping[Place, int], suspects: int
) -> list[DueLane]:
    """What is left of it where no organization exceeds `SCAN_ORG_CONCURRENCY` and nothing its lane's room, an
    organization's lanes with room sharing what it has left; suspects come one at a time: one of them may be what kills
    its worker."""
    by_org: dict[int, list[DueLane]] = {}
    for one in _in_any_order(due):
        count = min(one.count, rooms[_lane(one)])
        if one.suspect:
            count = min(count, 1 - suspects)
            suspects += max(0, count)
        if count > 0:
            by_org.setdefault(one.org_id, []).append(replace(one, count=count))
    return [kept for some in by_org.values() for kept in fair(some, room=_spare(some[0]), flying=flying)]


def by_lane(due: Iterable[DueLane]) -> list[tuple[LaneKey, list[DueLane]]]:
    """What is due, under its lane and engine."""
    return [(key, list(some)) for key, some in groupby(sorted(due, key=_lane), key=_lane)]


def place(one: DueLane) -> Place:
    return one.lane, one.engine, one.org_id


def _spare(one: DueLane) -> int:
    """How many more answers its organization may have in flight."""
    cap: int = settings.SCAN_ORG_CONCURRENCY
    return cap - one.busy


def _in_any_order(due: Iterable[DueLane]) -> list[DueLane]:
    """Nobody's suspect is always first."""
    entries = list(due)
    random.shuffle(entries)
    return entries


def _lane(one: DueLane) -> LaneKey:
    return one.lane, one.engine
