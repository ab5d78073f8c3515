"""A running runner, looked at from outside: it holds no more than it may ask soon, and small scans pass a large one."""

import math
import statistics
from typing import Any

import pytest

from orgs.models import Organization
from orgs.scoping import org_scope
from prompts.llm.simulator.server import Running
from prompts.models import Project
from scans.runner import HORIZON
from tests.chaos.workers import wait_until
from tests.scans.running import add_prompts, answers_of, make_project, reread, run_beside, started, statuses

pytestmark = pytest.mark.django_db(transaction=True)
STALL = 5.0  # seconds that a busy machine may let a call wait between its slot and the provider


@pytest.mark.parametrize("a_minute", [60, 240])
def test_nothing_is_claimed_long_before_it_may_be_asked(
    project: Project, simulator: Running, settings: Any, a_minute: int
) -> None:
    """What was ever claimed is what was asked, and what has a slot within the horizon."""
    settings.LLM_REQUESTS_PER_MINUTE = {**settings.LLM_REQUESTS_PER_MINUTE, "simulated": a_minute}
    simulator.options(latency=0.3)
    add_prompts(project, 100)
    scan = started(project)
    soon = max(1, a_minute // 100) + math.ceil(HORIZON * a_minute / 60)  # the burst, and the rest at its pace
    stalled = math.ceil(STALL * a_minute / 60)
    waiting: list[int] = []

    def sample() -> None:
        found = statuses(scan)
        assert found["pending"] + found["claimed"] + found["succeeded"] == 100
        waiting.append(found["claimed"] + found["succeeded"] - simulator.stats()["totals"]["requests"])

    def enough() -> bool:
        sample()
        return simulator.stats()["totals"]["requests"] >= a_minute // 15

    run_beside(lambda: wait_until(enough, what="some calls", seconds=60))
    assert len(waiting) > 5
    assert statistics.median(waiting) <= soon
    assert 0 < max(waiting) <= soon + stalled
    left = statuses(scan)
    assert left["claimed"] == 0
    assert left["succeeded"] == simulator.stats()["totals"]["requests"] < 100


@pytest.mark.parametrize("whose", ["its own", "another"])
def test_small_scans_end_before_a_large_one_that_was_first_is_half_done(
    project: Project, other_org: Organization, simulator: Running, settings: Any, whose: str
) -> None:
    settings.SCAN_CONCURRENCY = 8
    simulator.options(latency=1.0)
    add_prompts(project, 400)
    with org_scope(other_org):
        neighbour = Project.objects.for_org(other_org).create(
            org=other_org, name="n", slug="n", engines=project.engines
        )
    small = [make_project(project if whose == "its own" else neighbour, f"small-{number}") for number in range(10)]
    for one in small:
        add_prompts(one, 2)
    large = started(project)
    run_beside(lambda: wait_until(lambda: statuses(large)["succeeded"] > 0, what="the large one", seconds=60))
    simulator.options(latency=0.05)
    scans = [started(one) for one in small]
    run_beside(
        lambda: wait_until(lambda: not any(reread(one).is_open for one in scans), what="the small ones", seconds=60)
    )
    assert [statuses(one) for one in scans] == [{"succeeded": 2}] * 10
    last = max(reread(one).finished_at for one in scans)
    assert 0 < sum(answer.finished_at is not None and answer.finished_at < last for answer in answers_of(large)) < 200
