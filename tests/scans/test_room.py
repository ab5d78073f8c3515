"""Before a scan starts, on the page and over the API, stands what this month's budgets do not hold of it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from billing.meter import month_of
from orgs.models import Organization
from orgs.scoping import org_scope
from prompts import budgets, library
from prompts.credentials import EngineChoice, save_key
from prompts.estimates import answer_cost
from prompts.llm import catalog
from prompts.models import Project, Prompt, Spending
from scans import holds, room
from scans.forecast import forecast_of
from scans.launch import cancel_scan, start_scan
from scans.models import Answer, Scan
from scans.plan import plan_of, setup_of
from tests.cast import make_prompt
from tests.scans.made import ENGINE
from tests.screens import ClientOf

LIKELY = answer_cost(catalog.get(ENGINE)) or Decimal(0)
SCANS = reverse("scans", args=["acme", "lumenboard"])


@pytest.fixture
def ten(project: Project, settings: Any) -> Project:
    settings.SIMULATOR_URL = "http://127.0.0.1:1"
    with org_scope(project.org_id):
        for number in range(10):
            make_prompt(project, f"Which board is best for team {number}?")
    return project


def limit(org: Organization, project: Project | None = None, **limits: Any) -> None:
    with org_scope(org):
        budgets.save_budget(org, project=project, money=limits.get("money"), answers=limits.get("answers"), actor=None)


def spend(org: Organization, project: Project | None = None, *, answers: int = 0, money: str = "0") -> None:
    with org_scope(org):
        row = Spending(org=org, project=project, month=month_of(), answers=answers, money=Decimal(money))
        row.save(force_insert=True)


def leave(org: Organization, money: Decimal, *, answers: int | None = None) -> None:
    """So much of ten dollars."""
    limit(org, money=Decimal(10), answers=answers)
    with org_scope(org):
        Spending.objects.for_org(org).update_or_create(
            org=org, project=None, month=month_of(), defaults={"money": Decimal(10) - money}
        )


def short(project: Project, *, simulated: bool, asked: int = 10) -> str:
    choice = EngineChoice(engine=catalog.get(ENGINE), available=True, simulated=simulated)
    with org_scope(project.org_id):
        levels = budgets.levels(project.org_id, project=project)
        return str(room.missing(project, levels, forecast_of(project, [choice], asked=asked)))


def test_what_fits_to_the_last_answer_is_not_spoken_of(org: Organization, ten: Project) -> None:
    limit(org, answers=110)
    limit(org, ten, answers=10, money=Decimal(1_000))
    spend(org, answers=100)
    assert short(ten, simulated=True) == ""
    assert "has room for 10 of these 11 answers" in short(ten, simulated=True, asked=11)


@pytest.mark.parametrize(("whole", "own", "said"), [(105, 3, "project's budget"), (102, 7, "organization's budget")])
def test_the_tightest_budget_is_told(org: Organization, ten: Project, whole: int, own: int, said: str) -> None:
    limit(org, answers=whole)
    limit(org, ten, answers=own)
    spend(org, answers=100)
    left = min(whole - 100, own)
    assert f"This month the {said} has room for {left} of these 10 answers." in short(ten, simulated=True)


def test_money_counts_for_what_is_billed_and_is_not_told(org: Organization, ten: Project) -> None:
    limit(org, ten, money=Decimal("500"))
    spend(org, ten, money=str(Decimal("500") - holds.most(ENGINE)))
    said = short(ten, simulated=False, asked=50)
    assert "What is left of the project's budget probably does not hold all of these answers" in said
    assert not any(letter.isdigit() for letter in said)
    assert short(ten, simulated=True, asked=50) == ""


def test_money_is_left_for_what_the_last_answer_is_measured_by(org: Organization, ten: Project) -> None:
    likely, most = LIKELY, holds.most(ENGINE)
    assert most > 2 * likely
    leave(org, 9 * likely + most)
    assert short(ten, simulated=False) == ""
    leave(org, 9 * likely + most - Decimal("0.0001"))
    assert "What is left of the organization's budget" in short(ten, simulated=False)


def test_of_answers_and_money_the_one_that_ends_first_is_told(org: Organization, ten: Project) -> None:
    leave(org, 4 * LIKELY, answers=9)
    assert "What is left of the organization's budget" in short(ten, simulated=False)
    leave(org, 9 * LIKELY, answers=2)
    assert "room for 2 of these 10 answers" in short(ten, simulated=False)


def test_what_runs_already_takes_its_room(org: Organization, ten: Project, admin: User) -> None:
    limit(org, answers=12)
    limit(org, ten, answers=16)
    with org_scope(org):
        other = library.create_project(org, library.ProjectFields(name="Beside"), actor=admin)
        scan = start_scan(ten, source=Scan.Source.BROWSER)
    said = (
        "Beside what is being asked already, the organization's budget has room for 2 of these 10 answers this month."
    )
    assert said in short(other, simulated=True)
    assert said in short(ten, simulated=True)  # of its own there are 6
    with org_scope(org):
        cancel_scan(scan, actor=None)
    assert short(other, simulated=True) == ""


def test_what_runs_in_another_project_takes_nothing_of_a_projects_own(
    org: Organization, ten: Project, admin: User
) -> None:
    with org_scope(org):
        other = library.create_project(org, library.ProjectFields(name="Beside"), actor=admin)
        start_scan(ten, source=Scan.Source.BROWSER)
    limit(org, other, answers=10)
    assert short(other, simulated=True) == ""
    limit(org, ten, answers=10)
    assert "Beside what is being asked already, the project's budget has room for 0 of" in short(ten, simulated=True)


def test_what_runs_and_is_billed_takes_money(org: Organization, ten: Project) -> None:
    leave(org, 14 * LIKELY + holds.most(ENGINE))
    with org_scope(org):
        start_scan(ten, source=Scan.Source.BROWSER)
    assert short(ten, simulated=False, asked=15) == ""  # nobody is billed for the ten that run
    with org_scope(org):
        Answer.objects.for_org(org).update(simulated=False)
    assert "Beside what is being asked already, what is left of the org" in short(ten, simulated=False, asked=6)
    assert short(ten, simulated=False, asked=5) == ""


def test_a_cancelled_answer_under_way_keeps_its_room(org: Organization, ten: Project) -> None:
    limit(org, answers=10)
    with org_scope(org):
        scan = start_scan(ten, source=Scan.Source.BROWSER)
        asked = Answer.objects.for_org(org).earliest("pk")
        Answer.objects.for_org(org).filter(pk=asked.pk).update(
            status="claimed", lease_token=uuid4(), lease_until=timezone.now(), held_month=month_of(), held_cost=0
        )
        cancel_scan(scan, actor=None)
    assert "has room for 9 of these 10 answers" in short(ten, simulated=True)


def test_what_was_asked_last_month_counts_there_unless_it_has_to_be_asked_again(
    org: Organization, ten: Project
) -> None:
    limit(org, answers=15)
    before = month_of(month_of() - timedelta(days=1))
    with org_scope(org):
        start_scan(ten, source=Scan.Source.BROWSER)
        rows = Answer.objects.for_org(org).order_by("pk")
        waiting = list(rows.values_list("pk", flat=True)[:4])
        rows.update(status="claimed", lease_token=uuid4(), lease_until=timezone.now(), held_month=before, held_cost=0)
        assert short(ten, simulated=True, asked=15) == ""
        rows.filter(pk__in=waiting).update(status="pending", lease_token=None, lease_until=None)
    assert "room for 11 of these 15 answers" in short(ten, simulated=True, asked=15)


def test_a_budget_that_is_used_up_stands_where_a_scan_would_be_started(
    org: Organization, ten: Project, client_of: ClientOf, admin: User, member: User
) -> None:
    limit(org, answers=2)
    spend(org, answers=2)
    page = client_of(admin).get(SCANS)
    said = "The organization&#x27;s budget of 2 answers a month is used up."
    assert said in page.content.decode()
    assert "Start scan" not in page.content.decode()
    assert page.context["plan"].budget_url == reverse("budgets", args=["acme"])
    assert page.content.decode().count("See the budget") == 1
    without = client_of(member).get(SCANS).content.decode()
    assert said in without
    assert "See the budget" not in without  # they may not


def test_a_projects_budget_is_named_with_its_own_page_and_undoes_no_step(
    org: Organization, ten: Project, prompt: Prompt
) -> None:
    limit(org, ten, answers=0)
    with org_scope(org):
        plan = plan_of(org, ten, running=None)
        steps = {step.sentence: step.done for step in setup_of(org, ten, brands=[], plan=plan)}
    assert "The project's budget of 0 answers" in plan.problem
    assert (plan.budget_url, plan.problem_url) == (reverse("project-budget", args=["acme", "lumenboard"]), "")
    assert plan.forecast is None
    assert steps["Choose the engines to ask"] is True


def test_a_scan_that_fits_in_part_can_be_started_and_says_where_it_stops(
    org: Organization, ten: Project, client_of: ClientOf, member: User
) -> None:
    limit(org, answers=4)
    page = client_of(member).get(SCANS).content.decode()
    assert "budget has room for 4 of these 10 answers. The scan stops there and can be resumed." in page
    assert "Start scan" in page
    limit(org, answers=10)
    assert "has room for" not in client_of(member).get(SCANS).content.decode()


def test_the_api_tells_the_same(org: Organization, ten: Project, client_of: ClientOf, member: User) -> None:
    def told() -> dict[str, Any]:
        asked = {"project": ten.pk}
        response = client_of(member).post("/api/v1/o/acme/scans/estimate/", asked, content_type="application/json")
        found: dict[str, Any] = response.json()
        return found

    assert (told()["budget"], told()["answers"]) == ("", 10)
    limit(org, answers=4)
    assert "has room for 4 of these 10 answers" in told()["budget"]
    spend(org, answers=4)
    assert "budget of 4 answers a month is used up" in told()["budget"]


def test_own_keys_that_cost_more_than_is_left_are_refused_before_they_are_asked(
    org: Organization, ten: Project, client_of: ClientOf, admin: User
) -> None:
    with org_scope(org):
        save_key(org, provider="openai", api_key="sk-own-0123456789abcdef", actor=admin)
    limit(org, ten, money=Decimal("10"))
    spend(org, ten, money=str(Decimal("10") - holds.most(ENGINE) / 2))
    page = client_of(admin).get(SCANS)
    assert "The project&#x27;s budget of $10.00 a month is used up." in page.content.decode()
    assert page.context["plan"].forecast is None
