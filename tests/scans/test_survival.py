"""Redis wiped and workers stopped in the middle of a scan: it still ends, and no answer is lost or asked twice.

What dies without a goodbye is in `tests/chaos`.
"""

import time
from collections.abc import Callable

import pytest
import redis as redis_client

from orgs.scoping import org_scope
from prompts.llm.simulator.server import Running
from prompts.models import Brand, Project
from scans.models import Mention, Scan
from tests.journeys.stack import run_worker
from tests.scans.running import (
    ENGINES,
    add_prompts,
    answers_of,
    calls,
    events,
    level,
    reread,
    started,
    statuses,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def basket(project: Project, own_brand: Brand, simulator: Running, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Answers take a while, and a dead worker's leases run out soon."""
    monkeypatch.setenv("SCAN_LEASE_SECONDS", "3")
    monkeypatch.setenv("SIMULATED_REQUESTS_PER_MINUTE", "60")  # three at once, then one a second
    simulator.options(latency={"openai": 0.2, "anthropic": 2.0, "google": 2.0, "perplexity": 2.0})
    add_prompts(project, 6)
    return project


def wait_until(happened: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def ended(scan: Scan) -> bool:
    return not reread(scan).is_open


def mid_scan(simulator: Running, scan: Scan) -> bool:
    return statuses(scan)["succeeded"] > 0 and simulator.stats()["totals"]["in_flight"] > 0


def assert_whole(scan: Scan) -> None:
    """Every answer there, once; paid once; the end told once."""
    answers = answers_of(scan)
    assert reread(scan).status == "done"
    assert {answer.status for answer in answers} == {"succeeded"}
    assert len({(a.prompt_id, a.engine, a.sample) for a in answers}) == len(answers) == scan.total
    assert all(answer.text and answer.lease_token is None for answer in answers)
    assert level(scan.project.org) == (scan.total, 0)
    assert len(events(scan, "scan.finished")) == 1
    with org_scope(scan.org_id):
        spans = Mention.objects.for_org(scan.org_id).values_list("answer_id", "start", "brand_id")
        assert len(set(spans)) == len(spans)


def test_redis_wiped_before_and_in_the_middle_costs_no_answer(
    basket: Project, simulator: Running, redis: redis_client.Redis
) -> None:
    scan = started(basket, engines=ENGINES)
    redis.flushdb()  # the nudge is gone: the sweep makes up for it
    with run_worker():
        wait_until(lambda: mid_scan(simulator, scan))
        redis.flushdb()
        wait_until(lambda: ended(scan))
    assert_whole(scan)
    assert simulator.stats()["totals"]["requests"] == scan.total


def test_a_worker_told_to_stop_leaves_nothing_claimed(basket: Project, simulator: Running) -> None:
    with run_worker() as worker:
        scan = started(basket, engines=ENGINES)
        wait_until(lambda: mid_scan(simulator, scan))
        worker.stop()
    left = statuses(scan)
    assert (left["claimed"], left["failed"]) == (0, 0)
    assert left["pending"] > 0
    assert {answer.lost_leases for answer in answers_of(scan)} == {0}
    assert {call.outcome for call in calls(basket)} == {"ok"}
    with run_worker():
        wait_until(lambda: ended(scan))
    assert_whole(scan)
    assert simulator.stats()["totals"]["requests"] == scan.total
