"""The whole way at a provider's limit: what Redis forgets, what the provider takes back, and what a day may hold."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import redis as redis_client
from django.db import InterfaceError, OperationalError

from orgs.scoping import org_scope
from prompts import gateway
from prompts.llm.simulator.server import Running
from prompts.models import Brand, Project
from prompts.traffic import reset_lane
from scans import claims
from scans.asking import outcome_of
from scans.flights import Flights
from scans.lanes import Lanes
from scans.models import Scan
from scans.pauses import pauses_of
from scans.sharing import fair
from scans.store import Outcome, Store
from tests.chaos.proxy import Proxy, before
from tests.chaos.workers import wait_until
from tests.prompts.asking import LostLedger, lost_ledger
from tests.scans.running import (
    ENGINES,
    add_prompts,
    aloft,
    answers_of,
    calls,
    run,
    run_beside,
    started,
    statuses,
    while_running,
)

pytestmark = pytest.mark.django_db(transaction=True)
GOOGLE = ENGINES[2]  # its answers tell nothing of limits


@pytest.fixture
def scan(project: Project, own_brand: Brand, simulator: Running) -> Scan:
    add_prompts(project, 45)
    return started(project, engines=[GOOGLE])


def answered(simulator: Running) -> int:
    return int(simulator.stats()["totals"]["answers"])


def test_redis_that_loses_its_data_twice_grants_nothing_anew(
    scan: Scan, simulator: Running, redis: redis_client.Redis, settings: Any
) -> None:
    """Ten a second after a burst of six. Two bursts more, and the slots that were held granted twice, would save most
    of the four seconds."""
    settings.LLM_REQUESTS_PER_MINUTE = {**settings.LLM_REQUESTS_PER_MINUTE, "simulated": 600}

    def lose_twice() -> None:
        for mark in (12, 28):
            while answered(simulator) < mark:
                time.sleep(0.01)
            redis.flushdb()

    while_running(lose_twice, when=lambda: answered(simulator) > 0)
    assert statuses(scan) == {"succeeded": 45}
    moments = sorted(call.created_at for call in calls(scan.project))
    assert (moments[-1] - moments[0]).total_seconds() > 3.4


def held_of(scan: Scan, *, want: int) -> tuple[list[claims.Claimed], gateway.Lane]:
    lane = Lanes().of(scan.org_id, GOOGLE)
    assert isinstance(lane, gateway.Lane)
    return claims.claim(fair(claims.due_lanes(limit=want), room=want, flying={})), lane


async def send_first(flights: Flights, held: list[claims.Claimed], lane: gateway.Lane) -> None:
    """All of them are granted their slots: the first goes out now, the others would in ten minutes."""
    got = await gateway.grant(lane, want=len(held))
    now = time.monotonic()
    for number, (one, ticket) in enumerate(zip(held, got.tickets, strict=True)):
        flights.take_off(one, lane, at=now + 600 * (number > 0), ticket=ticket)


def test_a_provider_that_refuses_grounds_what_waits_for_its_slot(scan: Scan, simulator: Running) -> None:
    simulator.fault("429", times=1, retry_after=20)
    held, lane = held_of(scan, want=9)

    async def fly() -> None:
        async with aloft() as flights:
            await send_first(flights, held, lane)
            await flights.stored()

    asyncio.run(fly())
    assert statuses(scan) == {"pending": 45}
    assert simulator.stats()["totals"]["requests"] == 1


def test_a_refusal_that_is_cut_short_while_it_grounds_the_others_is_in_the_ledger(
    scan: Scan, simulator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider has answered; its runner is told to stop while the database is slow."""

    def slowly(claimed: Any, *, asked: bool) -> None:
        grounding.set()
        time.sleep(1.0)
        giving_back(claimed, asked=asked)

    giving_back, grounding = claims.give_back, threading.Event()
    monkeypatch.setattr("scans.flights.GRACE", 0.1)
    monkeypatch.setattr("scans.flights.claims.give_back", slowly)
    simulator.fault("429", times=1, retry_after=20)
    held, lane = held_of(scan, want=2)

    async def fly() -> None:
        async with aloft() as flights:
            await send_first(flights, held, lane)
            assert await asyncio.to_thread(grounding.wait, 30)
            await flights.land(lambda: True)

    asyncio.run(fly())
    assert statuses(scan) == {"pending": 45}
    assert [call.outcome for call in calls(scan.project)] == ["rate_limited"]


def test_a_days_budget_holds_across_a_loss_of_redis(
    scan: Scan, simulator: Running, redis: redis_client.Redis, settings: Any
) -> None:
    settings.LLM_REQUESTS_PER_DAY = {"simulated": 10}
    assert run(budget_seconds=6)
    assert statuses(scan) == {"succeeded": 10, "pending": 35}
    redis.flushdb()
    assert run(budget_seconds=6)
    assert statuses(scan) == {"succeeded": 10, "pending": 35}
    assert simulator.stats()["totals"]["requests"] == 10
    with org_scope(scan.org_id):
        [pause] = pauses_of(scan).values()
    assert (pause.kind, pause.reason) == ("day_spent", "The day's budget of this provider key is spent")
    assert pause.until is not None


@pytest.fixture(params=[OperationalError, InterfaceError])
def ledger(request: pytest.FixtureRequest) -> Iterator[LostLedger]:
    with lost_ledger(request.param) as ledger:
        yield ledger


def test_a_day_that_neither_redis_nor_the_database_can_tell_pauses_its_lane_and_costs_no_answer(
    scan: Scan,
    simulator: Running,
    redis: redis_client.Redis,
    ledger: LostLedger,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.LLM_REQUESTS_PER_DAY = {"simulated": 10_000}
    settings.LLM_CONCURRENCY = {"simulated": 4}
    monkeypatch.setattr("prompts.slots.AWAY", 0.1)
    simulator.options(latency=0.4)

    def lose_both() -> None:
        ledger.away = True
        try:
            redis.flushdb()
            # What was granted before has ended: from then on nobody may send anything.
            wait_until(lambda: ledger.lost > 0 and not statuses(scan)["claimed"], what="calls to end", seconds=60)
            asked, lost = simulator.stats()["totals"]["requests"], ledger.lost
            wait_until(lambda: ledger.lost > lost + 2, what="the runner to ask again", seconds=60)
            assert simulator.stats()["totals"]["requests"] == asked == statuses(scan)["succeeded"] < 45
        finally:
            ledger.away = False

    assert not while_running(lose_both, when=lambda: simulator.stats()["totals"]["in_flight"] > 0)
    assert ledger.lost > 3
    assert statuses(scan) == {"succeeded": 45}
    assert simulator.stats()["totals"]["requests"] == 45
    assert Counter(call.reference for call in calls(scan.project)) == {f"answer:{a.pk}": 1 for a in answers_of(scan)}


@pytest.fixture
def hanging(redis: redis_client.Redis, settings: Any) -> Iterator[Proxy]:
    """What the lanes reach Redis through."""
    with before(settings.REDIS_URL) as (proxy, url):
        settings.REDIS_URL = url
        yield proxy
        proxy.heal()


def test_leases_are_kept_while_redis_hangs(
    scan: Scan, simulator: Running, hanging: Proxy, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes connections and answers nothing: what is under way stays ours, or it would be paid for twice."""
    settings.SCAN_LEASE_SECONDS = 2
    settings.LLM_CONCURRENCY = {"simulated": 5}
    monkeypatch.setattr("scans.flights.RENEW", 0.2)
    simulator.options(latency=4.0)
    returned = []

    def hang() -> None:
        hanging.hang()
        for _ in range(40):
            time.sleep(0.1)
            returned.append(claims.expire())
        hanging.heal()
        simulator.options(latency=0)

    while_running(hang, when=lambda: simulator.stats()["totals"]["in_flight"] == 5)
    assert sum(returned) == 0
    assert {answer.lost_leases for answer in answers_of(scan)} == {0}
    assert simulator.stats()["totals"]["requests"] == 45


def test_a_call_without_an_answer_is_booked_once_while_redis_hangs(
    scan: Scan, simulator: Running, hanging: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network is gone: neither the provider answers in time, nor does its lane hear of it."""
    monkeypatch.setattr("scans.asking.CALL_SECONDS", 1.0)
    monkeypatch.setattr("scans.asking._GRACE", 0.5)
    monkeypatch.setattr("prompts.accounting._LONGEST_WAIT", 0.5)  # as long as the grace, as ever
    [claimed], lane = held_of(scan, want=1)
    simulator.fault("hang")

    async def ask() -> Outcome:
        got = await gateway.grant(lane, want=1)
        hanging.hang()
        try:
            return await outcome_of(claimed, lane, ticket=got.tickets[0])
        finally:
            await gateway.close()

    gateway.preload()
    outcome = asyncio.run(ask())
    assert (outcome.status, outcome.error_kind) == ("pending", "timeout")
    assert Store()([outcome]) == set()
    assert [call.outcome for call in calls(scan.project)] == ["timeout"]


def test_a_lane_that_an_operator_resets_is_asked_soon(
    scan: Scan, simulator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when the wait is over that the provider asked for, and the runner remembers."""
    monkeypatch.setattr("scans.sharing.LONGEST", 0.5, raising=False)
    simulator.fault("429", times=1, retry_after=300)
    [lane] = {answer.lane for answer in answers_of(scan)}

    def watch() -> None:
        wait_until(lambda: "rate_limited" in {call.outcome for call in calls(scan.project)}, what="a refusal")
        time.sleep(1.0)
        assert reset_lane(lane)
        wait_until(lambda: statuses(scan)["succeeded"] == 44, what="what waits for the lane", seconds=20)

    run_beside(watch)
