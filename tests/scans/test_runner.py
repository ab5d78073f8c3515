"""Scans through the real runner: simulated providers over real sockets, the real database and Redis."""

from typing import Any

import pytest

from orgs.scoping import org_scope
from prompts.llm.simulator.server import Running
from prompts.models import MAX_TEXT, Brand, Project
from scans import backoff, findings
from scans.launch import retry_failed
from scans.models import Citation, Mention, Scan
from tests.cast import make_prompt
from tests.scans.running import (
    ENGINES,
    add_prompts,
    answers_of,
    calls,
    events,
    level,
    mentions_of,
    reread,
    run,
    started,
    statuses,
    while_running,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def basket(project: Project, own_brand: Brand, competitor: Brand, simulator: Running) -> Project:
    add_prompts(project, 3)
    return project


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "CAP", 0.05)


def test_a_scan_runs_to_its_end(basket: Project) -> None:
    scan = started(basket, engines=ENGINES)
    assert run() is False
    scan = reread(scan)
    assert scan.status == Scan.Status.DONE
    assert scan.started_at <= scan.finished_at
    answers = answers_of(scan)
    assert {answer.status for answer in answers} == {"succeeded"}
    assert all(answer.text and answer.model and answer.cost and answer.latency_ms is not None for answer in answers)
    assert {answer.attempts for answer in answers} == {1}
    assert {(call.outcome, call.purpose, call.attempt) for call in calls(basket)} == {("ok", "scan", 1)}
    assert {call.reference for call in calls(basket)} == {f"answer:{answer.pk}" for answer in answers}
    [finished] = events(scan, "scan.finished")
    assert finished.data["status"] == "done"
    assert level(basket.org) == (12, 0)


def test_mentions_and_citations_are_stored_with_the_answer(basket: Project, own_brand: Brand) -> None:
    scan = started(basket, engines=ENGINES)
    run()
    mentions = mentions_of(scan)
    assert own_brand.pk in {mention.brand_id for mention in mentions}
    for mention in mentions:
        assert mention.answer.text[mention.start : mention.end] == mention.text
    with org_scope(basket.org_id):
        citations = list(Citation.objects.for_org(basket.org_id))
    assert {citation.kind for citation in citations} >= {"other"}
    assert all(citation.normalized_url.startswith("https://") for citation in citations)


def test_a_transient_failure_is_asked_again(basket: Project, simulator: Running, impatient: None) -> None:
    simulator.fault("500", times=2)
    scan = started(basket)
    run()
    assert reread(scan).status == "done"
    assert sorted(answer.attempts for answer in answers_of(scan)) in ([1, 1, 3], [1, 2, 2])
    assert sorted(call.outcome for call in calls(basket)) == ["ok", "ok", "ok", "server", "server"]


def test_an_answer_is_asked_four_times_at_most(project: Project, simulator: Running, impatient: None) -> None:
    add_prompts(project, 1)
    simulator.fault("500")
    scan = started(project)
    run()
    [answer] = answers_of(scan)
    assert (answer.status, answer.attempts, answer.error_kind) == ("failed", 4, "server")
    assert answer.error
    assert [call.attempt for call in calls(project)] == [1, 2, 3, 4]
    assert reread(scan).status == "failed"
    assert level(project.org) == (0, 0)


@pytest.mark.parametrize(
    ("fault", "kind"), [("400", "bad_request"), ("401", "auth"), ("404", "not_found"), ("billing", "billing")]
)
def test_a_permanent_failure_is_asked_once(basket: Project, simulator: Running, fault: str, kind: str) -> None:
    simulator.fault(fault, times=1)
    scan = started(basket)
    run()
    assert reread(scan).status == "partial"
    assert statuses(scan) == {"succeeded": 2, "failed": 1}
    [failed] = [answer for answer in answers_of(scan) if answer.status == "failed"]
    assert (failed.attempts, failed.error_kind, bool(failed.error)) == (1, kind, True)
    assert [event.data["status"] for event in events(scan, "scan.finished")] == ["partial"]
    assert level(basket.org) == (2, 0)


def test_failed_answers_succeed_when_asked_again(basket: Project, simulator: Running) -> None:
    simulator.fault("400", times=1)
    scan = started(basket)
    run()
    with org_scope(basket.org_id):
        assert retry_failed(reread(scan), actor=None) == 1
    run()
    assert reread(scan).status == "done"
    assert [event.data["status"] for event in events(scan, "scan.finished")] == ["partial", "done"]
    assert level(basket.org) == (3, 0)


def test_a_wait_that_the_provider_asks_for_is_honoured(project: Project, simulator: Running, impatient: None) -> None:
    add_prompts(project, 1)
    simulator.fault("429", times=1, retry_after=2)
    scan = started(project)
    run()
    [answer] = answers_of(scan)
    first, second = calls(project)
    assert (answer.status, answer.attempts, first.outcome) == ("succeeded", 2, "rate_limited")
    assert (second.created_at - first.created_at).total_seconds() > 1.9


def test_a_truncated_answer_is_kept_as_one(project: Project, simulator: Running) -> None:
    add_prompts(project, 1)
    simulator.fault("truncate")
    scan = started(project)
    run()
    [answer] = answers_of(scan)
    assert (answer.status, answer.finish_reason, answer.is_truncated) == ("succeeded", "length", True)


def test_odd_prompts_are_asked_like_any_other(project: Project, simulator: Running) -> None:
    texts = ["x" * MAX_TEXT, "ما هي أفضل أداة لإدارة المشاريع؟", "🧑‍💻 🚀?", "\u202eright to left\u202c?"]
    with org_scope(project.org_id):
        for text in texts:
            make_prompt(project, text)
    scan = started(project, engines=ENGINES)
    run()
    assert statuses(scan) == {"succeeded": 16}


def test_text_that_the_database_refuses_is_made_storable_in_place() -> None:
    assert findings.storable("a\x00b\ud800c😀") == "a\ufffdb\ufffdc😀"
    assert findings.storable("plain") == "plain"


def test_a_changed_key_moves_what_waits_to_its_lane(basket: Project, settings: Any) -> None:
    scan = started(basket)
    assert all(answer.lane.startswith("sim-openai|") for answer in answers_of(scan))
    settings.OPENAI_API_KEY = "sk-another"
    looks = iter([False])
    run(stop=lambda: next(looks, True))
    answers = answers_of(scan)
    assert {answer.status for answer in answers} == {"pending"}
    assert all(answer.lane.startswith("env-") and not answer.simulated for answer in answers)


def test_a_key_that_is_gone_fails_what_waits_and_says_so(basket: Project, settings: Any) -> None:
    scan = started(basket)
    settings.SIMULATOR_URL = ""
    run()
    assert reread(scan).status == "failed"
    answers = answers_of(scan)
    assert {answer.error_kind for answer in answers} == {"auth"}
    assert all("OpenAI" in answer.failure for answer in answers)
    assert level(basket.org) == (0, 0)


def test_a_brand_deleted_mid_scan_costs_no_answer(project: Project, simulator: Running, settings: Any) -> None:
    settings.LLM_REQUESTS_PER_MINUTE = {**settings.LLM_REQUESTS_PER_MINUTE, "simulated": 60}
    with org_scope(project.org_id):
        brand = Brand.objects.for_org(project.org_id).create(
            org_id=project.org_id, project=project, name="Lumenboard", aliases=["Taskwell", "Kanbanery", "Orbit & Co"]
        )
    add_prompts(project, 6)
    scan = started(project)

    def delete() -> None:
        with org_scope(project.org_id):
            assert Mention.objects.for_org(project.org_id).exists()
            Brand.objects.for_org(project.org_id).get(pk=brand.pk).delete()

    while_running(delete, when=lambda: bool(mentions_of(scan)))
    assert statuses(scan) == {"succeeded": 6}
    assert not mentions_of(scan)
