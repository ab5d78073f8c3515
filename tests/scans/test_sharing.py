"""Fairness: who asks next in a lane, and how many answers an organization has in flight."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from orgs.models import Organization
from orgs.scoping import org_scope
from prompts import gateway
from prompts.llm.simulator.server import Running
from prompts.models import Brand, Project
from scans import claims
from scans.asking import missed_slot
from scans.claims import Claimed
from scans.database import Database
from scans.due import DueLane
from scans.flights import LATE, Flights
from scans.lanes import Lanes
from scans.sharing import Rest, allowed, by_lane, fair, shared
from tests.scans.running import ENGINES, add_prompts, aloft, answers_of, make_project, run, started, statuses

LANE, ENGINE = "sim-openai|openai:gpt-5-mini", ENGINES[0]
WANTS = st.lists(st.integers(1, 40), min_size=1, max_size=12)


def due(org_id: int, count: int, *, busy: int = 0, suspect: bool = False, lane: str = LANE) -> DueLane:
    return DueLane(lane, ENGINE, suspect, org_id, count, busy)


@given(counts=WANTS, flying=st.lists(st.integers(0, 20), min_size=12, max_size=12), room=st.integers(0, 200))
def test_nobody_gets_more_while_somebody_with_less_still_wants(counts: list[int], flying: list[int], room: int) -> None:
    entries = [due(org_id, count) for org_id, count in enumerate(counts)]
    given = fair(entries, room=room, flying={(LANE, ENGINE, org_id): n for org_id, n in enumerate(flying)})
    got = Counter({one.org_id: one.count for one in given})
    assert got.total() == min(room, sum(counts))
    for org_id, count in enumerate(counts):
        assert got[org_id] <= count
        if got[org_id] < count:  # who wants more has no less than anybody who was given something now
            assert all(got[org_id] + flying[org_id] >= got[one] + flying[one] - 1 for one in got if got[one])


def may(
    entries: list[DueLane],
    *,
    full: Collection[str] = (),
    flying: Mapping[str, int] = MappingProxyType({}),
    suspects: int = 0,
) -> list[DueLane]:
    """What the first organization has in flight by lane in `flying`; no room in lanes that are `full`."""
    rooms = {(one.lane, one.engine): 0 if one.lane in full else 100 for one in entries}
    places = {(lane, ENGINE, 1): count for lane, count in flying.items()}
    return allowed(entries, rooms=rooms, flying=places, suspects=suspects)


def test_an_organizations_cap_spans_its_lanes(settings: Any) -> None:
    settings.SCAN_ORG_CONCURRENCY = 10
    kept = may([due(1, 8, busy=4), due(1, 8, busy=4, lane="another"), due(2, 3)])
    total = Counter[int]()
    for one in kept:
        total[one.org_id] += one.count
    assert total == {1: 6, 2: 3}


def test_what_an_organization_has_left_goes_to_its_lanes_with_room(settings: Any) -> None:
    settings.SCAN_ORG_CONCURRENCY = 30
    entries = [due(1, 50, busy=20, lane=lane) for lane in ("full", "busy", "idle")]
    for _ in range(20):  # whichever lane is looked at first
        kept = may(entries, full={"full"}, flying={"full": 10, "busy": 8, "idle": 2})
        assert {one.lane: one.count for one in kept} == {"busy": 2, "idle": 8}


@given(
    counts=st.lists(st.integers(0, 60), min_size=9, max_size=9),
    flying=st.lists(st.integers(0, 12), min_size=9, max_size=9),
    paused=st.sets(st.sampled_from("abc")),
)
def test_nothing_that_is_shared_out_exceeds_the_room(counts: list[int], flying: list[int], paused: set[str]) -> None:
    """Three lanes of three organizations; what flies in a lane may be more than its share, from when it was alone."""
    places = {(lane, ENGINE, org_id): flying[3 * at + org_id] for at, lane in enumerate("abc") for org_id in range(3)}
    entries = [
        due(org_id, counts[3 * at + org_id], lane=lane)
        for at, lane in enumerate("abc")
        for org_id in range(3)
        if counts[3 * at + org_id]
    ]
    room = max(0, 60 - sum(flying))
    with override_settings(SCAN_CONCURRENCY=60):
        given, _ = shared(
            entries, room=room, flying=places, suspects=0, paused={(lane, ENGINE): Rest(0.0) for lane in paused}
        )
    assert sum(one.count for one in given) <= room
    assert not any(one.lane in paused for one in given)
    for at, lane in enumerate("abc"):
        got = sum(one.count for one in given if one.lane == lane)
        assert got == 0 or got + sum(flying[3 * at : 3 * at + 3]) <= 60 // len({one.lane for one in entries})
    if room and not paused and sum(counts) >= 60 and all(n == 0 for n in flying):
        assert given


@pytest.mark.parametrize("dead", [0, 1, 7, 40])
def test_lanes_that_are_shut_leave_their_share_to_the_others(dead: int, settings: Any) -> None:
    settings.SCAN_CONCURRENCY = settings.SCAN_ORG_CONCURRENCY = 400
    shut = [due(100 + number, 50, lane=f"dead-{number}") for number in range(dead)]
    rests = {(one.lane, one.engine): Rest.after("breaker_open", now=0.0, seconds=30.0) for one in shut}
    given, _ = shared([due(1, 1000), *shut], room=400, flying={}, suspects=0, paused=rests)
    assert [one.count for one in given] == [400]


def test_what_hangs_in_a_lane_keeps_to_its_share(settings: Any) -> None:
    """One that is at its pace for a moment keeps its own, and what flies in a lane without work is room for nobody."""
    settings.SCAN_CONCURRENCY = settings.SCAN_ORG_CONCURRENCY = 400
    entries = [due(1, 1000, lane=lane) for lane in ("hangs", "paced", "works")]
    rests = {("paced", ENGINE): Rest.after("limited", now=0.0, seconds=0.1)}
    flying = {("hangs", ENGINE, 1): 120, ("done", ENGINE, 2): 40}
    given, more = shared(entries, room=240, flying=flying, suspects=0, paused=rests)
    assert {one.lane: one.count for one in given} == {"works": 120}
    assert more


def test_suspects_come_one_at_a_time() -> None:
    entries = [due(1, 5, suspect=True), due(2, 5, suspect=True), due(3, 2)]
    assert sum(one.count for one in may(entries) if one.suspect) == 1
    assert [one for one in may(entries, suspects=1) if one.suspect] == []
    assert [len(some) for _, some in by_lane(entries)] == [3]


@pytest.fixture
def neighbour(other_org: Organization) -> Project:
    with org_scope(other_org):
        return Project.objects.for_org(other_org).create(org=other_org, name="n", slug="n", engines=[ENGINE])


def claim(count: int) -> list[Claimed]:
    return claims.claim(fair(claims.due_lanes(limit=count), room=count, flying={}))


def test_an_organization_with_many_scans_does_not_starve_another(
    project: Project, neighbour: Project, simulator: Running
) -> None:
    for number in range(8):
        other = make_project(project, f"more-{number}")
        add_prompts(other, 5, start=100 * number)
        started(other)
    add_prompts(neighbour, 5)
    late = started(neighbour)
    assert sum(one.scan_id == late.pk for one in claim(10)) == 5


def test_within_an_organization_the_earliest_turns_come_first(project: Project, simulator: Running) -> None:
    add_prompts(project, 30)
    large = started(project)
    claim(10)
    small = make_project(project, "small")
    add_prompts(small, 4)
    late = started(small)
    held = Counter(one.scan_id for one in claim(6))
    assert held == {late.pk: 4, large.pk: 2}


@pytest.mark.django_db(transaction=True)
def test_many_runners_at_once_keep_an_organization_within_its_cap(
    project: Project, simulator: Running, settings: Any
) -> None:
    settings.SCAN_ORG_CONCURRENCY = 7
    add_prompts(project, 40)
    scan = started(project)
    found = claims.due_lanes(limit=40)  # all of them saw nothing in flight
    start, held = threading.Barrier(5), []

    def runner() -> None:
        try:
            start.wait(10)
            for _ in range(60):  # whoever comes while somebody else claims has another turn
                held.extend(claims.claim(fair(found, room=5, flying={})))
                if len(held) >= 7:
                    break
        finally:
            connection.close()

    threads = [threading.Thread(target=runner) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held) == 7
    assert statuses(scan)["claimed"] == 7


@pytest.mark.django_db(transaction=True)
def test_a_scan_above_the_cap_runs_to_its_end(
    project: Project, own_brand: Brand, simulator: Running, settings: Any
) -> None:
    settings.SCAN_ORG_CONCURRENCY = 2
    simulator.options(latency=0.05)
    add_prompts(project, 9)
    scan = started(project)
    assert not run()
    assert statuses(scan) == {"succeeded": len(answers_of(scan))}
    assert simulator.stats()["totals"]["in_flight_max"] <= 2


@pytest.mark.django_db(transaction=True)
def test_a_slot_that_was_slept_through_is_not_sent(project: Project, simulator: Running) -> None:
    add_prompts(project, 1)
    scan = started(project)
    [held] = claim(1)
    lane = Lanes().of(held.org_id, held.engine)
    assert isinstance(lane, gateway.Lane)

    async def sleep_through() -> None:
        async with aloft() as flights:
            got = await gateway.grant(lane, want=1)
            flights.take_off(held, lane, at=time.monotonic() - LATE - 0.1, ticket=got.tickets[0])
            await flights.stored()

    asyncio.run(sleep_through())
    [answer] = answers_of(scan)
    assert (answer.status, answer.attempts) == ("pending", 0)
    assert simulator.stats()["totals"]["requests"] == 0


@pytest.mark.django_db(transaction=True)
def test_what_has_ended_takes_no_room_but_for_what_no_transaction_takes(
    project: Project, simulator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scans.flights.MOST_STORED", 2)
    add_prompts(project, 5)
    started(project)
    flying, *ended = claim(4)
    lane = Lanes().of(flying.org_id, flying.engine)
    assert isinstance(lane, gateway.Lane)

    async def rooms() -> tuple[int, int]:
        database = Database()
        flights = Flights(database)
        flights.take_off(flying, lane, at=time.monotonic() + 600, ticket="")
        for one in ended:
            flights.report(missed_slot(one))
        under_way = flights.under_way  # one in flight, two of the three that ended go into the database at once
        storing = asyncio.create_task(flights.store_outcomes())
        await flights.stored(left=1)
        storing.cancel()
        await flights.land(lambda: True)
        await database.aclose()
        await gateway.close()
        return under_way, sum(flights.places().values())

    assert asyncio.run(rooms()) == (2, 0)
