"""Processes killed, services gone, providers silent: the scan ends, exactly."""

import time

import pytest

from prompts.models import Brand, Project
from scans.models import Scan
from tests.chaos.installation import Installation, assert_exact
from tests.chaos.workers import wait_until
from tests.scans.running import ENGINES, add_prompts, answers_of, started, statuses

PROMPTS = 4  # an engine: fewer failures at once than open its breaker


@pytest.fixture
def basket(installation: Installation, project: Project, own_brand: Brand) -> Project:
    """Answers take a while, so that whatever dies has some under way."""
    installation.simulator.options(latency={"openai": 0.1, "anthropic": 1.5, "google": 1.5, "perplexity": 1.5})
    add_prompts(project, PROMPTS)
    return project


@pytest.fixture
def scan(installation: Installation, basket: Project) -> Scan:
    """In the middle of it: some answers are stored, some calls under way."""
    installation.crew.worker()
    installation.crew.beat()
    scan = started(basket, engines=ENGINES)
    installation.wait_mid_scan(scan)
    return scan


def test_a_killed_worker_costs_only_what_it_had_under_way(installation: Installation, scan: Scan) -> None:
    worker = installation.crew.worker()
    worker.freeze()
    in_flight = installation.in_flight(scan)
    worker.kill()
    installation.crew.worker()
    assert_exact(scan, installation, excess=in_flight)
    assert 0 < sum(answer.lost_leases for answer in answers_of(scan)) <= PROMPTS * len(ENGINES)


def test_killed_children_cost_only_what_they_had_under_way(installation: Installation, scan: Scan) -> None:
    worker = installation.crew.worker()
    worker.freeze()
    in_flight = installation.in_flight(scan)
    worker.kill_children()
    worker.thaw()
    assert_exact(scan, installation, excess=in_flight)


def test_a_killed_beat_costs_nothing_but_time(installation: Installation, scan: Scan) -> None:
    installation.crew.beat().kill()
    worker = installation.crew.worker()
    worker.freeze()
    in_flight = installation.in_flight(scan)
    worker.kill()
    installation.crew.worker()
    assert statuses(scan)["claimed"] > 0  # nobody is there to return them
    installation.crew.beat()
    assert_exact(scan, installation, excess=in_flight)


def test_a_killed_redis_costs_nothing(installation: Installation, scan: Scan) -> None:
    installation.services.kill_redis()
    installation.services.start_redis()
    assert_exact(scan, installation, excess=0)


def test_a_redis_that_hangs_costs_nothing(installation: Installation, scan: Scan) -> None:
    """For longer than a lease, and than anybody waits for it."""
    installation.services.redis.hang()
    time.sleep(7)
    installation.services.redis.heal()
    assert_exact(scan, installation, excess=0)
    assert {answer.lost_leases for answer in answers_of(scan)} == {0}


def test_a_restarted_postgres_costs_nothing(installation: Installation, scan: Scan) -> None:
    installation.restart_postgres()
    assert_exact(scan, installation, excess=0)


def test_terminated_sessions_cost_nothing(installation: Installation, scan: Scan) -> None:
    assert installation.services.terminate_sessions() > 0
    assert_exact(scan, installation, excess=0)


def test_a_cut_database_costs_nothing(installation: Installation, scan: Scan) -> None:
    assert installation.services.database.cut() > 0
    assert_exact(scan, installation, excess=0)


def test_a_cut_provider_costs_only_the_calls_that_were_cut(installation: Installation, scan: Scan) -> None:
    installation.providers.hang()
    in_flight = installation.in_flight(scan)
    assert installation.providers.cut() > 0
    installation.providers.heal()
    assert_exact(scan, installation, excess=in_flight)


def test_a_frozen_workers_late_answers_are_refused_and_it_asks_nothing_more(
    installation: Installation, scan: Scan
) -> None:
    """It stands still beyond its leases, others ask what it held, and then it goes on as if nothing had been."""
    zombie = installation.crew.worker()
    zombie.freeze()
    in_flight = installation.in_flight(scan)
    installation.crew.worker("heir")
    assert_exact(scan, installation, excess=in_flight)
    asked = installation.asked()
    zombie.thaw()
    wait_until(lambda: "late answers refused" in zombie.output(), what="the zombie's word to be refused")
    assert_exact(scan, installation, excess=in_flight)
    assert installation.asked() == asked
    installation.crew.end("heir")
