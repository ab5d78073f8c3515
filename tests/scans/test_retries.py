"""The retry budget: what failing calls may add to a provider's load, and what becomes of those it has no room for."""

import pytest

from prompts.llm.simulator.server import Running
from prompts.models import Project
from scans.retries import AT_ONCE, LONGEST, RetryBudgets
from tests.scans.running import add_prompts, answers_of, reread, run, started

LANE = "sim-openai|openai:gpt-5-mini"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def taken_at_once(budgets: RetryBudgets, *, scan: int = 1, lane: str = LANE) -> int:
    """How many retries may be made without waiting."""
    count = 0
    while budgets.wait(scan, lane) == 0:
        count += 1
    return count


def test_a_few_retries_need_not_be_earned() -> None:
    assert taken_at_once(RetryBudgets(clock=Clock())) == AT_ONCE


def test_five_calls_earn_one_retry_more() -> None:
    budgets = RetryBudgets(clock=Clock())
    for _ in range(100):
        budgets.called(1, LANE)
    assert taken_at_once(budgets) == AT_ONCE + 20


def test_what_is_not_earned_yet_waits_its_turn() -> None:
    clock = Clock()
    budgets = RetryBudgets(clock=clock)
    taken_at_once(budgets)  # the last of them waits already
    assert [budgets.wait(1, LANE) for _ in range(3)] == [4, 6, 8]
    clock.now += 10
    assert budgets.wait(1, LANE) == 0


def test_time_alone_earns_no_more_than_a_few() -> None:
    clock = Clock()
    budgets = RetryBudgets(clock=clock)
    taken_at_once(budgets)
    clock.now += 10_000
    assert taken_at_once(budgets) == AT_ONCE


def test_what_would_wait_too_long_is_given_up_and_takes_nothing() -> None:
    clock = Clock()
    budgets = RetryBudgets(clock=clock)
    waits = [budgets.wait(1, LANE) for _ in range(1_000)]
    assert waits[-1] is None
    assert max(wait for wait in waits if wait is not None) == LONGEST
    clock.now += 2
    assert budgets.wait(1, LANE) == LONGEST


def test_scans_and_lanes_have_accounts_of_their_own() -> None:
    budgets = RetryBudgets(clock=Clock())
    taken_at_once(budgets)
    assert taken_at_once(budgets, scan=2) == AT_ONCE
    assert taken_at_once(budgets, lane="another") == AT_ONCE


def test_old_accounts_are_forgotten() -> None:
    budgets = RetryBudgets(clock=Clock())
    for scan in range(1_500):
        budgets.wait(scan, LANE)
    assert len(budgets._accounts) == 1_000


@pytest.mark.django_db(transaction=True)
def test_an_answer_without_a_budget_says_so(
    project: Project, simulator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is earned and nothing may wait: the first failure is the last."""
    monkeypatch.setattr("scans.retries.AT_ONCE", 0.0)
    monkeypatch.setattr("scans.retries.LONGEST", 0.0)
    simulator.fault("500")
    add_prompts(project, 2)
    scan = started(project)
    run()
    assert reread(scan).status == "failed"
    answers = answers_of(scan)
    assert {(answer.error_kind, answer.attempts) for answer in answers} == {("retry_budget", 1)}
    assert answers[0].failure.startswith("Too many calls failed, so this one was not made again.")
    assert simulator.stats()["totals"]["requests"] == 2
