"""Fairness: who asks next in a lane, and how many answers an organization has in flight."""

import asyncio
import threading
import time
from collections import Counter
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from orgs.models import Organization
from orgs.scoping import org_scope
from prompts import gateway
from prompts.llm.simulator.server import Running
from prompts.models import Brand, Project
from scans import claims
from scans.claims import Claimed
from scans.database import Database
from scans.due import DueLane
from scans.flights import LATE, Flights
from scans.lanes import Lanes
from scans.sharing import allowed, by_lane, fair
from tests.scans.running import ENGINES, add_prompts, answers_of, make_project, run, started, statuses

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


def test_an_organizations_cap_spans_its_lanes(settings: Any) -> None:
    settings.SCAN_ORG_CONCURRENCY = 10
    kept = allowed([due(1, 8, busy=4), due(1, 8, busy=4, lane="another"), due(2, 3)], suspects=0)
    total = Counter[int]()
    for one in kept:
        total[one.org_id] += one.count
    assert total == {1: 6, 2: 3}


def test_suspects_come_one_at_a_time() -> None:
    entries = [due(1, 5, suspect=True), due(2, 5, suspect=True), due(3, 2)]
    assert sum(one.count for one in allowed(entries, suspects=0) if one.suspect) == 1
    assert [one for one in allowed(entries, suspects=1) if one.suspect] == []
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
            held.extend(claims.claim(fair(found, room=5, flying={})))
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
        database = Database()
        flights = Flights(database)
        storing = asyncio.create_task(flights.store_outcomes())
        got = await gateway.grant(lane, want=1)
        flights.take_off(held, lane, at=time.monotonic() - LATE - 0.1, ticket=got.tickets[0])
        await flights.changed.wait()
        storing.cancel()
        await database.aclose()
        await gateway.close()

    asyncio.run(sleep_through())
    [answer] = answers_of(scan)
    assert (answer.status, answer.attempts) == ("pending", 0)
    assert simulator.stats()["totals"]["requests"] == 0
