"""Every call that was made stands in the ledger once, together with what became of its answer."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from orgs.scoping import org_scope
from prompts.ledger import Entry, book
from prompts.llm.simulator.server import Running
from prompts.models import LlmCall, Project
from scans import store
from scans.launch import cancel_scan
from scans.models import Scan
from tests.scans.running import (
    ENGINES,
    add_prompts,
    answers_of,
    calls,
    level,
    reread,
    run,
    started,
    statuses,
    while_running,
)
from tests.scans.test_claims import answered, claim

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scan(project: Project, simulator: Running) -> Scan:
    add_prompts(project, 10)
    return started(project, engines=ENGINES[:2])


def test_the_ledger_and_the_answers_agree_to_the_cent(scan: Scan, project: Project, simulator: Running) -> None:
    simulator.fault("500", times=5)
    run()
    answers, booked = answers_of(scan), calls(project)
    assert reread(scan).status == "done"
    assert len(booked) == 25
    assert Counter(call.outcome for call in booked) == {"ok": 20, "server": 5}
    assert sum(call.cost for call in booked if call.cost) == sum(answer.cost for answer in answers if answer.cost)
    good = {call.reference: call.cost for call in booked if call.outcome == "ok"}
    assert good == {f"answer:{answer.pk}": answer.cost for answer in answers}


def test_every_call_is_known_by_the_id_that_its_provider_gave_it(project: Project, simulator: Running) -> None:
    add_prompts(project, 3)
    scan = started(project, engines=ENGINES)
    run()
    booked = calls(project)
    assert len({(call.provider, call.request_id) for call in booked}) == len(booked) == 12
    assert {(f"answer:{one.pk}", one.request_id) for one in answers_of(scan)} == {
        (call.reference, call.request_id) for call in booked
    }


def test_an_answer_that_nobody_wants_any_more_is_paid_for_all_the_same(
    scan: Scan, project: Project, simulator: Running
) -> None:
    """The scan is cancelled while its calls are under way: their answers are refused, their cost is not."""
    simulator.options(latency=1.0)

    def cancel() -> None:
        with org_scope(project.org_id):
            assert cancel_scan(reread(scan), actor=None)

    while_running(cancel, when=lambda: simulator.stats()["totals"]["in_flight"] == 20)
    assert statuses(scan) == {"cancelled": 20}
    assert Counter(call.outcome for call in calls(project)) == {"ok": 20}
    assert len({call.reference for call in calls(project)}) == 20


def test_a_commit_that_was_not_heard_of_books_nothing_twice(
    scan: Scan, project: Project, simulator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks right after the commit: the runner stores the same outcomes again."""
    together, broken = store.Store.__call__, []

    def commit_and_break(self: store.Store, outcomes: Any) -> set[int]:
        refused = together(self, outcomes)
        if not broken:
            broken.append(len(outcomes))
            raise OperationalError("the connection is closed")
        return refused

    monkeypatch.setattr(store.Store, "__call__", commit_and_break)
    run()
    assert broken
    assert reread(scan).status == "done"
    assert len(calls(project)) == 20
    assert len({call.reference for call in calls(project)}) == 20


def test_doubtful_rows_are_told_from_new_ones(project: Project, scan: Scan, simulator: Running) -> None:
    run()
    with org_scope(project.org_id):
        row = LlmCall.objects.for_org(project.org_id).order_by("pk")[0]
        fields = {
            name: getattr(row, name)
            for name in ("project_id", "purpose", "engine", "provider", "model", "credential", "reference", "outcome")
        }
        known = Entry(org_id=project.org_id, at=row.created_at, fields=fields)
        other = Entry(org_id=project.org_id, at=row.created_at, fields={**fields, "reference": "answer:0"})
        book(project.org_id, [known, other], doubtful=True)
    assert Counter(call.reference for call in calls(project))["answer:0"] == 1
    assert Counter(call.reference for call in calls(project))[row.reference] == 1


@pytest.mark.parametrize("tokens", [2**40, -1])
def test_a_call_whose_figures_the_ledger_does_not_take_is_not_made_again(
    project: Project, simulator: Running, caplog: pytest.LogCaptureFixture, tokens: int
) -> None:
    """A server of somebody's own may count as it likes. Its answer ends, and its row is in the log."""
    add_prompts(project, 2)
    scan = started(project)
    good, bad = claim()
    fields = {"purpose": "scan", "engine": bad.engine, "reference": f"answer:{bad.id}", "input_tokens": tokens}
    entry = Entry(org_id=bad.org_id, at=timezone.now(), fields=fields)
    told = answered(bad)
    assert told.reply is not None
    usage = replace(told.reply.usage, input_tokens=tokens)
    outcome = replace(told, reply=replace(told.reply, usage=usage), entry=entry)
    assert store.Store()([answered(good), outcome]) == set()
    assert [(one.status, one.error_kind) for one in answers_of(scan)] == [("succeeded", ""), ("failed", "unstorable")]
    assert level(project.org) == (1, 0)
    assert f"input_tokens={tokens}" in caplog.text
