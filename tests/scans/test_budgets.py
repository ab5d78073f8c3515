"""A budget stops a scan to the answer, says so, and lets it go on; nothing that dies takes a part of it along."""

from decimal import Decimal
from typing import Any

import pytest

from orgs.models import Organization
from orgs.scoping import org_scope
from prompts import budgets
from prompts.llm.simulator.server import Running
from prompts.models import Project, Spending
from scans.launch import CannotStart, resume_scan
from tests.scans.running import ENGINES, add_prompts, answers_of, calls, events, level, reread, run, started, statuses

pytestmark = pytest.mark.django_db(transaction=True)


def limit(org: Organization, project: Project | None = None, **limits: Any) -> None:
    with org_scope(org):
        budgets.save_budget(org, project=project, money=limits.get("money"), answers=limits.get("answers"), actor=None)


def spent(org: Organization, project: Project | None = None) -> tuple[int, Decimal]:
    with org_scope(org):
        row = Spending.objects.for_org(org).get(project=project)
    return row.answers, row.money


def test_a_scan_is_stopped_to_the_answer(org: Organization, project: Project, simulator: Running) -> None:
    add_prompts(project, 20)
    limit(org, answers=7)
    scan = started(project)
    run()
    scan = reread(scan)
    assert statuses(scan) == {"succeeded": 7, "failed": 13}
    assert scan.status == "partial"
    assert scan.budget_stop["limit"] == "answers"
    assert simulator.stats()["totals"]["requests"] == 7
    assert {answer.error_kind for answer in answers_of(scan)} == {"", "budget"}
    assert level(org) == (7, 0)
    assert spent(org) == spent(org, project) == (7, sum(call.cost or 0 for call in calls(project)))
    assert events(scan, "scan.finished")[0].data["budget_stop"]["amount"] == "7"


def test_a_stopped_scan_goes_on_once_there_is_room(org: Organization, project: Project, simulator: Running) -> None:
    add_prompts(project, 10)
    limit(org, project, answers=4)
    scan = started(project)
    run()
    with org_scope(org), pytest.raises(CannotStart) as refused:
        resume_scan(reread(scan), actor=None)
    assert refused.value.code == "budget"
    limit(org, project, answers=9)
    with org_scope(org):
        assert resume_scan(reread(scan), actor=None) == 6
    run()
    assert statuses(scan) == {"succeeded": 9, "failed": 1}
    limit(org, project)
    with org_scope(org):
        assert resume_scan(reread(scan), actor=None) == 1
    run()
    assert reread(scan).status == "done"
    assert reread(scan).budget_stop is None
    assert simulator.stats()["totals"]["requests"] == 10


def test_money_is_not_overspent_when_no_answer_costs_more_than_it_may(
    org: Organization, project: Project, simulator: Running
) -> None:
    add_prompts(project, 20)
    limit(org, money=Decimal("0.30"))
    scan = started(project, engines=ENGINES[:2])
    run()
    assert reread(scan).status == "partial"
    answers, money = spent(org)
    assert 0 < answers < 40
    assert Decimal("0.1") < money <= Decimal("0.30")
    assert money == sum(call.cost or 0 for call in calls(project))
