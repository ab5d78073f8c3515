"""What a process that stands still inside a transaction costs the others: SIGSTOP, or a machine that is gone."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import InternalError, connection, transaction

from orgs.models import Organization
from orgs.scoping import org_scope
from prompts.llm.simulator.server import Running
from prompts.models import Project
from scans import claims, due, store
from tests.scans.running import ENGINES, add_prompts, answers_of, calls, level, run, started, statuses

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def neighbour(other_org: Organization) -> Project:
    with org_scope(other_org):
        return Project.objects.for_org(other_org).create(org=other_org, name="n", slug="n", engines=[ENGINES[0]])


@contextmanager
def frozen(holding: Callable[[], object], org: Organization | int) -> Iterator[threading.Event]:
    """Somebody else's transaction that holds what `holding` locks until the event is set, or the database ends it."""
    held, thaw, ended = threading.Event(), threading.Event(), []

    def stand() -> None:
        try:
            with org_scope(org):
                holding()
                held.set()
                thaw.wait(60)
                connection.cursor().execute("SELECT 1")
        except InternalError:  # ended meanwhile
            ended.append(True)
        finally:
            connection.close()

    thread = threading.Thread(target=stand)
    thread.start()
    assert held.wait(30)
    try:
        yield thaw
    finally:
        thaw.set()
        thread.join()


def test_the_database_ends_a_transaction_that_does_nothing(org: Organization, settings: Any) -> None:
    settings.TRANSACTION_IDLE_SECONDS = 0.3

    def lock() -> None:
        connection.cursor().execute("SELECT pg_advisory_xact_lock(1, 1)")

    with frozen(lock, org), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '30s'; SELECT pg_advisory_xact_lock(1, 1)")


def test_who_stands_still_in_a_claim_holds_up_no_other_organization(
    project: Project, neighbour: Project, simulator: Running
) -> None:
    add_prompts(project, 2)
    add_prompts(neighbour, 2)
    mine, others = started(project, engines=ENGINES[:1]), started(neighbour)

    def claim() -> None:
        due.within_caps([one for one in claims.due_lanes(limit=1) if one.org_id == project.org_id])

    with frozen(claim, project.org_id) as thaw:

        def wait() -> None:
            try:
                while statuses(others)["succeeded"] < 2:
                    time.sleep(0.05)
                seen.append(statuses(mine)["succeeded"])
            finally:
                thaw.set()
                connection.close()

        seen: list[int] = []
        watcher = threading.Thread(target=wait)
        watcher.start()
        run()
        watcher.join()
    assert seen == [0]
    assert [statuses(scan) for scan in (mine, others)] == [{"succeeded": 2}, {"succeeded": 2}]


def test_who_stands_still_in_a_store_costs_nobody_a_lease(
    project: Project, neighbour: Project, simulator: Running, settings: Any
) -> None:
    """Stores wait until the database ends that transaction, for longer than a lease: leases are kept meanwhile."""
    settings.SCAN_LEASE_SECONDS = 3
    settings.TRANSACTION_IDLE_SECONDS = 6
    simulator.options(latency=0.5)
    add_prompts(project, 2)
    add_prompts(neighbour, 2)
    scans = [started(project, engines=ENGINES[:1]), started(neighbour)]
    over, lost = threading.Event(), []

    def sweep() -> None:
        try:
            while not over.wait(0.3):
                lost.append(claims.expire())
        finally:
            connection.close()

    def usage() -> None:
        connection.cursor().execute("SELECT 1 FROM billing_usage WHERE org_id = %s FOR UPDATE", [project.org_id])

    sweeper = threading.Thread(target=sweep)
    with frozen(usage, project.org_id):
        sweeper.start()
        run()
        over.set()
        sweeper.join()
    assert sum(lost) == 0
    assert len(lost) > 10
    for scan in scans:
        assert [(answer.status, answer.attempts) for answer in answers_of(scan)] == [("succeeded", 1)] * 2
    assert simulator.stats()["totals"]["requests"] == 4


def test_a_runner_that_stood_still_in_a_transaction_goes_on(
    project: Project, simulator: Running, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TRANSACTION_IDLE_SECONDS = 0.5
    stood: list[bool] = []

    def slow(*args: Any, **kwargs: Any) -> None:
        if not stood:
            stood.append(True)
            time.sleep(1.5)
        settle(*args, **kwargs)

    settle = store._settle
    monkeypatch.setattr(store, "_settle", slow)
    add_prompts(project, 2)
    scan = started(project, engines=ENGINES[:1])
    run()
    assert stood == [True]
    assert statuses(scan) == {"succeeded": 2}
    assert [call.outcome for call in calls(project)] == ["ok", "ok"]
    assert level(project.org) == (2, 0)
