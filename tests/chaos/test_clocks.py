"""Clocks an hour apart: every time that decides something is the database's or Redis'."""

import pytest

from orgs.scoping import org_scope
from prompts.models import Brand, LlmCall, Project
from scans.models import Answer, Scan
from tests.chaos.installation import Installation, assert_exact
from tests.scans.running import ENGINES, add_prompts, answers_of, started

HOUR = 3_600.0


@pytest.fixture
def basket(installation: Installation, project: Project, own_brand: Brand) -> Project:
    installation.crew.end()
    add_prompts(project, 4)
    return project


def newest_age(scan: Scan) -> float:
    """Seconds by which a time in the books differs from the database's clock at most."""
    with org_scope(scan.org_id):
        calls = LlmCall.objects.for_org(scan.org_id).values_list("created_at", flat=True)
        ends = Answer.objects.for_org(scan.org_id).values_list("finished_at", flat=True)
        return max(abs((at - scan.created_at).total_seconds()) for at in (*calls, *ends) if at)


@pytest.mark.parametrize(("worker", "beat"), [(HOUR, -HOUR), (-HOUR, HOUR)])
def test_clocks_an_hour_apart_change_nothing(
    installation: Installation, basket: Project, worker: float, beat: float
) -> None:
    """Two workers, one of them right; a failed call is asked again in seconds, not in an hour."""
    installation.crew.beat(clock_off_by=beat)
    installation.crew.worker(clock_off_by=worker)
    installation.crew.worker("punctual")
    installation.simulator.fault("500", times=2)
    scan = started(basket, engines=ENGINES)
    assert_exact(scan, installation, excess=2)
    assert newest_age(scan) < HOUR / 2
    assert sum(answer.lost_leases for answer in answers_of(scan)) == 0
    installation.crew.end()
