"""Everybody at the same rows at once: no two wait for each other in a circle, and the books still agree."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from orgs.scoping import all_orgs_scope, org_scope
from orgs.telling import verbatim
from prompts.llm.simulator.server import Running
from prompts.models import Brand, Project
from scans import claims
from scans.deadlines import end_overdue
from scans.launch import cancel_scan, retry_failed
from scans.models import Scan
from scans.store import Store, gave_up
from scans.sweeping import recover
from tests.chaos.exactness import exactness_of
from tests.scans.running import add_prompts, reread, started
from tests.scans.test_claims import answered

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 15


@pytest.fixture
def scan(project: Project, own_brand: Brand, simulator: Running) -> Scan:
    add_prompts(project, 40)
    return started(project)


def together(*acts: Callable[[], object]) -> list[BaseException]:
    """Each in a thread of its own, over and over; what they raised."""
    raised: list[BaseException] = []
    gate = threading.Barrier(len(acts))

    def repeat(act: Callable[[], object]) -> None:
        try:
            gate.wait(30)
            for _ in range(ROUNDS):
                act()
        except BaseException as error:  # noqa: BLE001  handed to the test
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=repeat, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return raised


def work() -> None:
    """A runner whose every third answer fails."""
    store, held = Store(), claims.claim(claims.due_lanes(limit=10))
    claims.renew(held)
    if held:
        store([gave_up(one, "server", verbatim("No.")) if one.id % 3 == 0 else answered(one) for one in held])


def die() -> None:
    """A runner that dies with what it holds."""
    held = claims.claim(claims.due_lanes(limit=10))
    with all_orgs_scope("test"), connection.cursor() as cursor:
        ids = [one.id for one in held]
        cursor.execute(
            "UPDATE scans_answer SET lease_until = now() - interval '1 s' WHERE id IN (SELECT id FROM scans_answer"
            " WHERE id = ANY(%s) AND status = 'claimed' ORDER BY id FOR UPDATE)",
            [ids],
        )


def test_everybody_at_once_ends_without_a_deadlock(scan: Scan) -> None:
    def retry() -> None:
        with org_scope(scan.org_id):
            retry_failed(reread(scan), actor=None)

    assert together(work, work, die, recover, recover, end_overdue, retry) == []
    with org_scope(scan.org_id):
        cancel_scan(reread(scan), actor=None)
    recover()
    found = exactness_of(scan)
    assert (found.lost, found.doubled, found.quota) == (0, 0, 0), found


def test_cancelling_while_everybody_works_leaves_nothing_open(scan: Scan) -> None:
    def cancel() -> None:
        with org_scope(scan.org_id):
            cancel_scan(reread(scan), actor=None)

    assert together(work, die, recover, cancel) == []
    found = exactness_of(scan)
    assert reread(scan).status == "cancelled"
    assert (found.lost, found.doubled, found.quota) == (0, 0, 0), found
