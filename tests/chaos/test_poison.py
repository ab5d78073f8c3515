"""An answer that kills its worker: it is given up with its reason, and the rest is asked."""

import pytest

from accounts.models import User
from orgs.scoping import org_scope
from prompts.models import Brand, Project
from scans.launch import retry_failed
from scans.models import Scan
from tests.cast import make_prompt
from tests.chaos.installation import Installation
from tests.chaos.workers import Running, wait_until
from tests.scans.running import add_prompts, answers_of, level, reread, started, statuses
from tests.screens import ClientOf

POISON = "the prompt of death"


@pytest.fixture
def scan(installation: Installation, project: Project, own_brand: Brand) -> Scan:
    add_prompts(project, 3)
    with org_scope(project.org_id):
        make_prompt(project, POISON)
    return started(project)


def asked_poison(installation: Installation) -> int:
    return sum(one["asked"] for one in installation.simulator.stats()["prompts"] if one["prompt"] == POISON)


def kill_whoever_asks(installation: Installation, worker: Running, *, times: int) -> None:
    """As the kernel kills a child that eats all memory: at the moment at which it asks."""
    for nth in range(1, times + 1):
        wait_until(lambda nth=nth: asked_poison(installation) >= nth, what=f"call {nth} of the poison")
        worker.kill_children()


def test_an_answer_that_kills_its_workers_is_given_up_with_its_reason(
    installation: Installation, scan: Scan, member: User, client_of: ClientOf
) -> None:
    installation.simulator.fault("hang", match={"prompt_contains": POISON}, times=3, delay=60)
    worker = installation.crew.worker()
    installation.crew.beat()
    kill_whoever_asks(installation, worker, times=3)
    installation.wait_until_ended(scan)
    [dead] = [answer for answer in answers_of(scan) if answer.status == "failed"]
    assert (dead.prompt_text, dead.error_kind, dead.lost_leases) == (POISON, "lost_worker", 2)
    assert statuses(scan) == {"succeeded": 3, "failed": 1}
    assert reread(scan).status == "partial"
    assert level(scan.project.org) == (3, 0)
    page = client_of(member).get(f"/o/acme/p/lumenboard/scans/{scan.pk}/")
    assert "3 workers stopped while asking this" in page.content.decode()
    with org_scope(scan.org_id):
        assert retry_failed(reread(scan), actor=None) == 1
    installation.wait_until_ended(scan)
    assert reread(scan).status == "done"
