"""Putting a project away ends its scan; bringing it back asks nothing by itself."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing import meter
from orgs import upkeep
from orgs.models import Event, Organization
from orgs.scoping import org_scope
from prompts import library
from prompts.llm.simulator.server import Running
from prompts.models import Project, Prompt
from scans.launch import CannotStart, retry_failed
from scans.models import Scan
from tests.scans.made import make_answer, make_scan
from tests.scans.running import add_prompts, reread, run, started, statuses
from tests.screens import ClientOf

URL = ("acme", "lumenboard")


@pytest.fixture
def client(client_of: ClientOf, admin: User) -> Client:
    return client_of(admin)


@pytest.fixture
def scan(project: Project, simulator: Running) -> Scan:
    add_prompts(project, 3)
    return started(project)


def archive(project: Project) -> None:
    with org_scope(project.org_id):
        assert library.archive_project(project, actor=None)


def reload(project: Project) -> Project:
    with org_scope(project.org_id):
        return Project.objects.for_org(project.org_id).get(pk=project.pk)


def events(org: Organization) -> list[tuple[str, int | None]]:
    with org_scope(org):
        return [(event.name, event.actor_id) for event in Event.objects.for_org(org).order_by("pk")]


def test_archiving_cancels_the_scan_that_runs(client: Client, scan: Scan, org: Organization, admin: User) -> None:
    assert "is cancelled" in client.get(reverse("project-archive", args=URL)).content.decode()
    client.post(reverse("project-archive", args=URL))
    assert (reread(scan).status, statuses(scan)) == ("cancelled", {"cancelled": 3})
    assert events(org)[-2:] == [("project.archived", admin.pk), ("scan.cancelled", admin.pk)]
    with org_scope(org):
        assert meter.level(org.pk, meter.ANSWERS).reserved == 0


def test_archiving_over_the_api_cancels_the_scan_too(client: Client, scan: Scan, project: Project) -> None:
    assert client.delete(f"/api/v1/o/acme/projects/{project.pk}/").status_code == 204
    assert reread(scan).status == "cancelled"


@pytest.mark.django_db(transaction=True)
def test_disabling_an_organization_cancels_what_runs_and_enabling_it_opens_it_again(
    scan: Scan, project: Project, org: Organization, operator: User, simulator: Running
) -> None:
    assert upkeep.disable(org, actor=operator)
    assert reread(scan).status == "cancelled"
    run()
    assert statuses(scan) == {"cancelled": 3}
    assert simulator.stats()["totals"]["requests"] == 0
    assert upkeep.enable(org, actor=operator)
    again = started(project)
    run()
    assert statuses(again) == {"succeeded": 3}


def test_archiving_leaves_other_scans_alone(project: Project, org: Organization) -> None:
    with org_scope(org):
        other = Project.objects.for_org(org).create(org=org, name="Other", slug="other")
    done, elsewhere = make_scan(project), make_scan(other, status="running")
    archive(project)
    assert (reread(done).status, reread(elsewhere).status) == ("done", "running")


def test_an_archived_project_is_restored_from_home(client: Client, project: Project, org: Organization) -> None:
    assert "Archived projects" not in client.get("/o/acme/").content.decode()
    archive(project)
    page = client.get("/o/acme/").content.decode()
    assert "Archived projects" in page
    assert reverse("project-restore", args=URL) in page
    assert client.post(reverse("project-restore", args=URL)).url == reverse("project-overview", args=URL)
    assert reload(project).archived_at is None
    assert events(org)[-1][0] == "project.restored"
    assert client.post(reverse("project-restore", args=URL)).status_code == 404


def test_a_project_whose_name_was_taken_meanwhile_stays_away(client: Client, project: Project) -> None:
    archive(project)
    client.post(reverse("project-add", args=["acme"]), {"name": "LUMENBOARD", "samples": 1})
    response = client.post(reverse("project-restore", args=URL), follow=True)
    assert "There is a project called Lumenboard already" in response.content.decode()
    assert reload(project).archived_at is not None


def test_only_who_may_archive_sees_and_restores(client_of: ClientOf, member: User, project: Project) -> None:
    archive(project)
    client = client_of(member)
    assert "Archived projects" not in client.get("/o/acme/").content.decode()
    assert client.post(reverse("project-restore", args=URL)).status_code == 403
    assert reload(project).archived_at is not None


def test_a_project_put_away_meanwhile_is_not_scanned(project: Project, simulator: Running) -> None:
    add_prompts(project, 1)
    archive(project)
    assert project.archived_at is None  # read before
    with pytest.raises(CannotStart, match="archived"):
        started(project)


def test_failed_answers_of_an_archived_project_stay(project: Project, prompt: Prompt, simulator: Running) -> None:
    scan = make_scan(project, status="failed")
    make_answer(scan, prompt, status="failed", error_kind="timeout")
    archive(project)
    with org_scope(project.org_id), pytest.raises(CannotStart, match="archived"):
        retry_failed(scan, actor=None)
