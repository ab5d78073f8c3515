"""Who may ask next: every lane's slots go round its organizations, and no organization has more than its share of
answers in flight."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from django.conf import settings

from scans.due import DueLane

Place = tuple[str, str, int]  # lane, engine, organization


def fair(due: Iterable[DueLane], *, room: int, flying: Mapping[Place, int]) -> list[DueLane]:
    """At most `room` of what is due in one lane: each next one for the organization that has the fewest in flight here,
    so that neither many scans nor a large one let another organization wait."""
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


def allowed(due: Iterable[DueLane], *, suspects: int) -> list[DueLane]:
    """What is left of it when no organization exceeds `SCAN_ORG_CONCURRENCY`, its lanes sharing what it has left, and
    suspects come one at a time: one of them may be what kills its worker."""
    spare: dict[int, int] = {}
    kept = []
    for _, lane in _in_any_order(due):
        for one in lane:
            left = spare.setdefault(one.org_id, settings.SCAN_ORG_CONCURRENCY - one.busy)
            count = min(one.count, left, 1 - suspects if one.suspect else left)
            if count > 0:
                spare[one.org_id] -= count
                suspects += one.suspect
                kept.append(replace(one, count=count))
    return kept


def by_lane(due: Iterable[DueLane]) -> list[tuple[tuple[str, str], list[DueLane]]]:
    """What is due, under its lane and engine."""
    return [(key, list(some)) for key, some in groupby(sorted(due, key=_lane), key=_lane)]


def place(one: DueLane) -> Place:
    return one.lane, one.engine, one.org_id


def _in_any_order(due: Iterable[DueLane]) -> Sequence[tuple[tuple[str, str], list[DueLane]]]:
    """No lane is always first to take of what an organization may still ask."""
    lanes = by_lane(due)
    random.shuffle(lanes)
    return lanes


def _lane(one: DueLane) -> tuple[str, str]:
    return one.lane, one.engine
