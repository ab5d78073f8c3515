"""The door: login, organization, membership, permission, scope, in that order."""

import itertools
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts.models import User
from orgs.access import org_task, org_view
from orgs.models import Organization
from orgs.roles import GRANTS, Permission, Role, grants
from orgs.scoping import current_scope
from prompts.models import Project


@org_view(Permission.KEYS_MANAGE)
def keys(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.org.slug} {request.membership.role} {Project.all_orgs.count()}")  # type: ignore[attr-defined]


@pytest.fixture
def ask(rf: RequestFactory) -> Iterator[object]:
    def asked(user: User | AnonymousUser, slug: str = "acme") -> HttpResponse:
        request = rf.get(f"/o/{slug}/keys/?a=1")
        request.user = user
        return keys(request, org_slug=slug)

    return asked  # type: ignore[return-value]


def test_a_stranger_is_sent_to_sign_in(ask, org: Organization) -> None:
    response = ask(AnonymousUser())
    assert (response.status_code, response.url) == (302, "/accounts/login/?next=/o/acme/keys/%3Fa%3D1")


def test_an_outsider_cannot_tell_the_organization_exists(ask, org: Organization, outsider: User) -> None:
    with pytest.raises(Http404):
        ask(outsider)
    with pytest.raises(Http404):
        ask(outsider, "no-such-organization")


def test_a_member_without_the_permission_is_refused(ask, member: User, viewer: User) -> None:
    for user in (member, viewer):
        with pytest.raises(PermissionDenied, match=r"keys\.manage"):
            ask(user)


def test_an_admin_comes_in_and_sees_the_organizations_rows(ask, admin: User, project: Project) -> None:
    assert ask(admin).content == b"acme admin 1"
    assert current_scope().org_id is None


def test_a_disabled_organization_is_closed_to_its_owner(ask, owner: User, org: Organization) -> None:
    Organization.objects.filter(pk=org.pk).update(disabled_at=timezone.now())
    with pytest.raises(Http404):
        ask(owner)


def test_a_higher_role_may_do_all_that_a_lower_one_may() -> None:
    ladder = [Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER]
    for lower, higher in itertools.pairwise(ladder):
        assert GRANTS[lower] < GRANTS[higher]
    assert all(grants(Role.OWNER, permission) for permission in Permission)


def test_an_org_task_sees_its_organization_only(project: Project, other_org: Organization) -> None:
    seen: list[tuple[str, int]] = []

    @org_task(time_limit=10, name="tests.look")
    def look(org: Organization) -> None:
        seen.append((org.slug, Project.all_orgs.count()))

    look(project.org_id)
    look(other_org.pk)
    look(10**9)  # gone: nothing to do
    assert seen == [("acme", 1), ("globex", 0)]


def test_an_expired_session_leaves_the_page_instead_of_filling_a_part_of_it(client: Client, org: Organization) -> None:
    page = "http://testserver/o/acme/p/lumenboard/scans/1/"
    headers = {"HX-Request": "true", "HX-Current-URL": page}
    response = client.get("/o/acme/p/lumenboard/scans/1/progress/", headers=headers)
    assert response.status_code == 204
    assert response["HX-Redirect"] == "/accounts/login/?next=/o/acme/p/lumenboard/scans/1/"
    elsewhere = client.get("/o/acme/", headers={**headers, "HX-Current-URL": "http://evil.example/x"})
    assert elsewhere["HX-Redirect"] == "/accounts/login/?next=/o/acme/"
    nowhere = client.get("/o/acme/", headers={**headers, "HX-Current-URL": "http://["})
    assert nowhere["HX-Redirect"] == "/accounts/login/?next=/o/acme/"


def test_pages_of_an_organization_are_kept_by_no_cache(client: Client, owner: User) -> None:
    client.force_login(owner, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert "no-store" in client.get("/o/acme/")["Cache-Control"]


def test_operators_sign_in_where_attempts_are_limited(client: Client, operator: User) -> None:
    response = client.get("/operators/login/?next=/operators/")
    assert (response.status_code, response["Location"]) == (302, "/accounts/login/?next=/operators/")
    refused = client.post("/operators/login/", {"username": operator.email, "password": "x"})
    assert refused.status_code == 302
    client.force_login(operator, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get("/operators/").status_code == 200
