"""Starting, cancelling and retrying scans."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from celery import current_app
from django.db import connection

from accounts.models import User
from billing import meter
from billing.models import Usage
from orgs.models import Event, Organization
from orgs.scoping import org_scope
from prompts.llm.simulator.server import Running
from prompts.models import Project, Prompt
from scans.launch import CannotStart, cancel_scan, retry_failed, start_scan
from scans.models import Answer, Scan
from tests.cast import make_prompt
from tests.scans.running import (
    ENGINES,
    add_prompts,
    answers_of,
    engines_of,
    forget_connections,
    reread,
    started,
    statuses,
)


@pytest.fixture
def ready(project: Project, simulator: Running) -> Project:
    add_prompts(project, 3)
    return project


def refusal(project: Project, **options: Any) -> CannotStart:
    with pytest.raises(CannotStart) as refused:
        started(project, **options)
    return refused.value


def reserved(org: Organization) -> int:
    with org_scope(org):
        return meter.level(org.pk, meter.ANSWERS).reserved


def fail(scan: Scan, *turns: int) -> None:
    """As the runner would have it: these failed, the others succeeded, the scan has ended."""
    now = datetime.now(UTC)
    with org_scope(scan.org_id):
        answers = Answer.objects.for_org(scan.org_id).filter(scan=scan)
        failed = answers.filter(turn__in=turns).update(
            status="failed", error_kind="auth", error="No.", finished_at=now, attempts=1, lane="own-old|openai:x"
        )
        meter.release(scan.org_id, meter.ANSWERS, failed)
        answers.filter(status="pending").update(status="succeeded", finished_at=now)
        Scan.objects.for_org(scan.org_id).filter(pk=scan.pk).update(status="partial", finished_at=now)


def test_a_scan_asks_every_active_prompt_of_every_engine_as_often_as_it_samples(ready: Project) -> None:
    with org_scope(ready.org_id):
        make_prompt(ready, "Paused?", is_active=False)
        make_prompt(ready, "Archived?", archived_at=datetime.now(UTC))
    scan = started(ready, engines=ENGINES, samples=2)
    answers = answers_of(scan)
    assert (scan.total, len(answers), reserved(ready.org)) == (24, 24, 24)
    assert len({(a.prompt_id, a.engine, a.sample) for a in answers}) == 24
    assert {a.status for a in answers} == {"pending"}
    assert {a.prompt_text for a in answers}.isdisjoint({"Paused?", "Archived?"})
    assert answers[0].lane.endswith("|openai:gpt-5-mini")
    assert (answers[0].surface, answers[0].simulated, answers[0].country) == ("web_search", True, "US")
    assert reread(scan).total == 24


def test_engines_alternate_within_the_turns_so_that_every_lane_starts_at_once(ready: Project) -> None:
    answers = answers_of(started(ready, engines=ENGINES, samples=2))
    assert [a.turn for a in answers] == list(range(24))
    assert engines_of(answers[:8]) == [*ENGINES, *ENGINES]
    assert [a.sample for a in answers] == [1] * 12 + [2] * 12


def test_prompts_are_read_and_answers_written_in_pages(project: Project, simulator: Running) -> None:
    with org_scope(project.org_id):
        Prompt.objects.for_org(project.org_id).bulk_create(
            Prompt(org_id=project.org_id, project=project, text=f"Question {n}?", key=f"{n}") for n in range(1_001)
        )
    scan = started(project, engines=ENGINES[:2])
    assert scan.total == len(answers_of(scan)) == 2_002


def test_a_scan_is_simulated_when_an_engine_is(ready: Project, settings: Any) -> None:
    assert started(ready).simulated
    settings.OPENAI_API_KEY = "sk-real"
    with org_scope(ready.org_id):
        Scan.objects.for_org(ready.org_id).update(status="done")
    assert not started(ready).simulated


def test_starting_is_an_event(ready: Project, member: User) -> None:
    scan = started(ready, actor=member)
    with org_scope(ready.org_id):
        event = Event.objects.for_org(ready.org_id).get(name="scan.started")
    assert (event.actor_id, event.target_id, event.data["total"]) == (member.pk, scan.pk, 3)
    assert scan.started_by == member


def test_a_scan_needs_prompts(project: Project, simulator: Running) -> None:
    assert refusal(project).code == "no_prompts"
    with org_scope(project.org_id):
        assert not Scan.objects.for_org(project.org_id).exists()


def test_a_scan_needs_engines(ready: Project) -> None:
    assert refusal(ready, engines=[]).code == "no_engines"


def test_an_unknown_engine_is_named(ready: Project) -> None:
    refused = refusal(ready, engines=["openai:gpt-1/model"])
    assert (refused.code, "gpt-1" in refused.message) == ("engine_unavailable", True)


def test_a_scan_needs_a_key(ready: Project, settings: Any) -> None:
    settings.SIMULATOR_URL = ""
    refused = refusal(ready)
    assert (refused.code, "OpenAI" in refused.message) == ("engine_unavailable", True)


@pytest.mark.parametrize("samples", [0, -1, 11])
def test_samples_stay_within_reason(ready: Project, samples: int) -> None:
    assert refusal(ready, samples=samples).code == "samples"


def test_an_archived_project_is_not_scanned(ready: Project) -> None:
    ready.archived_at = datetime.now(UTC)
    assert refusal(ready).code == "archived"


def test_a_second_scan_is_refused_with_the_one_that_runs(ready: Project) -> None:
    first = started(ready)
    refused = refusal(ready)
    assert (refused.code, refused.scan) == ("already_running", first)
    assert reserved(ready.org) == 3


def test_a_scan_over_quota_creates_nothing(ready: Project) -> None:
    month = meter.month_of()
    with org_scope(ready.org_id):
        Usage.objects.for_org(ready.org_id).create(org_id=ready.org_id, metric="answers", month=month, allowance=2)
    refused = refusal(ready)
    assert (refused.code, "2 of this month's 2 are left" in refused.message) == ("quota", True)
    with org_scope(ready.org_id):
        assert not Scan.objects.for_org(ready.org_id).exists()
        assert not Answer.objects.for_org(ready.org_id).exists()
    assert reserved(ready.org) == 0


@pytest.mark.django_db(transaction=True)
def test_of_two_browsers_that_start_at_once_one_wins(ready: Project) -> None:
    results: list[Scan | CannotStart] = []
    gate = threading.Barrier(2)

    def start() -> None:
        try:
            with org_scope(ready.org_id):
                gate.wait()
                results.append(start_scan(ready, source="browser"))
        except CannotStart as refused:
            results.append(refused)
        finally:
            connection.close()

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [scan] = [result for result in results if isinstance(result, Scan)]
    [refused] = [result for result in results if isinstance(result, CannotStart)]
    assert (refused.code, refused.scan) == ("already_running", scan)
    assert len(answers_of(scan)) == reserved(ready.org) == 3


@pytest.fixture
def dead_broker() -> Iterator[None]:
    conf = current_app.conf
    before = conf.broker_url
    _reconnect("redis://127.0.0.1:1/0")
    yield
    _reconnect(before)


def _reconnect(url: str) -> None:
    current_app.conf.broker_url = current_app.conf.broker_write_url = url
    forget_connections()


@pytest.mark.django_db(transaction=True)
def test_a_dead_queue_does_not_lose_the_scan(
    ready: Project, dead_broker: None, caplog: pytest.LogCaptureFixture
) -> None:
    scan = started(ready)
    assert statuses(scan) == {"pending": 3}
    assert "the task queue cannot be reached" in caplog.text


def test_cancelling_asks_nothing_more_and_frees_the_quota(ready: Project, member: User) -> None:
    scan = started(ready)
    with org_scope(ready.org_id):
        assert cancel_scan(scan, actor=member)
        assert not cancel_scan(scan, actor=member)
        [event] = Event.objects.for_org(ready.org_id).filter(name="scan.cancelled")
    assert (event.actor_id, event.data["cancelled"]) == (member.pk, 3)
    assert (scan.status, reread(scan).status) == ("cancelled", "cancelled")
    assert scan.finished_at is not None
    assert statuses(scan) == {"cancelled": 3}
    assert reserved(ready.org) == 0


def test_a_cancelled_scan_makes_room_for_another(ready: Project) -> None:
    scan = started(ready)
    with org_scope(ready.org_id):
        cancel_scan(scan, actor=None)
    assert started(ready).pk != scan.pk


def test_failed_answers_are_asked_again(ready: Project, member: User) -> None:
    scan = started(ready)
    fail(scan, 0, 2)
    with org_scope(ready.org_id):
        assert retry_failed(reread(scan), actor=member) == 2
        assert Event.objects.for_org(ready.org_id).get(name="scan.retried").data["retried"] == 2
    again = reread(scan)
    assert (again.status, again.finished_at) == ("running", None)
    waiting = [a for a in answers_of(scan) if a.status == "pending"]
    assert [(a.turn, a.attempts, a.error_kind, a.finished_at) for a in waiting] == [(0, 0, "", None), (2, 0, "", None)]
    assert all(a.lane.startswith("sim-openai|") for a in waiting)
    assert reserved(ready.org) == 3  # one was never settled by `fail`


def test_nothing_failed_is_nothing_to_retry(ready: Project) -> None:
    scan = started(ready)
    with org_scope(ready.org_id):
        assert retry_failed(scan, actor=None) == 0
        assert not Event.objects.for_org(ready.org_id).filter(name="scan.retried").exists()


def test_a_retry_waits_for_the_scan_that_runs(ready: Project) -> None:
    scan = started(ready)
    fail(scan, 0)
    running = started(ready)
    with org_scope(ready.org_id), pytest.raises(CannotStart) as refused:
        retry_failed(reread(scan), actor=None)
    assert (refused.value.code, refused.value.scan) == ("already_running", running)
    assert statuses(scan) == {"failed": 1, "succeeded": 2}


def test_a_retry_without_its_key_is_refused(ready: Project, settings: Any) -> None:
    scan = started(ready)
    fail(scan, 0)
    settings.SIMULATOR_URL = ""
    with org_scope(ready.org_id), pytest.raises(CannotStart) as refused:
        retry_failed(reread(scan), actor=None)
    assert refused.value.code == "engine_unavailable"
