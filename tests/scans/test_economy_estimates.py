"""What batches brought was cheaper and took nobody's time: live estimates learn nothing from it."""

from datetime import time
from decimal import Decimal

import pytest

from accounts.models import User
from orgs.scoping import org_scope
from prompts.credentials import available_engines
from prompts.estimates import answer_cost
from prompts.llm import catalog
from prompts.llm.simulator.server import Running
from prompts.models import Project
from scans import economy, outlook
from scans import schedule as schedules
from scans.forecast import Forecast, forecast_of
from scans.models import Scan
from scans.schedule import ScheduleFields
from tests.scans.economy import (
    GPT,
    SEARCHING_GPT,
    ask_live,
    change_jobs,
    economy_scan,
    let_answers_be_due,
    look_after,
    make_due,
    past_deadline,
)
from tests.scans.running import add_prompts, answers_of, reread, started, statuses

pytestmark = pytest.mark.django_db(transaction=True)

PROMPTS = 12


@pytest.fixture
def project(project: Project, simulator: Running) -> Project:
    add_prompts(project, PROMPTS)
    return project


def in_batches(project: Project, *engines: str) -> Scan:
    scan = economy_scan(project, *engines)
    look_after()
    make_due(scan)
    look_after()
    ask_live()
    assert reread(scan).status == "done"
    return scan


def live(project: Project, *engines: str) -> Scan:
    scan = started(project, engines=list(engines))
    ask_live()
    assert reread(scan).status == "done"
    return scan


def cost_of(scan: Scan) -> float:
    return float(sum(answer.cost or 0 for answer in answers_of(scan)))


def forecast(project: Project, *engines: str) -> Forecast:
    with org_scope(project.org_id):
        known = {choice.engine.key: choice for choice in available_engines(project.org_id)}
        return forecast_of(project, [known[engine] for engine in engines], asked=PROMPTS)


def test_after_an_economy_scan_alone_the_catalogue_tells_what_live_answers_cost(project: Project) -> None:
    before = forecast(project, GPT)
    in_batches(project, GPT)
    after = forecast(project, GPT)
    assert (after.n, after.cost, after.seconds) == (0, before.cost, before.seconds)


def test_live_answers_tell_it_however_many_economy_scans_came_after(project: Project, simulator: Running) -> None:
    simulator.options(latency=0.3)
    cost = cost_of(live(project, GPT))
    for _ in range(6):
        in_batches(project, GPT)
    found = forecast(project, GPT)
    assert found.n == PROMPTS
    assert found.cost is not None
    assert found.cost.likely == pytest.approx(cost)
    assert found.seconds.likely > 0.3


def test_engines_without_batches_are_estimated_from_economy_scans_too(project: Project) -> None:
    scan = in_batches(project, GPT, SEARCHING_GPT)
    asked_live = [answer for answer in answers_of(scan) if answer.engine == SEARCHING_GPT]
    found = forecast(project, GPT, SEARCHING_GPT)
    by_engine = {part.engine.key: part for part in found.parts}
    assert (by_engine[GPT].n, by_engine[SEARCHING_GPT].n) == (0, PROMPTS)
    cost = by_engine[SEARCHING_GPT].cost
    assert cost is not None
    assert cost.likely == pytest.approx(float(sum(answer.cost or 0 for answer in asked_live)))


def test_what_a_batch_did_not_answer_in_time_was_asked_live_and_counts(project: Project, simulator: Running) -> None:
    simulator.options(batch_seconds=3600.0)
    scan = economy_scan(project, GPT)
    look_after()
    past_deadline(scan)
    look_after()
    make_due(scan)
    look_after()
    ask_live()
    assert statuses(scan) == {"succeeded": PROMPTS}
    assert {answer.batch_job_id for answer in answers_of(scan)} == {None}
    found = forecast(project, GPT)
    assert found.n == PROMPTS
    assert found.cost is not None
    assert found.cost.likely == pytest.approx(cost_of(scan))


def test_what_a_batch_brings_after_it_was_not_waited_for_any_more_says_so(project: Project) -> None:
    scan = economy_scan(project, GPT)
    look_after()
    let_answers_be_due(scan)
    make_due(scan)
    look_after()
    assert statuses(scan) == {"succeeded": PROMPTS}
    assert None not in {answer.batch_job_id for answer in answers_of(scan)}
    change_jobs(scan, answered=0)  # whatever its job says
    assert forecast(project, GPT).n == 0


def test_economy_mode_saves_a_share_of_what_live_answers_cost_here(project: Project, member: User) -> None:
    batched = cost_of(in_batches(project, GPT))
    cost = cost_of(live(project, GPT))
    usual, batch = answer_cost(catalog.get(GPT)), answer_cost(catalog.get(GPT), batch=True)
    assert usual is not None
    assert batch is not None
    saved = Decimal(cost) * (usual - batch) / usual
    assert economy.expected([GPT], PROMPTS, forecast=forecast(project, GPT)).saved == pytest.approx(saved)
    assert cost - float(saved) == pytest.approx(batched, rel=0.25)  # answers differ


@pytest.mark.parametrize("mode", [False, True])
def test_a_schedules_month_costs_what_its_mode_costs(project: Project, member: User, mode: bool) -> None:
    cost = cost_of(live(project, GPT))
    fields = ScheduleFields(
        cadence="daily", time_of_day=time(2), weekday=0, cron="", time_zone="UTC", engines=(GPT,), economy=mode
    )
    with org_scope(project.org_id):
        found = outlook.outlook_of(schedules.save_schedule(project, fields, actor=member), project)
    assert found.economy.saved
    assert found.month_cost is not None
    one = cost - float(found.economy.saved) if mode else cost
    assert found.month_cost == pytest.approx(one * found.scans)
