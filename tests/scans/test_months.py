"""A scan asked again in another month takes that month's allowance, and gives what it does not use back to it."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from billing.meter import month_of
from billing.models import Usage
from orgs.models import Organization
from orgs.scoping import org_scope
from prompts import budgets
from prompts.llm.simulator.server import Running
from prompts.models import Project
from scans import claims, deadlines, sweeping
from scans.due import DueLane
from scans.launch import CannotStart, cancel_scan, resume_scan, retry_failed
from scans.models import Answer, Scan
from tests.scans.running import ENGINES, add_prompts, answers_of, reread, run, started, statuses

pytestmark = pytest.mark.django_db(transaction=True)

THIS = month_of()
LAST = month_of(THIS - timedelta(days=1))
BEFORE = month_of(LAST - timedelta(days=1))


def limit(org: Organization, answers: int | None) -> None:
    with org_scope(org):
        budgets.save_budget(org, project=None, money=None, answers=answers, actor=None)


def stopped(org: Organization, project: Project, *, of: int, after: int) -> Scan:
    """By a budget."""
    add_prompts(project, of)
    limit(org, after)
    scan = started(project, engines=ENGINES[:1])
    run()
    assert statuses(scan) == {"succeeded": after, "failed": of - after}
    limit(org, None)
    return scan


def as_if_in(month: date, scan: Scan) -> Scan:
    """Everything that was reserved and used until now, and the scan itself."""
    at = timezone.now().replace(year=month.year, month=month.month, day=2)
    with org_scope(scan.org_id):
        Scan.objects.for_org(scan.org_id).filter(pk=scan.pk).update(created_at=at)
        Answer.objects.for_org(scan.org_id).filter(scan=scan).update(created_at=at)
        Usage.objects.for_org(scan.org_id).filter(month=THIS).update(month=month)
    return reread(scan)


def asked_again_in(month: date, scan: Scan) -> None:
    """As if it had been then that somebody had it asked again."""
    with org_scope(scan.org_id):
        Answer.objects.for_org(scan.org_id).filter(scan=scan, quota_month=THIS).update(quota_month=month)
        Usage.objects.for_org(scan.org_id).filter(month=THIS).update(month=month)


def usage(org: Organization) -> dict[date, tuple[int, int]]:
    """Used and reserved, by month."""
    with org_scope(org):
        return {row.month: (row.used, row.reserved) for row in Usage.objects.for_org(org)}


def resumed(scan: Scan) -> int:
    with org_scope(scan.org_id):
        return resume_scan(reread(scan), actor=None)


def everything(scan: Scan, *, count: int) -> list[DueLane]:
    first = answers_of(scan)[0]
    return [DueLane(first.lane, first.engine, suspect=False, org_id=scan.org_id, count=count)]


def test_a_stopped_scan_goes_on_with_the_new_months_allowance(
    org: Organization, project: Project, simulator: Running, settings: Any
) -> None:
    settings.MONTHLY_ANSWERS = 10
    scan = as_if_in(LAST, stopped(org, project, of=6, after=2))
    with org_scope(org):
        Usage.objects.for_org(org).update(used=10)  # by other scans meanwhile
    assert resumed(scan) == 4
    assert usage(org) == {LAST: (10, 0), THIS: (0, 4)}
    run()
    assert reread(scan).status == "done"
    assert usage(org) == {LAST: (10, 0), THIS: (4, 0)}


def test_what_the_old_month_has_left_is_not_taken(
    org: Organization, project: Project, simulator: Running, settings: Any
) -> None:
    settings.MONTHLY_ANSWERS = 10
    scan = as_if_in(LAST, stopped(org, project, of=6, after=2))
    with org_scope(org):
        Usage.objects.for_org(org).create(org=org, metric="answers", month=THIS, used=7, allowance=10)
    with pytest.raises(CannotStart, match="4 answers, but 3") as refused:
        resumed(scan)
    following = month_of(THIS + timedelta(days=32))
    assert refused.value.code == "quota"
    assert f"{following:%B %Y}" in str(refused.value)
    assert statuses(scan) == {"succeeded": 2, "failed": 4}
    assert usage(org) == {LAST: (2, 0), THIS: (7, 0)}


def test_failed_answers_are_retried_with_the_new_months_allowance(
    org: Organization, project: Project, simulator: Running
) -> None:
    """Those of its answers that came in the month before stay used in that one."""
    add_prompts(project, 3)
    simulator.fault("400", times=2)
    scan = started(project, engines=ENGINES[:1])
    run()
    assert statuses(scan) == {"succeeded": 1, "failed": 2}
    scan = as_if_in(LAST, scan)
    simulator.fault("400", times=1)
    with org_scope(org):
        assert retry_failed(scan, actor=None) == 2
    assert usage(org) == {LAST: (1, 0), THIS: (0, 2)}
    run()
    assert statuses(scan) == {"succeeded": 2, "failed": 1}
    assert usage(org) == {LAST: (1, 0), THIS: (1, 0)}


def test_a_scan_can_go_on_over_three_months(org: Organization, project: Project, simulator: Running) -> None:
    scan = as_if_in(BEFORE, stopped(org, project, of=6, after=1))
    limit(org, 3)
    resumed(scan)
    run()
    asked_again_in(LAST, scan)
    assert statuses(scan) == {"succeeded": 3, "failed": 3}
    limit(org, None)
    assert resumed(scan) == 3
    run()
    assert usage(org) == {BEFORE: (1, 0), LAST: (2, 0), THIS: (3, 0)}


def test_a_resumed_scan_that_is_cancelled_or_stopped_gives_back_to_the_new_month(
    org: Organization, project: Project, simulator: Running
) -> None:
    scan = as_if_in(LAST, stopped(org, project, of=6, after=2))
    limit(org, 3)
    resumed(scan)
    run()
    assert statuses(scan) == {"succeeded": 3, "failed": 3}
    assert usage(org) == {LAST: (2, 0), THIS: (1, 0)}
    limit(org, None)
    resumed(scan)
    assert usage(org) == {LAST: (2, 0), THIS: (1, 3)}
    with org_scope(org):
        assert cancel_scan(reread(scan), actor=None)
    assert usage(org) == {LAST: (2, 0), THIS: (1, 0)}


def test_a_resumed_scan_that_takes_too_long_gives_back_to_the_new_month(
    org: Organization, project: Project, simulator: Running, settings: Any
) -> None:
    scan = as_if_in(LAST, stopped(org, project, of=4, after=1))
    resumed(scan)
    settings.SCAN_DEADLINE_HOURS = 0
    assert deadlines.end_overdue() == 3
    assert usage(org) == {LAST: (1, 0), THIS: (0, 0)}


def test_a_killed_worker_leaves_every_month_as_it_was_reserved(
    org: Organization, project: Project, simulator: Running
) -> None:
    """Claimed after it was resumed and never heard of again: asked by somebody else, or given up in the end."""
    scan = as_if_in(LAST, stopped(org, project, of=5, after=1))
    resumed(scan)
    assert len(claims.claim(everything(scan, count=3))) == 3
    with org_scope(org):
        held = Answer.objects.for_org(org).filter(scan=scan, status="claimed")
        held.update(lease_until=timezone.now() - timedelta(minutes=5))
        condemned = held.values_list("pk", flat=True)[:1].get()
        Answer.objects.for_org(org).filter(pk=condemned).update(lost_leases=claims.MAX_LOST_LEASES - 1)
    assert sweeping.recover() == 3
    assert usage(org) == {LAST: (1, 0), THIS: (0, 3)}
    run()
    assert statuses(scan) == {"succeeded": 4, "failed": 1}
    assert usage(org) == {LAST: (1, 0), THIS: (3, 0)}


@pytest.mark.parametrize("ends", ["cancelled", "asked", "late"])
def test_open_answers_of_two_months_each_end_in_their_own(
    org: Organization, project: Project, simulator: Running, settings: Any, ends: str
) -> None:
    add_prompts(project, 5)
    scan = as_if_in(LAST, started(project, engines=ENGINES[:1]))
    with org_scope(org):
        Answer.objects.for_org(org).filter(pk__in=[one.pk for one in answers_of(scan)[:2]]).update(quota_month=THIS)
        Usage.objects.for_org(org).update(reserved=3)
        Usage.objects.for_org(org).create(org=org, metric="answers", month=THIS, reserved=2)
    if ends == "cancelled":
        with org_scope(org):
            cancel_scan(reread(scan), actor=None)
    elif ends == "late":
        assert deadlines.end_overdue() == 5
    else:
        run()
    used = {LAST: (3, 0), THIS: (2, 0)} if ends == "asked" else {LAST: (0, 0), THIS: (0, 0)}
    assert usage(org) == used
