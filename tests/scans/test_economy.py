"""Economy mode: answers through the providers' batches, and live for what those do not bring."""

import threading
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from orgs.scoping import org_scope
from prompts import budgets
from prompts.estimates import most_cost
from prompts.llm import catalog
from prompts.llm.simulator.server import Running
from prompts.llm.types import Usage
from prompts.models import LlmCall, Project
from scans import batch_jobs, tasks
from scans.launch import cancel_scan, retry_failed
from tests.scans.economy import (
    BATCHED,
    CLAUDE,
    GEMINI,
    GPT,
    SEARCHING_GPT,
    ask_live,
    batched_at,
    change_jobs,
    economy_scan,
    jobs_of,
    let_answers_be_due,
    look_after,
    make_due,
    past_deadline,
    states,
)
from tests.scans.running import add_prompts, answers_of, calls, events, level, reread, started, statuses

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(project: Project, simulator: Running) -> Project:
    add_prompts(project, 4)
    return project


def test_batches_answer_what_they_can_and_the_rest_is_asked_live(project: Project) -> None:
    scan = economy_scan(project, *BATCHED, SEARCHING_GPT)
    assert Counter(answer.batch_job_id is not None for answer in answers_of(scan)) == {True: 12, False: 4}
    ask_live()
    assert statuses(scan) == {"succeeded": 4, "pending": 12}
    assert look_after() == 3
    assert states(scan) == ["waiting"] * 3
    assert reread(scan).status == "running"
    make_due(scan)
    assert look_after() == 3
    assert states(scan) == ["done", "done", "done"]
    assert statuses(scan) == {"succeeded": 16}
    assert reread(scan).status == "done"
    assert len(events(scan, "scan.finished")) == 1
    assert all(answer.text and answer.cost for answer in answers_of(scan))
    assert level(project.org) == (16, 0)


def test_a_scan_without_economy_hands_nothing_over(project: Project) -> None:
    scan = started(project, engines=list(BATCHED))
    assert jobs_of(scan) == []


def test_engines_without_batches_are_asked_live_in_economy_mode_too(project: Project) -> None:
    scan = economy_scan(project, SEARCHING_GPT)
    assert jobs_of(scan) == []
    ask_live()
    assert reread(scan).status == "done"


def test_answers_of_a_batch_are_those_that_live_ones_would_have_been(project: Project, simulator: Running) -> None:
    scan = economy_scan(project)
    look_after()
    make_due(scan)
    look_after()
    batched = {(a.engine, a.prompt_text): (a.text, a.model, a.input_tokens, a.searches) for a in answers_of(scan)}
    simulator.reset()
    live = started(project, engines=list(BATCHED))
    ask_live()
    assert batched == {
        (a.engine, a.prompt_text): (a.text, a.model, a.input_tokens, a.searches) for a in answers_of(live)
    }


def test_what_a_batch_cost_and_saved_is_booked_exactly(project: Project) -> None:
    scan = economy_scan(project)
    look_after()
    make_due(scan)
    look_after()
    rows = calls(project)
    assert len(rows) == 12
    assert {(row.batched, row.outcome, row.purpose) for row in rows} == {(True, "ok", "scan")}
    for job in jobs_of(scan):
        mine = [row for row in rows if row.engine == job.engine]
        assert [row.cost for row in mine] == [_price(row, batch=True) for row in mine]
        assert job.cost == sum(_price(row, batch=True) for row in mine)
        assert job.saved == pytest.approx(sum(_price(row) for row in mine) - job.cost, abs=Decimal("0.0000001"))
        assert job.saved > 0
        assert job.saved == sum(row.saved for row in mine)
    assert sum(answer.cost or 0 for answer in answers_of(scan)) == sum(row.cost or 0 for row in rows)


def _price(row: LlmCall, *, batch: bool = False) -> Decimal:
    usage = Usage(input_tokens=row.input_tokens, output_tokens=row.output_tokens, searches=row.searches)
    price = catalog.price(catalog.get(row.engine), usage, batch=batch)
    assert price is not None
    return price.quantize(Decimal("0.00000001"))


def test_what_a_batch_has_not_answered_in_time_is_asked_live(project: Project, simulator: Running) -> None:
    simulator.options(batch_seconds=3600.0)
    scan = economy_scan(project)
    look_after()
    ask_live()
    assert statuses(scan) == {"pending": 12}
    past_deadline(scan)
    look_after()
    assert states(scan) == ["stopping"] * 3
    assert statuses(scan) == {"pending": 12}
    nudged: list[int] = []
    make_due(scan)
    look_after(nudged=nudged)
    assert nudged
    assert states(scan) == ["done"] * 3
    ask_live()
    assert statuses(scan) == {"succeeded": 12}
    assert reread(scan).status == "done"
    assert {row.batched for row in calls(project)} == {False}
    assert {job.answered for job in jobs_of(scan)} == {0}


@pytest.mark.parametrize("engine", BATCHED)
def test_a_batch_that_expires_half_way_keeps_what_it_answered(
    project: Project, simulator: Running, engine: str
) -> None:
    simulator.options(batch_seconds=0.2, batch_expires=0.1)
    scan = economy_scan(project, engine)
    look_after()
    while states(scan) != ["done"]:
        make_due(scan)
        look_after()
    assert statuses(scan) == {"succeeded": 2, "pending": 2}
    ask_live()
    assert statuses(scan) == {"succeeded": 4}
    assert sorted(row.batched for row in calls(project)) == [False, False, True, True]


@pytest.mark.parametrize("engine", BATCHED)
def test_what_failed_in_a_batch_is_asked_live(project: Project, simulator: Running, engine: str) -> None:
    simulator.fault("500", match={"prompt_contains": "team 2", "batched": True})
    scan = economy_scan(project, engine)
    look_after()
    make_due(scan)
    look_after()
    assert statuses(scan) == {"succeeded": 3, "pending": 1}
    ask_live()
    assert statuses(scan) == {"succeeded": 4}


@pytest.mark.parametrize("engine", BATCHED)
def test_broken_lines_strangers_and_doubles_among_the_results_change_nothing(
    project: Project, simulator: Running, engine: str
) -> None:
    simulator.options(batch_noise=True)
    scan = economy_scan(project, engine)
    look_after()
    make_due(scan)
    look_after()
    assert statuses(scan) == {"succeeded": 4}
    assert len(calls(project)) == 4
    assert jobs_of(scan)[0].answered == 4


@pytest.mark.parametrize("engine", BATCHED)
def test_a_provider_that_is_down_is_asked_again_later(project: Project, simulator: Running, engine: str) -> None:
    scan = economy_scan(project, engine)
    look_after()
    simulator.fault("503", match={"operation": "batch"}, times=2)
    for tries in (1, 2):
        make_due(scan)
        look_after()
        [job] = jobs_of(scan)
        assert (job.state, job.tries) == ("waiting", tries)
        assert job.problem
    make_due(scan)
    look_after()
    assert states(scan) == ["done"]
    assert statuses(scan) == {"succeeded": 4}


@pytest.mark.parametrize("engine", BATCHED)
def test_a_batch_that_the_provider_refuses_is_asked_live(project: Project, simulator: Running, engine: str) -> None:
    simulator.fault("400", match={"operation": "batch"})
    scan = economy_scan(project, engine)
    look_after()
    assert states(scan) == ["failed"]
    ask_live()
    assert statuses(scan) == {"succeeded": 4}


@pytest.mark.parametrize("engine", BATCHED)
def test_a_batch_whose_submitter_died_before_writing_it_down_is_found_again(
    project: Project, simulator: Running, engine: str
) -> None:
    scan = economy_scan(project, engine)
    look_after()
    [job] = jobs_of(scan)
    # What is left when a worker dies between the provider's answer and the write.
    change_jobs(scan, state="submitting", batch_id="", submitted_at=None)
    make_due(scan)
    look_after()
    [found] = jobs_of(scan)
    assert (found.state, found.batch_id) == ("waiting", job.batch_id)
    assert found.proven == (engine != CLAUDE)
    make_due(scan)
    look_after()
    assert statuses(scan) == {"succeeded": 4}
    assert batched_at(simulator) == 4


@pytest.mark.parametrize("engine", BATCHED)
def test_a_batch_whose_submitter_died_before_sending_it_is_sent_once(
    project: Project, simulator: Running, engine: str
) -> None:
    scan = economy_scan(project, engine)
    change_jobs(scan, state="submitting")
    make_due(scan)
    look_after()
    make_due(scan)
    look_after()
    assert statuses(scan) == {"succeeded": 4}
    assert batched_at(simulator) == 4


def test_somebody_elses_batch_that_looks_like_ours_is_neither_stored_nor_stopped(
    project: Project, simulator: Running
) -> None:
    other = economy_scan(project, CLAUDE)
    look_after()
    change_jobs(other, batch_id="not-known-to-us")
    with org_scope(project.org_id):
        cancel_scan(other, actor=None)
    change_jobs(other, state="cancelled", finished_at=other.created_at, next_poll_at=None)
    scan = economy_scan(project, CLAUDE)
    change_jobs(scan, state="submitting")
    simulator.options(batch_seconds=3600.0)
    make_due(scan)
    look_after()
    [job] = jobs_of(scan)
    assert not job.proven
    past_deadline(scan)
    look_after()
    assert states(scan) == ["failed"]  # it had ended, and none of its answers was ours
    ask_live()
    assert statuses(scan) == {"succeeded": 4}


def test_a_cancelled_scan_cancels_its_batches(project: Project, simulator: Running) -> None:
    simulator.options(batch_seconds=3600.0)
    scan = economy_scan(project)
    look_after()
    with org_scope(project.org_id):
        assert cancel_scan(scan, actor=None)
    look_after()
    assert states(scan) == ["stopping"] * 3
    make_due(scan)
    look_after()
    assert {job.is_open for job in jobs_of(scan)} == {False}
    assert statuses(scan) == {"cancelled": 12}
    assert reread(scan).status == "cancelled"
    assert level(project.org) == (0, 0)
    assert calls(project) == []


def test_a_scan_that_is_cancelled_before_its_batches_were_handed_over_pays_nothing(
    project: Project, simulator: Running
) -> None:
    scan = economy_scan(project)
    with org_scope(project.org_id):
        cancel_scan(scan, actor=None)
    assert states(scan) == ["cancelled"] * 3
    assert look_after() == 0
    assert batched_at(simulator) == 0


def test_what_a_cancelled_scans_batches_had_answered_is_booked_and_not_stored(project: Project) -> None:
    scan = economy_scan(project)
    look_after()
    with org_scope(project.org_id):
        cancel_scan(scan, actor=None)
    look_after()
    assert statuses(scan) == {"cancelled": 12}
    assert {answer.text for answer in answers_of(scan)} == {""}
    assert Counter(row.batched for row in calls(project)) == {True: 12}
    assert level(project.org) == (0, 0)


def test_results_for_answers_that_were_answered_live_meanwhile_are_booked_and_not_stored(project: Project) -> None:
    scan = economy_scan(project, GEMINI)
    look_after()
    let_answers_be_due(scan)  # nobody looked after the batch, and its time is over
    ask_live()
    before = [(answer.text, answer.cost) for answer in answers_of(scan)]
    make_due(scan)
    look_after()
    assert [(answer.text, answer.cost) for answer in answers_of(scan)] == before
    assert Counter(row.batched for row in calls(project)) == {False: 4, True: 4}
    assert level(project.org) == (4, 0)
    assert jobs_of(scan)[0].saved == 0


@pytest.mark.parametrize("engine", BATCHED)
def test_results_that_are_read_a_second_time_are_neither_stored_nor_booked_again(project: Project, engine: str) -> None:
    scan = economy_scan(project, engine)
    look_after()
    make_due(scan)
    look_after()
    [job] = jobs_of(scan)
    change_jobs(scan, state="collecting", finished_at=None, next_poll_at=job.created_at)
    look_after()
    assert states(scan) == ["done"]
    assert len(calls(project)) == 4
    [again] = jobs_of(scan)
    assert (again.answered, again.cost, again.saved) == (job.answered, job.cost, job.saved)


def test_a_key_that_is_gone_gives_the_batch_up(project: Project, settings: pytest.FixtureRequest) -> None:
    scan = economy_scan(project, GPT)
    look_after()
    settings.SIMULATOR_URL = ""  # type: ignore[attr-defined]
    make_due(scan)
    look_after()
    assert states(scan) == ["failed"]
    ask_live()
    assert statuses(scan) == {"failed": 4}
    assert reread(scan).status == "failed"
    with org_scope(project.org_id):
        assert answers_of(scan)[0].error_kind == "auth"


def test_failed_answers_of_an_economy_scan_are_retried_live(project: Project, simulator: Running) -> None:
    simulator.fault("400", match={"prompt_contains": "team 1"})
    scan = economy_scan(project, GPT)
    look_after()
    make_due(scan)
    look_after()
    ask_live()
    assert statuses(scan) == {"succeeded": 3, "failed": 1}
    simulator.reset()
    with org_scope(project.org_id):
        assert retry_failed(reread(scan), actor=None) == 1
    ask_live()
    assert statuses(scan) == {"succeeded": 4}


def test_two_who_look_after_batches_at_once_hand_over_and_store_once(project: Project, simulator: Running) -> None:
    scan = economy_scan(project)

    def together() -> None:
        def one() -> None:
            try:
                look_after()
            finally:
                connection.close()

        threads = [threading.Thread(target=one) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    together()
    assert batched_at(simulator) == 12
    make_due(scan)
    together()
    assert statuses(scan) == {"succeeded": 12}
    assert len(calls(project)) == 12
    assert {job.answered for job in jobs_of(scan)} == {4}


def test_whoever_lost_a_job_writes_nothing_and_stops_the_batch_that_it_handed_over(
    project: Project, simulator: Running
) -> None:
    scan = economy_scan(project, GPT)
    [mine] = batch_jobs.claim(limit=1)
    make_due(scan)
    assert look_after() == 1  # somebody else, while we sleep
    with pytest.raises(batch_jobs.Lost):
        batch_jobs.accept(mine, batch_id="late")
    with pytest.raises(batch_jobs.Lost):
        batch_jobs.end(mine, state="failed")
    assert jobs_of(scan)[0].batch_id != "late"


def test_no_more_is_handed_over_than_a_budget_of_answers_holds(project: Project, simulator: Running) -> None:
    with org_scope(project.org_id):
        budgets.save_budget(project.org, project=None, money=None, answers=3, actor=None)
    scan = economy_scan(project, GPT)
    look_after()
    assert batched_at(simulator) == 3
    ask_live()
    assert statuses(scan) == {"pending": 4}  # the batch holds what is left of the budget
    make_due(scan)
    look_after()
    ask_live()
    assert statuses(scan) == {"succeeded": 3, "failed": 1}
    assert reread(scan).status == "partial"
    assert reread(scan).budget_stop
    assert len(calls(project)) == 3


def test_what_a_cancelled_batch_may_still_cost_is_held_until_its_job_has_ended(
    project: Project, simulator: Running
) -> None:
    simulator.options(batch_seconds=3600.0)
    with org_scope(project.org_id):
        budgets.save_budget(project.org, project=None, money=None, answers=4, actor=None)
    scan = economy_scan(project, GPT)
    look_after()
    with org_scope(project.org_id):
        assert cancel_scan(scan, actor=None)
        scan.answers.update(finished_at=timezone.now() - timedelta(hours=1))
    again = economy_scan(project, GPT)
    look_after()
    assert batched_at(simulator) == 4
    change_jobs(scan, state="cancelled", finished_at=timezone.now(), next_poll_at=None, token=None)
    let_answers_be_due(again)
    ask_live()
    assert statuses(again) == {"succeeded": 4}


def test_no_more_is_handed_over_than_a_budget_of_money_holds(project: Project, paid: Running) -> None:
    each = most_cost(catalog.get(GPT), batch=True)
    assert each
    money = round(each * 3, 2)
    with org_scope(project.org_id):
        budgets.save_budget(project.org, project=project, money=money, answers=None, actor=None)
    scan = economy_scan(project, GPT)
    look_after()
    assert batched_at(paid) == int(money / each)
    assert statuses(scan) == {"pending": 4}


def test_a_batch_waits_longer_and_longer_but_never_beyond_its_deadline(project: Project, simulator: Running) -> None:
    simulator.options(batch_seconds=3600.0)
    scan = economy_scan(project, CLAUDE)
    look_after()
    now = timezone.now()
    change_jobs(scan, submitted_at=now - timedelta(hours=1))
    make_due(scan)
    look_after()
    [job] = jobs_of(scan)
    assert job.next_poll_at is not None
    assert timedelta(minutes=5) < job.next_poll_at - now < timedelta(minutes=8)
    change_jobs(scan, deadline_at=now + timedelta(minutes=2))
    make_due(scan)
    look_after()
    [job] = jobs_of(scan)
    assert job.next_poll_at == job.deadline_at


@pytest.mark.parametrize("engine", [GPT, CLAUDE])
def test_results_that_break_off_are_read_on_later(project: Project, simulator: Running, engine: str) -> None:
    add_prompts(project, 246, start=10)
    simulator.fault("cut", match={"operation": "batch", "prompt_contains": "results"}, times=1)
    scan = economy_scan(project, engine)
    look_after()
    make_due(scan)
    look_after()
    [job] = jobs_of(scan)
    assert (job.state, job.answered, job.tries) == ("collecting", 100, 1)
    assert statuses(scan) == {"succeeded": 100, "pending": 150}
    make_due(scan)
    look_after()
    assert statuses(scan) == {"succeeded": 250}
    assert len(calls(project)) == 250
    assert jobs_of(scan)[0].answered == 250


def test_the_task_that_the_clock_calls_looks_after_batches(project: Project) -> None:
    scan = economy_scan(project, GEMINI)
    tasks.look_after_batches()
    assert states(scan) == ["waiting"]
    make_due(scan)
    tasks.look_after_batches()
    assert statuses(scan) == {"succeeded": 4}
