"""Answers to be asked live while a batch holds what is left of a budget."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from orgs.scoping import org_scope
from prompts import budgets
from prompts.llm.simulator.server import Running
from prompts.models import Project
from scans import claims
from scans.launch import cancel_scan
from scans.models import Answer, Scan
from scans.pauses import pauses_of
from tests.scans.economy import (
    GPT,
    SEARCHING_GPT,
    ask_live,
    economy_scan,
    look_after,
    make_due,
    past_deadline,
    states,
)
from tests.scans.running import add_prompts, answers_of, calls, reread, run, started, statuses

pytestmark = pytest.mark.django_db(transaction=True)

AN_HOUR = 3600.0


@pytest.fixture
def project(project: Project, simulator: Running) -> Project:
    add_prompts(project, 4)
    return project


@pytest.mark.parametrize(("age", "pause"), [(0, 2), (300, 30), (7200, 60)])
def test_the_rest_looks_again_ever_more_seldom(project: Project, simulator: Running, age: int, pause: int) -> None:
    scan = beside_a_batch(project, simulator, age=age)
    claim_all()
    assert statuses(scan) == {"pending": 8}
    assert pause - 2 < (claims.next_due_in() or 0) <= pause + 2
    assert {answer.attempts for answer in answers_of(scan)} == {0}


def test_the_scans_page_says_what_the_rest_waits_for(project: Project, simulator: Running) -> None:
    scan = beside_a_batch(project, simulator, age=7200)
    claim_all()
    with org_scope(project.org_id):
        pause = pauses_of(reread(scan))[SEARCHING_GPT]
    assert (pause.kind, pause.until) == ("budget_held", None)
    assert "batch" in pause.reason


def test_the_rest_is_asked_at_once_when_the_batch_gives_back_what_it_held(project: Project, simulator: Running) -> None:
    scan = beside_a_batch(project, simulator, age=7200)
    claim_all()
    nudged: list[int] = []
    past_deadline(scan)
    for _ in range(3):
        look_after(nudged=nudged)
        make_due(scan)
    assert states(scan) == ["done"]
    assert nudged
    assert (claims.next_due_in() or 0) <= 0
    ask_live()
    assert statuses(scan) == {"succeeded": 4, "failed": 4}
    assert len(calls(project)) == 4


def test_another_scans_rest_is_asked_at_once_as_well(project: Project, simulator: Running) -> None:
    scan = beside_a_batch(project, simulator, age=7200)
    claim_all()
    with org_scope(project.org_id):
        assert cancel_scan(scan, actor=None)
    change(scan, finished_at=timezone.now() - timedelta(hours=1))  # no call can be under way any more
    other = started(project, engines=[SEARCHING_GPT])
    grow_old(other, 7200)
    claim_all()
    assert (claims.next_due_in() or 0) > 50
    nudged: list[int] = []
    for _ in range(3):
        look_after(nudged=nudged)
        make_due(scan)
    assert nudged
    ask_live()
    assert statuses(other) == {"succeeded": 4}


def test_a_budget_that_is_raised_lets_the_rest_go_on_at_once(project: Project, simulator: Running) -> None:
    scan = beside_a_batch(project, simulator, age=7200)
    claim_all()
    limit(project, answers=8)
    run()
    assert {a.status for a in answers_of(scan) if a.engine == SEARCHING_GPT} == {"succeeded"}


def test_what_calls_under_way_hold_is_waited_for_only_a_moment(project: Project, simulator: Running) -> None:
    limit(project, answers=2)
    scan = started(project, engines=[SEARCHING_GPT])
    grow_old(scan, 7200)
    [due] = claims.due_lanes(limit=10)
    assert len(claims.claim([due])) == 2
    assert 0 < (claims.next_due_in() or 0) <= 2


def test_a_pause_of_a_failed_call_is_not_cut_short(project: Project, simulator: Running) -> None:
    scan = beside_a_batch(project, simulator, age=0)
    claim_all()
    later = timezone.now() + timedelta(minutes=5)
    change(scan, engine=SEARCHING_GPT, error_kind="timeout", due_at=later)
    limit(project, answers=8)
    assert (claims.next_due_in() or 0) > 200


def beside_a_batch(project: Project, simulator: Running, *, age: int) -> Scan:
    """Its batch holds the whole budget; it was started `age` seconds ago."""
    simulator.options(batch_seconds=AN_HOUR)
    limit(project, answers=4)
    scan = economy_scan(project, GPT, SEARCHING_GPT)
    look_after()
    grow_old(scan, age)
    return scan


def claim_all() -> None:
    """As a runner does, once."""
    assert claims.claim(claims.due_lanes(limit=100)) == []


def grow_old(scan: Scan, seconds: int) -> None:
    change(scan, created_at=timezone.now() - timedelta(seconds=seconds))


def change(scan: Scan, *, engine: str = "", **fields: Any) -> None:
    with org_scope(scan.org_id):
        answers = Answer.objects.for_org(scan.org_id).filter(scan=scan, engine__startswith=engine)
        assert answers.update(**fields)


def limit(project: Project, *, answers: int) -> None:
    with org_scope(project.org_id):
        budgets.save_budget(project.org, project=None, money=None, answers=answers, actor=None)
