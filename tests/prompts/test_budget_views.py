"""The pages of budgets and costs."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from billing.meter import month_of
from orgs.models import Event, Organization
from orgs.scoping import org_scope
from prompts import costs, ledger
from prompts.models import Budget, HourCost, HourMark, Project, Spending
from tests.cast import make_org

BUDGETS, COSTS, EXPORT = "/o/acme/budgets/", "/o/acme/costs/", "/o/acme/costs/export/"
PROJECT_BUDGET = "/o/acme/p/lumenboard/budget/"
ClientOf = Callable[[User | None], Client]


def call(org: Organization, *, project: Project | None = None, at: datetime | None = None, **fields: Any) -> None:
    given: dict[str, Any] = {
        "project_id": project.pk if project else None,
        "purpose": "scan",
        "engine": "openai:gpt-5-mini/model",
        "provider": "openai",
        "model": "gpt-5-mini",
        "credential": "env",
        "outcome": "ok",
        "cost": Decimal("0.5"),
        "input_tokens": 100,
        "output_tokens": 900,
        **fields,
    }
    with org_scope(org):
        ledger.book(org.pk, [ledger.Entry(org_id=org.pk, at=at or timezone.now(), fields=given)])


@pytest.fixture
def page(admin: User, client_of: ClientOf) -> Client:
    return client_of(admin)


def test_an_admin_sets_changes_and_removes_the_organizations_budget(page: Client, org: Organization) -> None:
    assert page.post(BUDGETS, {"money": "25.50", "answers": "1000"}).status_code == 302
    body = page.get(BUDGETS).content.decode()
    assert "0.00 of $25.50" in body
    assert "0 of 1,000" in body
    assert page.post(BUDGETS, {"money": "", "answers": "900"}).status_code == 302
    assert page.post(BUDGETS, {"money": "", "answers": ""}).status_code == 302
    with org_scope(org):
        assert not Budget.objects.for_org(org).exists()
        told = [(event.name, event.before, event.after) for event in Event.objects.for_org(org).order_by("pk")]
    assert told == [
        ("budget.saved", None, {"money": "25.50", "answers": 1000}),
        ("budget.saved", {"money": "25.50", "answers": 1000}, {"money": None, "answers": 900}),
        ("budget.removed", {"money": None, "answers": 900}, None),
    ]


def test_a_budget_that_makes_no_sense_is_shown_again(page: Client, project: Project) -> None:
    assert page.post(BUDGETS, {"money": "-1"}).status_code == 422
    assert page.post(PROJECT_BUDGET, {"answers": "many"}).status_code == 422


def test_a_project_has_a_budget_of_its_own(page: Client, org: Organization, project: Project) -> None:
    assert page.post(PROJECT_BUDGET, {"money": "", "answers": "40"}).status_code == 302
    assert "0 of 40" in page.get(PROJECT_BUDGET).content.decode()
    assert "0 of 40" in page.get(BUDGETS).content.decode()
    with org_scope(org):
        assert Budget.objects.for_org(org).get().project_id == project.pk


def test_the_list_says_which_projects_budgets_are_used_up(page: Client, org: Organization, project: Project) -> None:
    page.post(BUDGETS, {"money": "10"})
    page.post(PROJECT_BUDGET, {"money": "1.20"})
    assert "sed up</span>" not in page.get(BUDGETS).content.decode()
    for state in ("Nearly used up</span>", "Used up</span>"):
        call(org, project=project)
        call(org, project=project)
        body = page.get(BUDGETS).content.decode()
        assert body.count(state) == 1, state


def test_a_limit_of_answers_that_stopped_a_scan_does_not_use_up_the_money_beside_it(
    page: Client, org: Organization, project: Project
) -> None:
    page.post(BUDGETS, {"money": "100", "answers": "2"})
    with org_scope(org):
        rows = Spending(org=org, month=month_of(), answers=2, money=Decimal(5), reached_at=timezone.now())
        rows.save(force_insert=True)
    body = page.get(BUDGETS).content.decode()
    assert (body.count("Used up</span>"), body.count("Nearly used up</span>")) == (1, 0)


def test_members_and_viewers_see_neither_budgets_nor_costs(
    member: User, viewer: User, client_of: ClientOf, project: Project
) -> None:
    for user in (member, viewer):
        for address in (BUDGETS, COSTS, PROJECT_BUDGET):
            assert client_of(user).get(address).status_code == 403
        assert client_of(user).post(EXPORT).status_code == 403


def test_a_budget_warns_once_and_again_after_it_was_raised(page: Client, org: Organization, project: Project) -> None:
    def warnings() -> int:
        with org_scope(org):
            return Event.objects.for_org(org).filter(name="budget.warned").count()

    page.post(BUDGETS, {"money": "2"})
    call(org, project=project)
    assert warnings() == 0
    for _ in range(3):
        call(org, project=project)
    assert warnings() == 1
    page.post(BUDGETS, {"money": "4"})
    call(org, purpose="suggest")
    call(org)
    assert warnings() == 1
    call(org)
    assert warnings() == 2
    with org_scope(org):
        assert Spending.objects.for_org(org).get(project=None).money == Decimal("3.5")
        assert Spending.objects.for_org(org).get(project=project).money == Decimal("2")


def test_costs_are_the_same_before_and_after_they_are_summed_up(
    page: Client, org: Organization, project: Project
) -> None:
    call(org, project=project)
    call(org, purpose="suggest", cost=None)
    call(org, project=project, outcome="timeout", cost=None)
    before = page.get(COSTS).content.decode()
    assert costs.sum_up() == 1
    with org_scope(org):
        assert not HourMark.objects.for_org(org).exists()
        assert HourCost.objects.for_org(org).count() == 2
    after = page.get(COSTS).content.decode()
    for body in (before, after):
        assert "$0.50" in body
        assert "and 1 answer without a known price" in body
        assert "unknown" in body
        assert project.name in body
    call(org, project=project, cost=Decimal("0.25"))
    assert "$0.75" in page.get(COSTS).content.decode()


def test_simulated_calls_use_no_money_of_a_budget_and_the_page_says_so(page: Client, org: Organization) -> None:
    page.post(BUDGETS, {"money": "10"})
    assert "Simulated calls" not in page.get(BUDGETS).content.decode()
    call(org, simulated=True, cost=Decimal("7"))
    call(org)
    body = page.get(BUDGETS).content.decode()
    assert "0.50 of $10.00" in body
    assert "Simulated calls take answers of a budget, but no money" in body


def test_simulated_costs_are_kept_apart(page: Client, org: Organization) -> None:
    call(org, simulated=True, cost=Decimal("7"))
    alone = page.get(COSTS).content.decode()
    assert "would have cost" in alone
    assert "$7.00" in alone
    call(org, cost=Decimal("0.5"))
    real = page.get(COSTS).content.decode()
    assert "$7.00" not in real
    assert "$0.50" in real
    assert "$7.00" in page.get(f"{COSTS}?simulated=1").content.decode()


def test_periods_hold_their_days_and_no_others(page: Client, org: Organization) -> None:
    today = timezone.now().astimezone(UTC)
    call(org, at=today - timedelta(days=40), cost=Decimal("3"))
    call(org, at=today - timedelta(days=100), cost=Decimal("9"))
    costs.sum_up()
    assert "No call in this period" in page.get(COSTS).content.decode()
    body = page.get(f"{COSTS}?period=90-days").content.decode()
    assert "$3.00" in body
    assert "$9.00" not in body
    assert "$3.00" not in page.get(f"{COSTS}?period=30-days").content.decode()


def test_the_export_has_every_line_and_runs_no_formula(page: Client, org: Organization, project: Project) -> None:
    with org_scope(org):
        Project.objects.for_org(org).filter(pk=project.pk).update(name='=HYPERLINK("x")')
    call(org, project=project)
    call(org, simulated=True, engine="anthropic:claude-haiku-4-5/model")
    response: Any = page.post(EXPORT, {"period": "30-days"})
    lines = b"".join(response.streaming_content).decode().splitlines()
    assert lines[0].startswith("day,project,purpose,engine,simulated,calls")
    assert len(lines) == 3
    assert any("\"'=HYPERLINK" in line and ",no,1,1,0,100,900,0,0.5" in line for line in lines)
    with org_scope(org):
        assert Event.objects.for_org(org).filter(name="costs.exported").count() == 1


BATCH = {"batched": True, "cost": Decimal("0.5"), "saved": Decimal("0.3")}


def test_what_economy_mode_saved_is_told_before_and_after_it_is_summed_up(page: Client, org: Organization) -> None:
    call(org)
    assert "Saved by economy mode" not in page.get(COSTS).content.decode()
    call(org, **BATCH)
    call(org, **BATCH)
    call(org, at=timezone.now().astimezone(UTC) - timedelta(days=40), **BATCH)
    before = page.get(COSTS).content.decode()
    costs.sum_up()
    after = page.get(COSTS).content.decode()
    for body in (before, after):
        said = " ".join(body.split("Saved by economy mode")[1].split())
        assert "<dd> $0.60 </dd>" in said
        assert "2 answers through batches for $1.00" in said
        assert "What did economy mode save?" in said
    assert "3 answers through batches for $1.50" in page.get(f"{COSTS}?period=90-days").content.decode()


def test_the_export_says_what_economy_mode_saved_in_each_line(page: Client, org: Organization) -> None:
    call(org, **BATCH)
    call(org, engine="anthropic:claude-haiku-4-5/model")
    costs.sum_up()
    call(org, engine="openai:gpt-5.4/model", **BATCH, simulated=True)
    response: Any = page.post(EXPORT, {"period": "30-days"})
    rows = list(csv.DictReader(b"".join(response.streaming_content).decode().splitlines()))
    told = {row["engine"]: (row["batched"], float(row["batched_cost_usd"]), float(row["saved_usd"])) for row in rows}
    assert told == {
        "openai:gpt-5-mini/model": ("1", 0.5, 0.3),
        "openai:gpt-5.4/model": ("1", 0.5, 0.3),
        "anthropic:claude-haiku-4-5/model": ("0", 0, 0),
    }


def test_costs_take_few_queries_however_many_engines(
    page: Client, org: Organization, project: Project, django_assert_max_num_queries: Any
) -> None:
    for nth in range(8):
        call(org, project=project, engine=f"openai:model-{nth}/model", **BATCH)
    page.get(COSTS)
    with django_assert_max_num_queries(15):
        assert "8 answers through batches" in page.get(COSTS).content.decode()


def test_costs_of_another_organization_are_in_none_of_it(page: Client, org: Organization) -> None:
    other = make_org("Globex", "globex")
    call(other, cost=Decimal("5"))
    costs.sum_up()
    assert "No call in this period" in page.get(COSTS).content.decode()
