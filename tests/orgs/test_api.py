"""The API: one door for every resource, and the same rules as in the browser."""

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from billing.models import Usage
from orgs.models import Event, Membership, Organization
from orgs.rest import OrgViewSet
from orgs.roles import Permission, Role
from orgs.scoping import org_scope
from prompts.api import ProjectViewSet
from prompts.models import Brand, Project, Prompt
from scans.models import Scan
from tests.cast import make_prompt
from tests.scans.made import make_answer, make_citation, make_scan
from tests.screens import ClientOf

ROOT = "/api/v1/o/acme/"


def call(client: Client, method: str, path: str, data: Any = None) -> HttpResponse:
    body = {} if data is None else {"data": json.dumps(data), "content_type": "application/json"}
    return getattr(client, method)(f"{ROOT}{path}", **body)


@pytest.fixture
def member_client(client_of: ClientOf, member: User) -> Client:
    return client_of(member)


@pytest.fixture
def simulated(settings: Any) -> None:
    settings.SIMULATOR_URL = "http://127.0.0.1:1"


@pytest.fixture
def everything(project: Project, own_brand: Brand, prompt: Prompt) -> dict[str, int]:
    scan = make_scan(project)
    answer = make_answer(scan, prompt, names=(own_brand,))
    make_citation(answer, "a.example")
    return {
        "projects": project.pk,
        "brands": own_brand.pk,
        "prompts": prompt.pk,
        "scans": scan.pk,
        "answers": answer.pk,
    }


RESOURCES = ("projects", "brands", "prompts", "scans", "answers")


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_viewer_reads_lists_and_rows(
    client_of: ClientOf, viewer: User, everything: dict[str, int], resource: str
) -> None:
    client = client_of(viewer)
    listed = call(client, "get", f"{resource}/").json()
    assert [row["id"] for row in listed["results"]] == [everything[resource]]
    row = call(client, "get", f"{resource}/{everything[resource]}/").json()
    assert row["id"] == everything[resource]
    assert "org" not in row


@pytest.mark.parametrize("resource", RESOURCES)
def test_strangers_outsiders_and_unknown_rows(
    client_of: ClientOf, viewer: User, outsider: User, everything: dict[str, int], resource: str
) -> None:
    path = f"{resource}/{everything[resource]}/"
    assert call(client_of(None), "get", path).status_code == 401
    assert call(client_of(outsider), "get", path).status_code == 404
    assert call(client_of(viewer), "get", f"{resource}/{2**70}/").status_code == 404
    assert call(client_of(viewer), "put", path, {}).status_code == 405
    assert call(client_of(viewer), "options", path).status_code == 405


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "projects/"),
        ("patch", "projects/{projects}/"),
        ("delete", "projects/{projects}/"),
        ("post", "brands/"),
        ("patch", "brands/{brands}/"),
        ("delete", "brands/{brands}/"),
        ("post", "prompts/"),
        ("patch", "prompts/{prompts}/"),
        ("delete", "prompts/{prompts}/"),
        ("post", "scans/"),
        ("post", "scans/{scans}/cancel/"),
        ("post", "scans/{scans}/retry/"),
    ],
)
def test_a_viewer_writes_nothing(
    client_of: ClientOf, viewer: User, everything: dict[str, int], org: Organization, method: str, path: str
) -> None:
    response = call(client_of(viewer), method, path.format(**everything), {})
    assert response.status_code == 403
    assert "role" in response.json()["detail"]
    with org_scope(org):
        assert not Event.objects.for_org(org).exists()


def test_a_member_may_not_create_projects_but_an_admin_may(
    member_client: Client, client_of: ClientOf, admin: User, org: Organization
) -> None:
    data = {"name": "Kite", "country": "de", "samples": 2}
    assert call(member_client, "post", "projects/", data).status_code == 403
    response = call(client_of(admin), "post", "projects/", data)
    assert response.status_code == 201
    assert (response.json()["slug"], response.json()["country"]) == ("kite", "DE")
    assert call(client_of(admin), "post", "projects/", data).status_code == 409


def test_engines_are_checked(member_client: Client, project: Project, simulated: None) -> None:
    path = f"projects/{project.pk}/"
    refused = call(member_client, "patch", path, {"engines": ["openai:nothing/model"]})
    assert refused.status_code == 400
    assert "openai:nothing/model" in refused.json()["engines"][0]
    taken = call(member_client, "patch", path, {"engines": ["openai:gpt-5.4/model"] * 2})
    assert taken.json()["engines"] == ["openai:gpt-5.4/model"]


def test_a_part_is_changed_and_the_rest_stays(member_client: Client, own_brand: Brand) -> None:
    response = call(member_client, "patch", f"brands/{own_brand.pk}/", {"domains": ["https://WWW.New.example/x"]})
    assert response.json()["domains"] == ["new.example"]
    assert (response.json()["aliases"], response.json()["is_own"]) == (["Lumen Board"], True)


def test_brands_come_and_go(member_client: Client, own_brand: Brand, project: Project) -> None:
    data = {"project": project.pk, "name": "Taskwell", "aliases": ["TW Boards"]}
    response = call(member_client, "post", "brands/", data)
    assert response.status_code == 201
    assert call(member_client, "post", "brands/", data).status_code == 409
    assert call(member_client, "post", "brands/", {**data, "name": "Third", "is_own": True}).status_code == 409
    assert call(member_client, "delete", f"brands/{response.json()['id']}/").status_code == 204
    assert call(member_client, "delete", f"brands/{response.json()['id']}/").status_code == 404


def test_prompts_are_added_changed_and_archived(member_client: Client, project: Project, org: Organization) -> None:
    data = {"project": project.pk, "text": " Which  board? ", "tags": ["a", "A", "b"], "is_active": False}
    created = call(member_client, "post", "prompts/", data)
    assert (created.status_code, created.json()["text"], created.json()["tags"]) == (201, "Which board?", ["a", "b"])
    assert created.json()["is_active"] is False
    assert call(member_client, "post", "prompts/", data).status_code == 409
    path = f"prompts/{created.json()['id']}/"
    assert call(member_client, "patch", path, {"text": "Other?"}).json()["tags"] == ["a", "b"]
    assert call(member_client, "delete", path).status_code == 204
    assert call(member_client, "get", path).json()["archived_at"]


@pytest.mark.parametrize(
    ("resource", "field", "value"),
    [
        ("prompts", "text", "a\0b"),
        ("prompts", "text", "x" * 10_000),
        ("prompts", "text", "\ud800"),
        ("prompts", "text", ""),
        ("prompts", "text", ["list"]),
        ("prompts", "tags", "not a list"),
        ("prompts", "tags", ["x" * 41]),
        ("prompts", "country", "Narnia"),
        ("prompts", "project", 2**70),
        ("prompts", "project", "abc"),
        ("brands", "name", "!!!"),
        ("brands", "name", "a\0b"),
        ("brands", "aliases", ["..."]),
        ("brands", "domains", ["127.0.0.1"]),
    ],
)
def test_a_bad_value_is_400_for_its_field(
    member_client: Client, project: Project, resource: str, field: str, value: Any
) -> None:
    data = {"project": project.pk, "text": "Which?", "name": "Fine", field: value}
    response = call(member_client, "post", f"{resource}/", data)
    assert response.status_code == 400
    assert list(response.json()) == [field]


@pytest.mark.parametrize("body", ["{", "[]", '"text"', "null", "\x00"])
def test_a_body_that_is_no_object_is_400(member_client: Client, project: Project, body: str) -> None:
    response = member_client.post(f"{ROOT}prompts/", data=body, content_type="application/json")
    assert response.status_code == 400


def test_a_row_of_another_organization_cannot_be_named(
    member_client: Client, other_org: Organization, project: Project
) -> None:
    with org_scope(other_org):
        foreign = Project.objects.for_org(other_org).create(org=other_org, name="Theirs", slug="theirs")
        prompt = make_prompt(foreign, "Theirs?")
    response = call(member_client, "post", "prompts/", {"project": foreign.pk, "text": "Mine?"})
    assert (response.status_code, list(response.json())) == (400, ["project"])
    assert call(member_client, "get", f"prompts/{prompt.pk}/").status_code == 404
    assert call(member_client, "get", f"prompts/?project={foreign.pk}").json()["results"] == []


def test_a_prompt_cannot_move_to_another_project(member_client: Client, prompt: Prompt, org: Organization) -> None:
    with org_scope(org):
        other = Project.objects.for_org(org).create(org=org, name="Other", slug="other")
    response = call(member_client, "patch", f"prompts/{prompt.pk}/", {"project": other.pk})
    assert response.status_code == 400


def test_rows_of_archived_projects_are_gone(client_of: ClientOf, admin: User, everything: dict[str, int]) -> None:
    client = client_of(admin)
    assert call(client, "delete", f"projects/{everything['projects']}/").status_code == 204
    for resource in RESOURCES:
        assert call(client, "get", f"{resource}/").json()["results"] == [], resource


def test_pages_follow_a_cursor(member_client: Client, project: Project) -> None:
    with org_scope(project.org_id):
        for number in range(7):
            make_prompt(project, f"Question {number}?")
    url, seen = f"{ROOT}prompts/?page_size=3&project={project.pk}", []
    while url:
        page = member_client.get(url).json()
        seen += [row["text"] for row in page["results"]]
        url = page["next"]
    assert seen == [f"Question {number}?" for number in reversed(range(7))]
    assert call(member_client, "get", "prompts/?cursor=nonsense").status_code == 404
    assert call(member_client, "get", "prompts/?project=abc").status_code == 404
    assert call(member_client, "get", "answers/?scan=abc").status_code == 404


@pytest.mark.parametrize("cursor", ["cD1hYmM=", "cD0lMDA=", "cD0tMQ==", "cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk="])
def test_a_cursor_that_is_no_id_is_404(member_client: Client, project: Project, cursor: str) -> None:
    for resource in RESOURCES:
        assert call(member_client, "get", f"{resource}/?cursor={cursor}").status_code == 404, resource


@pytest.mark.parametrize("name", ["...", "\u200b\u200b", "a\0b", "x" * 121])
def test_a_project_name_that_the_form_refuses_is_400(
    client_of: ClientOf, admin: User, org: Organization, name: str
) -> None:
    response = call(client_of(admin), "post", "projects/", {"name": name})
    assert (response.status_code, list(response.json())) == (400, ["name"])


def test_a_project_name_is_cleaned_as_in_the_form(client_of: ClientOf, admin: User, org: Organization) -> None:
    response = call(client_of(admin), "post", "projects/", {"name": " Blue\u202e  Kite\u200b "})
    assert (response.status_code, response.json()["name"]) == (201, "Blue Kite")


def test_a_scan_is_started_watched_and_cancelled(
    member_client: Client, project: Project, prompt: Prompt, simulated: None
) -> None:
    created = call(member_client, "post", "scans/", {"project": project.pk, "samples": 2})
    assert (created.status_code, created.json()["total"], created.json()["source"]) == (201, 2, "api")
    pk = created.json()["id"]
    again = call(member_client, "post", "scans/", {"project": project.pk})
    assert (again.status_code, "already running" in again.json()["detail"]) == (409, True)
    assert len(call(member_client, "get", f"answers/?scan={pk}").json()["results"]) == 2
    assert call(member_client, "post", f"scans/{pk}/cancel/").json()["status"] == "cancelled"
    assert call(member_client, "post", f"scans/{pk}/cancel/").status_code == 409
    assert call(member_client, "post", f"scans/{pk}/retry/").json() == {"retried": 0}


def test_failed_answers_are_retried(member_client: Client, project: Project, prompt: Prompt, simulated: None) -> None:
    scan = make_scan(project, status="failed")
    make_answer(scan, prompt, status="failed", error_kind="timeout", error="Too slow.")
    assert call(member_client, "post", f"scans/{scan.pk}/retry/").json() == {"retried": 1}


@pytest.mark.parametrize(
    ("data", "said"),
    [({"samples": 0}, "samples"), ({"engines": []}, "engines"), ({"engines": ["x:y/model"]}, "detail"), ({}, "detail")],
)
def test_a_scan_that_cannot_start_is_400(
    member_client: Client, project: Project, org: Organization, simulated: None, data: dict[str, Any], said: str
) -> None:
    response = call(member_client, "post", "scans/", {"project": project.pk, **data})
    assert response.status_code == 400
    assert said in response.json()
    with org_scope(org):
        assert not Scan.objects.for_org(org).exists()


def test_over_quota_is_402_and_leaves_nothing(
    member_client: Client, project: Project, prompt: Prompt, org: Organization, simulated: None
) -> None:
    with org_scope(org):
        month = timezone.now().date().replace(day=1)
        Usage.objects.for_org(org).create(org=org, metric="answers", month=month, allowance=0)
    response = call(member_client, "post", "scans/", {"project": project.pk})
    assert response.status_code == 402
    with org_scope(org):
        assert not Scan.objects.for_org(org).exists()
        assert not Event.objects.for_org(org).exists()


def test_a_whole_answer_has_its_mentions_and_citations(
    client_of: ClientOf, viewer: User, everything: dict[str, int]
) -> None:
    answer = call(client_of(viewer), "get", f"answers/{everything['answers']}/").json()
    assert [mention["text"] for mention in answer["mentions"]] == ["Lumenboard"]
    assert [citation["domain"] for citation in answer["citations"]] == ["a.example"]
    assert not {"lane", "lease_token", "lease_until"} & set(answer)


def test_a_write_from_another_site_is_refused(member: User, prompt: Prompt) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(member, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert call(client, "delete", f"prompts/{prompt.pk}/").status_code == 403


def test_an_action_without_a_permission_is_refused(client_of: ClientOf, owner: User, monkeypatch: Any) -> None:
    monkeypatch.setattr(ProjectViewSet, "permissions", {"list": Permission.PROJECTS_VIEW})
    client = client_of(owner)
    assert call(client, "get", "projects/").status_code == 200
    assert call(client, "post", "projects/", {"name": "Kite"}).status_code == 403
    assert issubclass(ProjectViewSet, OrgViewSet)


def test_a_member_of_two_organizations_sees_each_alone(
    client_of: ClientOf, viewer: User, other_org: Organization, project: Project
) -> None:
    with org_scope(other_org):
        Membership.objects.for_org(other_org).create(org=other_org, user=viewer, role=Role.VIEWER)
        Project.objects.for_org(other_org).create(org=other_org, name="Theirs", slug="theirs")
    client = client_of(viewer)
    for slug, name in (("acme", "Lumenboard"), ("globex", "Theirs")):
        assert [row["name"] for row in client.get(f"/api/v1/o/{slug}/projects/").json()["results"]] == [name]


def test_addresses_are_named(project: Project) -> None:
    assert reverse("api-project-detail", args=["acme", project.pk]) == f"{ROOT}projects/{project.pk}/"
