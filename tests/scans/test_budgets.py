"""A budget stops a scan to the answer, says so, and lets it go on; nothing that dies takes a part of it along."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from orgs.models import Event, Organization
from orgs.scoping import org_scope
from prompts import budgets
from prompts.llm.simulator.server import Running
from prompts.models import Project, Spending
from scans import claims, late, schedule
from scans.due import DueLane
from scans.launch import CannotStart, cancel_scan, resume_scan
from scans.models import Answer, Scan, Schedule
from scans.schedule import ScheduleFields
from tests.scans.running import (
    ENGINES,
    add_prompts,
    answers_of,
    calls,
    events,
    level,
    make_project,
    reread,
    run,
    started,
    statuses,
    while_running,
)

pytestmark = pytest.mark.django_db(transaction=True)


def limit(org: Organization, project: Project | None = None, **limits: Any) -> None:
    with org_scope(org):
        budgets.save_budget(org, project=project, money=limits.get("money"), answers=limits.get("answers"), actor=None)


def spent(org: Organization, project: Project | None = None) -> tuple[int, Decimal]:
    with org_scope(org):
        row = Spending.objects.for_org(org).get(project=project)
    return row.answers, row.money


def let_be_due(scan: Scan) -> None:
    with org_scope(scan.org_id):
        Answer.objects.for_org(scan.org_id).filter(scan=scan).update(due_at=timezone.now() - timedelta(seconds=1))


def test_a_scan_is_stopped_to_the_answer(org: Organization, project: Project, simulator: Running) -> None:
    add_prompts(project, 20)
    limit(org, answers=7)
    scan = started(project)
    run()
    scan = reread(scan)
    assert statuses(scan) == {"succeeded": 7, "failed": 13}
    assert scan.status == "partial"
    assert scan.budget_stop
    assert scan.budget_stop["limit"] == "answers"
    assert simulator.stats()["totals"]["requests"] == 7
    assert {answer.error_kind for answer in answers_of(scan)} == {"", "budget"}
    assert level(org) == (7, 0)
    assert spent(org) == spent(org, project) == (7, 0)
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


def told(org: Organization, what: str) -> list[tuple[int | None, int]]:
    """The events' targets, and how many answers they speak of."""
    with org_scope(org):
        rows = Event.objects.for_org(org).filter(name=what).order_by("pk")
        return [(row.target_id, row.data["answers_limit"]) for row in rows]


def test_a_projects_budget_warns_once_tells_once_that_it_is_used_up_and_again_after_it_is_raised(
    org: Organization, project: Project, simulator: Running
) -> None:
    add_prompts(project, 16)
    limit(org, project, answers=5)
    scan = started(project)
    run()
    assert told(org, "project_budget.warned") == told(org, "project_budget.reached") == [(project.pk, 5)]
    with org_scope(org), pytest.raises(CannotStart):
        resume_scan(reread(scan), actor=None)
    for higher in (10, 11):
        limit(org, project, answers=higher)
        with org_scope(org):
            assert resume_scan(reread(scan), actor=None)
        run()
        assert statuses(scan)["succeeded"] == higher
    assert told(org, "project_budget.warned") == [(project.pk, 5), (project.pk, 10)], "of 11, 10 were used already"
    assert told(org, "project_budget.reached") == [(project.pk, 5), (project.pk, 10), (project.pk, 11)]
    assert told(org, "budget.warned") == told(org, "budget.reached") == []


def test_two_scans_that_one_budget_stops_are_told_of_it_once(
    org: Organization, project: Project, simulator: Running
) -> None:
    other = make_project(project, "second")
    add_prompts(project, 4)
    add_prompts(other, 4)
    limit(org, answers=3)
    scans = [started(one) for one in (project, other)]
    run()
    assert [reread(scan).budget_stop is not None for scan in scans] == [True, True]
    assert told(org, "budget.warned") == told(org, "budget.reached") == [(None, 3)]


def test_money_is_not_overspent_when_no_answer_costs_more_than_it_may(
    org: Organization, project: Project, paid: Running
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


def test_a_budget_of_money_that_stopped_a_scan_says_so_though_a_rest_is_left(
    org: Organization, project: Project, paid: Running, admin: User, client_of: Callable[[User], Client]
) -> None:
    add_prompts(project, 5)
    limit(org, project, money=Decimal("0.06"))
    started(project, engines=ENGINES[:1])
    run()
    assert 0 < spent(org, project)[1] < Decimal("0.06")
    page, own = client_of(admin), "/o/acme/p/lumenboard/budget/"
    stopped = "This budget stopped a scan"
    assert stopped in page.get(own).content.decode()
    assert "Nearly used up" in page.get("/o/acme/budgets/").content.decode()
    limit(org, project, money=Decimal("10"))
    assert stopped not in page.get(own).content.decode()


def test_simulated_calls_take_answers_of_a_budget_and_no_money(
    org: Organization, project: Project, simulator: Running
) -> None:
    """What a simulated answer would cost must not keep a real one from being asked."""
    add_prompts(project, 5)
    limit(org, project, money=Decimal("0.01"))
    scan = started(project, engines=ENGINES[:1])
    run()
    assert sum(call.cost or 0 for call in calls(project)) > Decimal("0.01")
    assert statuses(scan) == {"succeeded": 5}
    assert spent(org) == spent(org, project) == (5, 0)


def test_the_page_says_which_budget_stopped_it_and_resumes_it(
    org: Organization, project: Project, simulator: Running, admin: User, client_of: Callable[[User], Client]
) -> None:
    add_prompts(project, 5)
    limit(org, project, answers=2)
    scan = started(project)
    run()
    page, address = client_of(admin), f"/o/acme/p/lumenboard/scans/{scan.pk}/"
    body = page.get(address).content.decode()
    assert "The project&#x27;s budget of 2 answers a month is used up. It starts anew on" in body
    assert "2 of 5 answered, 3 not asked" in body
    assert "Resume: 3 answers" in body
    assert page.post(f"{address}resume/").status_code == 402
    limit(org, project, answers=4)
    assert page.post(f"{address}resume/").status_code == 302
    assert reread(scan).budget_stop is None
    run()
    assert statuses(scan) == {"succeeded": 4, "failed": 1}
    assert reread(scan).status == "partial"


def test_what_a_budget_stopped_is_nowhere_called_failed(
    org: Organization, project: Project, simulator: Running, admin: User, client_of: Callable[[User], Client]
) -> None:
    add_prompts(project, 5)
    limit(org, project, answers=2)
    started(project)
    run()
    listed = client_of(admin).get("/o/acme/p/lumenboard/scans/").content.decode()
    assert "2 of 5, 3 not asked</bdi>" in listed
    assert "3 failed" not in listed
    assert "none failed" in client_of(admin).get("/o/acme/p/lumenboard/").content.decode()


def test_the_api_says_which_budget_stopped_a_scan_and_resumes_it(
    org: Organization, project: Project, simulator: Running, admin: User, client_of: Callable[[User], Client]
) -> None:
    add_prompts(project, 3)
    limit(org, answers=1)
    scan = started(project)
    run()
    page, address = client_of(admin), f"/api/v1/o/acme/scans/{scan.pk}/"
    told = page.get(address).json()
    assert told["status"] == "partial"
    assert told["budget_stop"]["limit"] == "answers"
    assert told["budget_stop"]["amount"] == "1"
    assert told["budget_stop"]["project"] is None
    assert page.post(f"{address}resume/").status_code == 402
    limit(org)
    assert page.post(f"{address}resume/").json() == {"resumed": 2}


def test_nothing_starts_where_nothing_is_left(org: Organization, project: Project, simulator: Running) -> None:
    add_prompts(project, 3)
    limit(org, answers=0)
    with pytest.raises(CannotStart) as refused:
        started(project)
    assert refused.value.code == "budget"


def test_a_failed_answer_takes_no_place_and_a_retried_one_takes_one(
    org: Organization, project: Project, simulator: Running
) -> None:
    add_prompts(project, 6)
    limit(org, answers=4)
    simulator.fault("500", times=3)
    scan = started(project)
    run()
    assert statuses(scan) == {"succeeded": 4, "failed": 2}
    assert simulator.stats()["totals"]["requests"] == 7
    assert spent(org)[0] == 4


def test_what_is_under_way_counts_although_its_scan_is_cancelled(
    org: Organization, project: Project, simulator: Running
) -> None:
    """Asked and answered is paid for: cancelling over and over asks no more of a provider than the budget has."""
    add_prompts(project, 4)
    limit(org, answers=6)
    simulator.options(latency=1.0)
    scan = started(project)

    def cancel() -> None:
        with org_scope(org):
            assert cancel_scan(reread(scan), actor=None)
        simulator.options(latency=0.0)
        again.append(started(project))

    again: list[Scan] = []
    while_running(cancel, when=lambda: simulator.stats()["totals"]["in_flight"] == 4)
    while run():
        pass
    assert statuses(again[0]) == {"succeeded": 2, "failed": 2}
    assert simulator.stats()["totals"]["requests"] == spent(org)[0] == 6
    assert {(one.held_month, one.held_cost) for one in answers_of(scan)} == {(None, None)}


def test_what_was_cancelled_before_it_was_asked_holds_nothing(
    org: Organization, project: Project, simulator: Running
) -> None:
    add_prompts(project, 4)
    limit(org, answers=3)
    scan = started(project)
    wanted = [DueLane(answers_of(scan)[0].lane, answers_of(scan)[0].engine, suspect=False, org_id=org.pk, count=2)]
    held = claims.claim(wanted)
    with org_scope(org):
        cancel_scan(scan, actor=None)
    again = started(project)
    assert len(claims.claim([replace(wanted[0], count=4)])) == 1
    claims.give_back(held, asked=False)
    let_be_due(again)
    assert len(claims.claim([replace(wanted[0], count=4)])) == 2


def test_a_hold_of_a_cancelled_answer_ends_when_no_call_can_be_under_way(
    org: Organization, project: Project, simulator: Running
) -> None:
    add_prompts(project, 2)
    limit(org, answers=2)
    scan = started(project)
    wanted = [DueLane(answers_of(scan)[0].lane, answers_of(scan)[0].engine, suspect=False, org_id=org.pk, count=2)]
    assert len(claims.claim(wanted)) == 2
    with org_scope(org):
        cancel_scan(scan, actor=None)
    again = started(project)
    assert claims.claim(wanted) == []
    let_be_due(again)
    with org_scope(org):
        long_ago = timezone.now() - timedelta(seconds=late.longest())
        Answer.objects.for_org(org).filter(scan=scan).update(finished_at=long_ago)
    assert len(claims.claim(wanted)) == 2


def test_what_a_killed_worker_held_comes_back(org: Organization, project: Project, simulator: Running) -> None:
    """Claimed and never heard of again: the lease runs out, the place is free, and nothing is asked beyond it."""
    add_prompts(project, 8)
    limit(org, answers=5)
    scan = started(project)
    lane, engine = answers_of(scan)[0].lane, answers_of(scan)[0].engine
    wanted = [DueLane(lane, engine, suspect=False, org_id=org.pk, count=3)]
    assert len(claims.claim(wanted)) == 3
    assert len(claims.claim([replace(wanted[0], count=5)])) == 2  # what is left, whoever asks
    assert reread(scan).status == "running"
    with org_scope(org):
        Answer.objects.for_org(org).filter(status="claimed").update(lease_until=timezone.now() - timedelta(seconds=1))
    assert claims.expire() == 5
    run()
    assert statuses(scan) == {"succeeded": 5, "failed": 3}
    assert simulator.stats()["totals"]["requests"] == 5


def test_an_answer_counts_in_the_month_in_which_it_was_claimed(
    org: Organization, project: Project, paid: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The month changes between its claim and its end: what it held there is what it uses there."""
    add_prompts(project, 2)
    limit(org, answers=2)
    started(project)
    claimed = claims.claim

    def last_month(wanted: Sequence[DueLane]) -> list[claims.Claimed]:
        held = claimed(wanted)
        with org_scope(org):
            Answer.objects.for_org(org).filter(pk__in=[one.id for one in held]).update(held_month=date(2026, 1, 1))
        return held

    monkeypatch.setattr(claims, "claim", last_month)
    run()
    with org_scope(org):
        rows = {row.month: row for row in Spending.objects.for_org(org).filter(project=None)}
    assert rows[date(2026, 1, 1)].answers == 2
    assert rows[date(2026, 1, 1)].money == sum(call.cost or 0 for call in calls(project)) > 0
    assert sum(row.answers for row in rows.values()) == 2


def test_parallel_claims_never_hold_more_than_the_budget(
    org: Organization, project: Project, simulator: Running
) -> None:
    """Every thread claims and gives back in turn; at no moment more is held than there is."""
    add_prompts(project, 40)
    limit(org, project, answers=7)
    limit(org, answers=9)
    scan = started(project)
    first = answers_of(scan)[0]
    wanted = [DueLane(first.lane, first.engine, suspect=False, org_id=org.pk, count=4)]
    most: list[int] = []

    def work() -> None:
        try:
            for _ in range(6):
                held = claims.claim(wanted)
                most.append(statuses(scan)["claimed"])
                claims.give_back(held, asked=False)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 24
    assert 0 < max(most) <= 7
    assert statuses(scan) == {"pending": 40}
    assert {answer.attempts for answer in answers_of(scan)} == {0}


def test_a_scheduled_scan_that_meets_an_empty_budget_says_so(
    org: Organization, project: Project, simulator: Running
) -> None:
    add_prompts(project, 2)
    limit(org, answers=0)
    with org_scope(org):
        fields = ScheduleFields(cadence="daily", time_of_day=time(2), weekday=0, cron="", time_zone="UTC")
        saved = schedule.save_schedule(project, fields, actor=None)
        Schedule.objects.for_org(org).filter(pk=saved.pk).update(
            next_slot_at=timezone.now() - timedelta(minutes=1), next_start_at=timezone.now() - timedelta(minutes=1)
        )
    assert schedule.start_due() == 0
    with org_scope(org):
        (skipped,) = Event.objects.for_org(org).filter(name="schedule.skipped")
        assert "budget of 0 answers" in Schedule.objects.for_org(org).get().failure
    assert skipped.data["code"] == "budget"
