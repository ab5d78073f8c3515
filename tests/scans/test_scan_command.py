"""`manage.py scan`."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from orgs.models import Organization
from orgs.scoping import org_scope
from prompts import budgets
from prompts.llm.simulator.server import Running
from prompts.models import Brand, Project
from scans.launch import cancel_scan
from scans.management.commands import scan as command
from scans.models import Scan
from tests.scans.running import add_prompts, run, started

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ready(project: Project, own_brand: Brand, simulator: Running) -> Project:
    add_prompts(project, 2)
    return project


@contextmanager
def worker() -> Iterator[None]:
    """Runs what is due, as a worker would, until the block ends."""
    over = threading.Event()

    def work() -> None:
        try:
            while not over.wait(0.05):
                run(budget_seconds=10)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def scan(*args: str, **options: Any) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    try:
        call_command("scan", *args, stdout=out, stderr=err, **options)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue(), err.getvalue()
    except CommandError as error:
        return error.returncode, out.getvalue(), str(error)
    return 0, out.getvalue(), err.getvalue()


def only_scan(project: Project) -> Scan:
    with org_scope(project.org_id):
        return Scan.objects.for_org(project.org_id).get()


def test_waiting_shows_the_results_and_ends_with_0(ready: Project) -> None:
    with worker():
        code, out, err = scan(ready.slug, wait=True, organization=ready.org.slug)
    assert (code, err) == (0, "")
    assert "GPT-5 mini" in out
    assert "search, with" not in out
    assert "2/2" in out
    assert "$0.0" in out
    assert "Simulated" in out
    assert only_scan(ready).status == "done"
    assert only_scan(ready).source == "command"


def test_some_failures_end_with_1(ready: Project, simulator: Running) -> None:
    simulator.fault("401", times=1)
    with worker():
        code, out, err = scan(ready.slug, "--wait")
    assert (code, err.count("\n")) == (1, 1)
    assert "1 of 2 answers failed" in err
    assert "1/2" in out


def test_what_a_budget_stopped_ends_with_1_and_says_so(ready: Project) -> None:
    with org_scope(ready.org_id):
        budgets.save_budget(ready.org, project=None, money=None, answers=1, actor=None)
    with worker():
        code, _, err = scan(ready.slug, "--wait")
    assert (code, err.count("\n")) == (1, 1)
    assert "1 of 2 answers were not asked. The organization's budget of 1 answers a month is used up" in err


def test_nothing_but_failures_ends_with_2(ready: Project, simulator: Running) -> None:
    simulator.fault("401")
    with worker():
        code, _, err = scan(ready.slug, "--wait")
    assert (code, "2 of 2 answers failed" in err) == (2, True)


def test_a_cancelled_scan_ends_with_2(ready: Project) -> None:
    running = started(ready)

    def cancel() -> None:
        with org_scope(ready.org_id):
            cancel_scan(running, actor=None)
        connection.close()

    timer = threading.Timer(0.3, cancel)
    timer.start()
    code, out, err = scan(ready.slug, "--wait")
    timer.join()
    assert (code, err) == (2, f"Scan {running.pk} was cancelled.\n")
    assert "running already; watching it" in out


def test_without_waiting_it_only_starts(ready: Project) -> None:
    code, out, _ = scan(ready.slug, "--samples", "2")
    assert (code, out) == (0, f"Scan {only_scan(ready).pk} of Lumenboard started: 4 answers to come.\n")


def test_a_running_scan_is_one_line_and_2(ready: Project) -> None:
    started(ready)
    assert scan(ready.slug) == (2, "", "A scan of this project is already running.")


def test_engines_can_be_chosen(ready: Project) -> None:
    scan(ready.slug, "--engines", "perplexity:sonar/web_search")
    assert only_scan(ready).engines == ["perplexity:sonar/web_search"]


def test_an_unknown_project_is_one_line_and_2(db: None) -> None:
    assert scan("nowhere", "--wait") == (2, "", "There is no project 'nowhere'.")


def test_an_unknown_organization_is_one_line_and_2(ready: Project) -> None:
    assert scan(ready.slug, "--org", "nobody") == (2, "", "There is no organization 'nobody'.")


def test_a_slug_of_two_organizations_asks_which(ready: Project, other_org: Organization) -> None:
    with org_scope(other_org):
        Project.objects.for_org(other_org).create(org=other_org, name="Lumenboard", slug=ready.slug)
    code, _, err = scan(ready.slug)
    assert (code, "--org (acme, globex)" in err) == (2, True)


def test_an_unknown_engine_is_one_line_and_2(ready: Project) -> None:
    code, _, err = scan(ready.slug, "--engines", "openai:gpt-1/model")
    assert (code, "gpt-1" in err, err.count("\n")) == (2, True, 0)


def test_without_a_worker_it_says_so(ready: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "WORKER_PATIENCE", 0.0)
    monkeypatch.setattr(command, "ASK_WORKER", 0.2)
    code, _, err = scan(ready.slug, "--wait")
    assert (code, "No worker answers" in err) == (2, True)
    assert only_scan(ready).status == "queued"
