"""What a runner does when it is told to stop, when its scan is cancelled, and when there is more to do."""

import asyncio
import time
from typing import Any

import pytest
import redis as redis_client
from django.db import connection
from django.utils import timezone

from orgs import closing
from orgs.models import Organization
from orgs.scoping import org_scope
from prompts import gateway
from prompts.llm.lanes import keys
from prompts.llm.openai import OpenAIAdapter
from prompts.llm.simulator.server import Running
from prompts.llm.types import Reply, Request
from prompts.models import Project
from scans import runner, store
from scans.ending import finish_scans
from scans.launch import cancel_scan
from tests.scans.running import (
    add_prompts,
    answers_of,
    calls,
    events,
    level,
    make_project,
    reread,
    run,
    started,
    statuses,
    while_running,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def basket(project: Project, simulator: Running) -> Project:
    add_prompts(project, 3)
    return project


def test_cancelling_mid_scan_refuses_what_comes_late(basket: Project, simulator: Running) -> None:
    simulator.options(latency=1.0)
    scan = started(basket)

    def cancel() -> None:
        with org_scope(basket.org_id):
            assert cancel_scan(reread(scan), actor=None)

    while_running(cancel, when=lambda: simulator.stats()["totals"]["in_flight"] == 3)
    assert reread(scan).status == "cancelled"
    assert statuses(scan) == {"cancelled": 3}
    assert {answer.text for answer in answers_of(scan)} == {""}
    assert [call.outcome for call in calls(basket)] == ["ok", "ok", "ok"]  # they were paid for
    assert not events(scan, "scan.finished")
    assert level(basket.org) == (0, 0)


def test_cancelling_stops_what_still_waits_for_its_slot(basket: Project, simulator: Running, settings: Any) -> None:
    settings.LLM_REQUESTS_PER_MINUTE = {**settings.LLM_REQUESTS_PER_MINUTE, "simulated": 30}
    add_prompts(make_project(basket, "second"), 3)
    scan = started(basket)

    def cancel() -> None:
        with org_scope(basket.org_id):
            assert cancel_scan(reread(scan), actor=None)

    while_running(cancel, when=lambda: simulator.stats()["totals"]["requests"] >= 1)
    assert simulator.stats()["totals"]["requests"] < 3
    assert reread(scan).status == "cancelled"


def test_new_work_is_noticed_while_running(basket: Project, simulator: Running) -> None:
    simulator.options(latency=1.0)
    second = make_project(basket, "second")
    add_prompts(second, 2)
    scans = [started(basket)]
    while_running(lambda: scans.append(started(second)), when=lambda: simulator.stats()["totals"]["in_flight"] == 3)
    assert [reread(scan).status for scan in scans] == ["done", "done"]


def test_a_stopping_runner_gives_back_what_it_has_not_sent(basket: Project, simulator: Running, settings: Any) -> None:
    settings.LLM_REQUESTS_PER_MINUTE = {**settings.LLM_REQUESTS_PER_MINUTE, "simulated": 60}
    simulator.options(latency=0.3)
    add_prompts(basket, 9, start=3)
    scan = started(basket)
    assert run(stop=lambda: simulator.stats()["totals"]["requests"] >= 1) is True
    waiting = [answer for answer in answers_of(scan) if answer.status == "pending"]
    assert {answer.attempts for answer in waiting} == {0}
    assert statuses(scan) == {"succeeded": 12 - len(waiting), "pending": len(waiting)}
    assert simulator.stats()["totals"]["requests"] == 12 - len(waiting) < 12


def test_a_stopping_runner_does_not_wait_for_ever(
    project: Project, simulator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scans.flights.GRACE", 0.2)
    add_prompts(project, 1)
    simulator.fault("hang", times=1)
    scan = started(project)
    assert run(stop=lambda: simulator.stats()["totals"]["in_flight"] == 1) is True
    [answer] = answers_of(scan)
    assert (answer.status, answer.attempts) == ("pending", 1)
    assert [call.outcome for call in calls(project)] == ["cancelled"]


def test_every_call_that_a_stopping_runner_cuts_is_in_the_ledger(
    project: Project, simulator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them at once than there are threads that book, in a process that ends right after."""
    monkeypatch.setattr("scans.flights.GRACE", 0.2)
    add_prompts(project, 20)
    simulator.fault("hang", times=40)
    scan = started(project)

    def booked() -> list[str]:
        try:
            return [call.outcome for call in calls(project)]
        finally:
            connection.close()

    async def once() -> list[str]:
        await runner.run(budget_seconds=30.0, stop=lambda: simulator.stats()["totals"]["in_flight"] >= 20)
        try:
            return await asyncio.to_thread(booked)  # before anything else of this process is closed
        finally:
            await gateway.close()

    gateway.preload()
    assert asyncio.run(once()) == ["cancelled"] * simulator.stats()["totals"]["requests"]
    assert statuses(scan) == {"pending": 20}


def test_a_run_that_ends_has_ended_its_scan(
    basket: Project, simulator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is still on its way when nothing is left to ask is not given up as if the runner had broken."""

    def slowly(org_id: int, scan_ids: Any) -> None:
        time.sleep(1.0)
        finish_scans(org_id, scan_ids)

    async def record(*_: Any, **__: Any) -> None:
        again.append(True)

    again: list[bool] = []
    monkeypatch.setattr("scans.flights.finish_scans", slowly)
    monkeypatch.setattr("scans.flights.ledger.record", record)
    scan = started(basket)
    assert run() is False
    assert reread(scan).status == "done"
    assert len(events(scan, "scan.finished")) == 1
    assert not again


def test_a_runner_out_of_time_finishes_what_it_has_sent(project: Project, simulator: Running) -> None:
    add_prompts(project, 1)
    simulator.options(latency=6.5)
    scan = started(project)
    run(budget_seconds=6.0)
    assert reread(scan).status == "done"


@pytest.mark.parametrize("stored", [False, True])
def test_a_runner_that_breaks_while_it_stores_books_every_call_once(
    basket: Project, simulator: Running, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    """A mistake of ours in the middle of storing: the calls were made all the same."""
    together = store.Store.__call__

    def broken(self: store.Store, outcomes: Any) -> set[int]:
        if stored:
            together(self, outcomes)
        raise RuntimeError("broken")

    simulator.options(latency=0.5)
    monkeypatch.setattr(store.Store, "__call__", broken)
    started(basket)
    with pytest.raises(RuntimeError, match="broken"):
        run()
    booked = calls(basket)
    assert len({call.reference for call in booked}) == len(booked) == simulator.stats()["totals"]["requests"] > 0


def test_what_a_runner_that_breaks_was_granted_is_free_again(
    basket: Project, simulator: Running, redis: redis_client.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("scans.runner.claims.claim", broken)
    flying = keys(gateway.lane_for(basket.org_id, basket.engines[0]).key)[2]

    async def once() -> tuple[int, int]:
        with pytest.raises(RuntimeError, match="broken"):
            await runner.run(budget_seconds=30.0, stop=lambda: False)
        granted = redis.zcard(flying)
        redis.delete(flying)  # as after the fifteen seconds that a ticket holds
        await gateway.keep_slots()
        try:
            return granted, redis.zcard(flying)
        finally:
            await gateway.close()

    started(basket)
    gateway.preload()
    assert asyncio.run(once()) == (3, 0)


def test_a_call_that_something_inside_it_cancels_costs_one_answer(
    basket: Project, simulator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody asked for its end: its answer must not stay held for as long as the runner lives."""
    complete = OpenAIAdapter.complete

    async def cancelled_once(self: OpenAIAdapter, request: Request) -> Reply:
        if not calls_made:
            calls_made.append(request)
            raise asyncio.CancelledError
        return await complete(self, request)

    calls_made: list[Request] = []
    monkeypatch.setattr(OpenAIAdapter, "complete", cancelled_once)
    scan = started(basket)
    ended = time.monotonic() + 20
    assert run(stop=lambda: time.monotonic() > ended) is False
    assert reread(scan).status == "partial"
    assert sorted((answer.status, answer.error_kind) for answer in answers_of(scan)) == [
        ("failed", "crashed"),
        ("succeeded", ""),
        ("succeeded", ""),
    ]
    assert sorted(call.outcome for call in calls(basket)) == ["cancelled", "ok", "ok"]


def test_an_organization_that_is_gone_costs_the_others_nothing(
    basket: Project, other_org: Organization, simulator: Running
) -> None:
    """Its calls are still under way when it is purged."""
    simulator.options(latency=1.5)
    with org_scope(other_org):
        neighbour = Project.objects.for_org(other_org).create(org=other_org, name="n", slug="n", engines=basket.engines)
    add_prompts(neighbour, 3)
    scan, gone = started(basket), started(neighbour)

    def vanish() -> None:
        Organization.objects.filter(pk=other_org.pk).update(deletion_due_at=timezone.now())
        assert closing.purge(other_org.pk, batches=1_000)

    while_running(vanish, when=lambda: simulator.stats()["totals"]["in_flight"] == 6)
    assert reread(scan).status == "done"
    assert statuses(scan) == {"succeeded": 3}
    assert not answers_of(gone)


def test_a_runner_with_nothing_to_do_ends(db: None) -> None:
    assert run() is False
