"""Batches that are paid for are brought home: outages, absent workers, cancelling at the wrong moment."""

import asyncio
import threading
from collections import Counter
from collections.abc import Sequence

import pytest
from django.db import connection
from django.db.utils import OperationalError
from openai.types import Batch

from orgs.scoping import all_orgs_scope, org_scope
from prompts.credentials import save_key
from prompts.llm.batches import TERMS, BatchItem, BatchTerms
from prompts.llm.openai_batches import OpenAIBatches
from prompts.llm.simulator.server import Running
from prompts.llm.types import Provider
from prompts.models import Project
from scans import batch_jobs
from scans.launch import cancel_scan
from scans.models import Scan
from tests.scans.economy import (
    BATCHED,
    CLAUDE,
    GPT,
    ask_live,
    batched_at,
    change_jobs,
    economy_scan,
    jobs_of,
    look_after,
    make_due,
    states,
)
from tests.scans.running import add_prompts, calls, reread, statuses

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(project: Project, simulator: Running) -> Project:
    add_prompts(project, 4)
    return project


@pytest.mark.parametrize("engine", BATCHED)
def test_an_outage_that_ends_before_the_deadline_pays_once(project: Project, simulator: Running, engine: str) -> None:
    scan = economy_scan(project, engine)
    look_after()
    simulator.fault("503", match={"operation": "batch"}, times=12)
    for _ in range(12):
        make_due(scan)
        look_after()
    ask_live()
    assert (states(scan), statuses(scan)) == (["waiting"], {"pending": 4})
    make_due(scan)
    look_after()
    assert statuses(scan) == {"succeeded": 4}
    assert Counter(row.batched for row in calls(project)) == {True: 4}


def test_an_outage_beyond_the_deadline_is_waited_for_no_longer_and_what_comes_late_is_booked(
    project: Project, simulator: Running
) -> None:
    scan = economy_scan(project, GPT)
    look_after()
    days_pass(scan, 1)
    simulator.fault("503", match={"operation": "batch"}, times=8)
    for _ in range(7):
        make_due(scan)
        look_after()
    ask_live()
    assert statuses(scan) == {"pending": 4}
    make_due(scan)
    look_after()
    assert states(scan) == ["waiting"]
    ask_live()
    assert statuses(scan) == {"succeeded": 4}
    assert reread(scan).status == "done"
    make_due(scan)
    look_after()
    assert states(scan) == ["done"]
    assert Counter(row.batched for row in calls(project)) == {False: 4, True: 4}


def test_a_batch_that_nobody_ever_hears_of_again_is_given_up(project: Project, simulator: Running) -> None:
    scan = economy_scan(project, GPT)
    look_after()
    days_pass(scan, 3)
    simulator.fault("503", match={"operation": "batch"})
    make_due(scan)
    look_after()
    assert states(scan) == ["failed"]
    ask_live()
    assert statuses(scan) == {"succeeded": 4}


@pytest.mark.parametrize("engine", BATCHED)
def test_workers_that_were_away_past_the_deadline_ask_nothing_that_is_answered(project: Project, engine: str) -> None:
    scan = economy_scan(project, engine)
    look_after()
    days_pass(scan, 3)
    ask_live()
    assert statuses(scan) == {"pending": 4}
    look_after()
    assert statuses(scan) == {"succeeded": 4}
    assert Counter(row.batched for row in calls(project)) == {True: 4}


def test_a_batch_that_is_stopped_late_has_as_long_to_bring_what_it_had_answered(
    project: Project, simulator: Running
) -> None:
    simulator.options(batch_seconds=360_000.0)
    scan = economy_scan(project, GPT)
    look_after()
    days_pass(scan, 1)
    look_after()
    [job] = jobs_of(scan)
    assert job.state == "stopping"
    assert job.deadline_at > scan.created_at
    ask_live()
    assert statuses(scan) == {"pending": 4}


def test_a_batch_that_does_not_stop_is_waited_for_no_longer(project: Project, simulator: Running) -> None:
    simulator.options(batch_seconds=360_000.0)
    scan = economy_scan(project, GPT)
    look_after()
    change_jobs(scan, state="stopping")  # but the provider goes on
    days_pass(scan, 1)
    nudged: list[int] = []
    look_after(nudged=nudged)
    assert nudged
    assert states(scan) == ["stopping"]
    ask_live()
    assert reread(scan).status == "done"


def test_a_scan_that_is_cancelled_while_its_batch_is_handed_over_stops_it(
    project: Project, simulator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = economy_scan(project, GPT)
    real = OpenAIBatches.submit

    async def submit(self: OpenAIBatches, items: Sequence[BatchItem], *, name: str) -> str:
        await asyncio.to_thread(_in_a_thread_of_its_own, scan)
        return await real(self, items, name=name)

    monkeypatch.setattr(OpenAIBatches, "submit", submit)
    for _ in range(3):
        look_after()
        make_due(scan)
    assert {job.is_open for job in jobs_of(scan)} == {False}
    assert statuses(scan) == {"cancelled": 4}
    assert batched_at(simulator) == len(calls(project)) == 4


def _in_a_thread_of_its_own(scan: Scan) -> None:
    try:
        with org_scope(scan.org_id):
            assert cancel_scan(scan, actor=None)
        look_after()
    finally:
        connection.close()


def test_a_batch_that_was_taken_after_its_job_had_ended_is_brought_home(
    project: Project, simulator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = economy_scan(project, GPT)
    real = OpenAIBatches.submit

    async def submit(self: OpenAIBatches, items: Sequence[BatchItem], *, name: str) -> str:
        await asyncio.to_thread(_end_it)
        return await real(self, items, name=name)

    def _end_it() -> None:
        try:
            make_due(scan)
            [other] = batch_jobs.claim(limit=1)
            batch_jobs.end(other, state="failed")
        finally:
            connection.close()

    monkeypatch.setattr(OpenAIBatches, "submit", submit)
    look_after()
    make_due(scan)
    look_after()
    assert states(scan) == ["done"]
    assert statuses(scan) == {"succeeded": 4}
    assert Counter(row.batched for row in calls(project)) == {True: 4}


def test_accepting_a_batch_and_cancelling_its_scan_do_not_wait_for_each_other_in_a_circle(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = economy_scan(project, GPT)
    [job] = batch_jobs.claim(limit=1)
    accepted, scan_locked = threading.Event(), threading.Event()
    real_change, real_stop = batch_jobs.change, batch_jobs.stop_jobs
    failures: list[Exception] = []

    def change(one: batch_jobs.Job, **fields: object) -> None:
        real_change(one, **fields)  # type: ignore[arg-type]
        if "batch_id" in fields:
            accepted.set()
            scan_locked.wait(10)

    def stop_jobs(one: Scan) -> None:
        scan_locked.set()
        real_stop(one)

    def accept() -> None:
        try:
            batch_jobs.accept(job, batch_id="b1")
        except (batch_jobs.Lost, OperationalError) as error:
            failures.append(error)
        finally:
            connection.close()

    monkeypatch.setattr(batch_jobs, "change", change)
    monkeypatch.setattr(batch_jobs, "stop_jobs", stop_jobs)
    thread = threading.Thread(target=accept)
    thread.start()
    assert accepted.wait(10)
    with org_scope(project.org_id):
        assert cancel_scan(scan, actor=None)
    thread.join()
    assert failures == []
    assert states(scan) == ["waiting"]


def test_nothing_is_handed_over_while_redis_cannot_be_reached(
    project: Project, simulator: Running, settings: pytest.FixtureRequest
) -> None:
    scan = economy_scan(project, GPT)
    reached = settings.REDIS_URL  # type: ignore[attr-defined]
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # type: ignore[attr-defined]
    for _ in range(9):
        make_due(scan)
        look_after()
    [job] = jobs_of(scan)
    assert (job.state, job.tries, batched_at(simulator)) == ("queued", 0, 0)
    assert "Redis" in job.failure
    settings.REDIS_URL = reached  # type: ignore[attr-defined]
    make_due(scan)
    look_after()
    assert states(scan) == ["waiting"]


def test_answers_that_openai_has_counted_but_not_written_yet_are_waited_for(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = economy_scan(project, GPT)
    look_after()
    real, looks = OpenAIBatches._batch, 0

    async def without_its_file(self: OpenAIBatches, batch_id: str) -> Batch:
        nonlocal looks
        looks += 1
        batch = await real(self, batch_id)
        if looks <= 3:
            batch.output_file_id = None
        return batch

    monkeypatch.setattr(OpenAIBatches, "_batch", without_its_file)
    for _ in range(2):
        make_due(scan)
        look_after()
        ask_live()
        assert (states(scan), statuses(scan)) == (["collecting"], {"pending": 4})
    make_due(scan)
    look_after()
    assert statuses(scan) == {"succeeded": 4}
    assert Counter(row.batched for row in calls(project)) == {True: 4}


@pytest.mark.parametrize("seconds", [0.0, 3600.0])
def test_two_batches_of_one_size_that_were_not_written_down_are_not_handed_over_again(
    project: Project, simulator: Running, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    simulator.options(batch_seconds=seconds)
    monkeypatch.setitem(TERMS, Provider.ANTHROPIC, BatchTerms(items=2, bytes=256_000_000))
    scan = economy_scan(project, CLAUDE)
    look_after()
    assert len(jobs_of(scan)) == 2
    change_jobs(scan, state="submitting", batch_id="", submitted_at=None)
    make_due(scan)
    look_after()
    assert batched_at(simulator) == 4
    if seconds:
        assert states(scan) == ["submitting"] * 2
        return
    for _ in range(2):
        make_due(scan)
        look_after()
    assert batched_at(simulator) == 4
    assert statuses(scan) == {"succeeded": 4}
    assert Counter(row.batched for row in calls(project)) == {True: 4}


@pytest.mark.parametrize("engine", BATCHED)
def test_a_key_of_its_own_does_not_lose_an_organization_what_waits_under_the_shared_one(
    project: Project, engine: str
) -> None:
    scan = economy_scan(project, engine)
    look_after()
    with org_scope(project.org_id):
        save_key(project.org, provider=engine.partition(":")[0], api_key="sk-0123456789abcdef")
    make_due(scan)
    look_after()
    assert statuses(scan) == {"succeeded": 4}
    assert Counter(row.batched for row in calls(project)) == {True: 4}


def days_pass(scan: Scan, days: int) -> None:
    """As if nobody had been at work meanwhile."""
    times = ("created_at", "submitted_at", "deadline_at", "next_poll_at")
    earlier = ", ".join(f"{name} = {name} - %(days)s * interval '1 day'" for name in times)
    with all_orgs_scope("test"), connection.cursor() as cursor:
        cursor.execute(f"UPDATE scans_batchjob SET {earlier} WHERE scan_id = %(scan)s", {"days": days, "scan": scan.pk})
        cursor.execute(
            "UPDATE scans_answer SET due_at = due_at - %(days)s * interval '1 day' WHERE scan_id = %(scan)s",
            {"days": days, "scan": scan.pk},
        )
