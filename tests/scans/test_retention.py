"""How answers age: what an organization no longer keeps goes in small steps, and nothing else does."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from orgs.models import Event, Organization
from orgs.scoping import org_scope
from prompts.models import Brand, Project, Prompt
from scans import retention
from scans.models import Answer, Citation, Mention, Scan
from scans.tasks import age_answers
from tests.scans.made import make_answer, make_citation, make_scan


@pytest.fixture
def latest(project: Project, prompt: Prompt) -> Scan:
    scan = make_scan(project)
    make_answer(scan, prompt)
    return scan


def old_scan(project: Project, prompt: Prompt, *, months: int, answers: int = 1, status: str = "done") -> Scan:
    ended = timezone.now() - timedelta(days=31 * months)
    scan = make_scan(project, status=status, total=max(1, answers), finished_at=ended)
    for _ in range(answers):
        make_answer(scan, prompt)
    return scan


def keep(org: Organization, months: int | None) -> None:
    Organization.objects.filter(pk=org.pk).update(retention_months=months)


def left(project: Project) -> list[int]:
    with org_scope(project.org_id):
        return list(Scan.objects.for_org(project.org_id).order_by("pk").values_list("pk", flat=True))


def test_what_is_older_than_it_is_kept_goes_with_all_that_was_found_in_it(
    org: Organization, project: Project, prompt: Prompt, own_brand: Brand, latest: Scan
) -> None:
    gone = old_scan(project, prompt, months=13, answers=0)
    make_citation(make_answer(gone, prompt, names=(own_brand,)), "elsewhere.example")
    kept = old_scan(project, prompt, months=11)
    keep(org, 12)
    assert retention.sweep(seconds=60) == retention.Aged(answers=1, scans=1)
    assert left(project) == sorted([latest.pk, kept.pk])
    with org_scope(org):
        assert Answer.objects.for_org(org).count() == 2
        assert not Mention.objects.for_org(org).exists()
        assert not Citation.objects.for_org(org).exists()
        [event] = Event.objects.for_org(org).filter(name="scan.aged")
    assert event.data["total"] == gone.total


def test_scans_are_kept_for_ever_unless_somebody_says_otherwise(
    org: Organization, project: Project, prompt: Prompt, latest: Scan, settings: Any
) -> None:
    old_scan(project, prompt, months=100)
    assert retention.sweep(seconds=60) == retention.Aged()
    settings.RETENTION_MONTHS = 24
    keep(org, 0)
    assert retention.sweep(seconds=60) == retention.Aged()
    keep(org, None)
    assert retention.sweep(seconds=60).scans == 1
    assert left(project) == [latest.pk]


def test_months_of_one_organization_are_not_those_of_another(
    org: Organization, other_org: Organization, project: Project, prompt: Prompt, latest: Scan
) -> None:
    old = old_scan(project, prompt, months=13)
    keep(other_org, 1)
    assert retention.sweep(seconds=60) == retention.Aged()
    assert left(project) == sorted([latest.pk, old.pk])


def test_the_latest_scan_with_answers_stays_whatever_its_age(
    org: Organization, project: Project, prompt: Prompt
) -> None:
    keep(org, 1)
    older, newest = old_scan(project, prompt, months=30), old_scan(project, prompt, months=20)
    old_scan(project, prompt, months=10, status="cancelled")
    assert retention.sweep(seconds=60).scans == 1
    assert older.pk not in left(project)
    assert newest.pk in left(project)


def test_a_later_scan_without_any_answer_is_no_reason_to_lose_the_last_one_with_some(
    org: Organization, project: Project, prompt: Prompt
) -> None:
    """Such as one that a budget stopped before its first answer."""
    keep(org, 1)
    measured = old_scan(project, prompt, months=20)
    stopped = make_scan(project, status="partial", total=1, finished_at=timezone.now())
    make_answer(stopped, prompt, status="failed", error_kind="budget")
    assert retention.sweep(seconds=60) == retention.Aged()
    assert measured.pk in left(project)


def test_open_scan_is_never_aged(org: Organization, project: Project, prompt: Prompt, latest: Scan) -> None:
    keep(org, 1)
    reopened = old_scan(project, prompt, months=30)
    with org_scope(org):
        Scan.objects.for_org(org).filter(pk=reopened.pk).update(status="running")
    assert retention.due(limit=10) == []
    assert retention.age_some(org.pk, reopened.pk, limit=10) == 0
    assert reopened.pk in left(project)


def test_answers_go_a_few_at_a_time_and_a_sweep_ends_when_its_time_is_up(
    org: Organization, project: Project, prompt: Prompt, latest: Scan
) -> None:
    keep(org, 1)
    scan = old_scan(project, prompt, months=2, answers=5)
    assert retention.age_some(org.pk, scan.pk, limit=2) == 2
    with org_scope(org):
        assert Answer.objects.for_org(org).filter(scan=scan).count() == 3
    assert retention.sweep(seconds=-1) == retention.Aged(answers=3, more=True)
    assert retention.sweep(seconds=60) == retention.Aged(scans=1)


def test_the_task_ages_what_is_due(org: Organization, project: Project, prompt: Prompt, latest: Scan) -> None:
    keep(org, 1)
    old_scan(project, prompt, months=2)
    age_answers()
    assert left(project) == [latest.pk]


def test_operators_set_the_months_of_an_organization(org: Organization, operator: User, client_of: Any) -> None:
    client: Client = client_of(operator)
    address = reverse("admin:orgs_organization_change", args=[org.pk])
    response = client.post(address, {"name": org.name, "retention_months": "18"})
    assert response.status_code == 302
    org.refresh_from_db()
    assert org.retention_months == 18
    with org_scope(org):
        [event] = Event.objects.for_org(org).filter(name="org.retention_changed")
    assert (event.before, event.after) == ({"months": None}, {"months": 18})
