"""Everybody killed while a provider is at a scan's batches: those are brought home, and none is handed over twice."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from prompts.models import Brand, Project
from scans.models import Scan
from scans.tasks import look_after_batches
from tests.chaos.exactness import exactness_of
from tests.chaos.installation import Installation
from tests.scans.economy import BATCHED, CLAUDE, batched_at, economy_scan, end_batches, jobs_of, make_due, states
from tests.scans.running import add_prompts, answers_of, calls

PROMPTS = 4


@pytest.fixture
def basket(installation: Installation, project: Project, own_brand: Brand) -> Project:
    installation.crew.worker()
    installation.crew.beat()
    installation.simulator.options(batch_seconds=3600.0)
    add_prompts(project, PROMPTS)
    return project


def handed_over(basket: Project, *engines: str) -> Scan:
    """To whoever looks after batches, without the seconds that beat takes to tell."""
    scan = economy_scan(basket, *engines)
    look_after_batches.delay()
    return scan


def lose_everything_but_the_rows(installation: Installation) -> None:
    """Worker and beat die without a goodbye, and Redis with all it knew; meanwhile the provider gets ready."""
    for running in (installation.crew.worker(), installation.crew.beat()):
        running.kill()
    installation.services.kill_redis()
    end_batches(installation.simulator)


def come_back(installation: Installation, scan: Scan) -> None:
    """Late enough for the next look, which a dead worker may have put off by its lease, and for beat to ask for it."""
    make_due(scan)
    PeriodicTask.objects.filter(task=look_after_batches.name).update(last_run_at=timezone.now() - timedelta(hours=1))
    installation.services.start_redis()
    installation.crew.replace()


def assert_brought_home(installation: Installation, scan: Scan, *, batches: int) -> None:
    """Every answer stored and booked once, from the batches that were there before."""
    found = exactness_of(installation.wait_until_ended(scan))
    assert found.whole, found
    assert found.statuses == {"succeeded": scan.total}, found
    assert len(states(scan)) == batches
    installation.crew.wait_until(lambda: set(states(scan)) == {"done"}, what="the batches' ends")
    assert batched_at(installation.simulator) == scan.total == batches * PROMPTS
    booked = calls(scan.project)
    assert {(call.batched, call.outcome) for call in booked} == {(True, "ok")}
    assert sorted(call.reference for call in booked) == sorted(f"answer:{answer.pk}" for answer in answers_of(scan))
    assert sum(call.cost or 0 for call in booked) == sum(job.cost for job in jobs_of(scan)) > 0


def test_batches_under_way_outlive_the_worker_the_beat_and_redis(installation: Installation, basket: Project) -> None:
    scan = handed_over(basket)
    installation.crew.wait_until(
        lambda: states(scan) == ["waiting"] * len(BATCHED), what="the batches to be handed over"
    )
    before = [job.batch_id for job in jobs_of(scan)]
    lose_everything_but_the_rows(installation)
    assert states(scan) == ["waiting"] * len(BATCHED)
    come_back(installation, scan)
    assert_brought_home(installation, scan, batches=len(BATCHED))
    assert [job.batch_id for job in jobs_of(scan)] == before


def test_a_batch_that_nobody_lived_to_write_down_is_found_again(installation: Installation, basket: Project) -> None:
    """The provider took it, and its word that it did never arrived."""
    installation.providers.half_close()
    scan = handed_over(basket, CLAUDE)
    installation.crew.wait_until(lambda: batched_at(installation.simulator) == PROMPTS, what="the batch to arrive")
    lose_everything_but_the_rows(installation)
    assert [(job.state, job.batch_id) for job in jobs_of(scan)] == [("submitting", "")]
    installation.providers.heal()
    come_back(installation, scan)
    installation.crew.wait_until(lambda: states(scan) != ["submitting"], what="the batch to be found")
    make_due(scan)
    look_after_batches.delay()
    assert_brought_home(installation, scan, batches=1)
