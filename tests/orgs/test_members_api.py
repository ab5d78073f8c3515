"""Members and invitations by the API: the same rules as in the browser."""

from typing import Any

from django.test import Client

from accounts.models import Letter, User
from orgs.models import Invitation, Membership, Organization
from orgs.roles import Role
from orgs.scoping import org_scope
from tests.cast import make_member, prove
from tests.screens import ClientOf

API = "/api/v1/o/acme"


def send(client: Client, method: str, path: str, **data: Any) -> Any:
    return getattr(client, method)(f"{API}/{path}", data, content_type="application/json")


def pk_of(org: Organization, user: User) -> int:
    with org_scope(org):
        return Membership.objects.for_org(org).get(user=user).pk


def test_members_are_listed_and_changed(client_of: ClientOf, org: Organization, admin: User, member: User) -> None:
    client, path = client_of(admin), f"members/{pk_of(org, member)}/"
    shown = client.get(f"{API}/members/").json()["results"]
    assert {row["email"]: row["role"] for row in shown} == {admin.email: "admin", member.email: "member"}
    assert send(client, "patch", path, role="viewer").json()["role"] == "viewer"
    assert send(client, "patch", path, role="owner").status_code == 400
    assert send(client, "delete", path).status_code == 204
    assert send(client, "delete", path).status_code == 404
    assert client_of(member).get(f"{API}/members/").status_code == 404


def test_an_admin_stands_above_nobody_of_their_height(
    client_of: ClientOf, org: Organization, owner: User, admin: User
) -> None:
    peer = make_member(org, Role.ADMIN, "peer@example.com")
    for target in (owner, peer):
        path = f"members/{pk_of(org, target)}/"
        assert send(client_of(admin), "patch", path, role="viewer").status_code == 403
        assert send(client_of(admin), "delete", path).status_code == 403


def test_another_owner_is_unseated_only_by_somebody_who_has_just_confirmed_who_they_are(
    client_of: ClientOf, org: Organization, owner: User
) -> None:
    other = make_member(org, Role.OWNER, "second@acme.example")
    client, path = client_of(owner), f"members/{pk_of(org, other)}/"
    for refused in (send(client, "patch", path, role="viewer"), send(client, "delete", path)):
        assert refused.status_code == 403
        assert "Confirm who you are" in refused.json()["detail"]
    prove(client)
    assert send(client, "patch", path, role="viewer").json()["role"] == "viewer"


def test_the_last_owner_stays(client_of: ClientOf, org: Organization, owner: User) -> None:
    path = f"members/{pk_of(org, owner)}/"
    for refused in (send(client_of(owner), "patch", path, role="admin"), send(client_of(owner), "delete", path)):
        assert refused.status_code == 409
        assert "only owner" in refused.json()["detail"]


def test_somebody_is_invited_and_the_invitation_revoked(client_of: ClientOf, org: Organization, admin: User) -> None:
    client = client_of(admin)
    made = send(client, "post", "invitations/", email="New@example.com", role="viewer")
    assert made.status_code == 201
    assert set(made.json()) == {"id", "email", "role", "sent_at", "expires_at"}
    assert [row["email"] for row in client.get(f"{API}/invitations/").json()["results"]] == ["new@example.com"]
    path = f"invitations/{made.json()['id']}/"
    assert send(client, "delete", path).status_code == 204
    assert send(client, "delete", path).status_code == 404
    assert client.get(f"{API}/invitations/").json()["results"] == []


def test_what_cannot_be_invited_is_refused(
    client_of: ClientOf, org: Organization, admin: User, viewer: User, settings: Any
) -> None:
    client = client_of(admin)
    assert send(client, "post", "invitations/", email="x", role="viewer").status_code == 400
    assert send(client, "post", "invitations/", email="k\u0430te@example.com", role="viewer").status_code == 400
    assert send(client, "post", "invitations/", email="new@example.com", role="owner").status_code == 400
    assert send(client, "post", "invitations/", email=viewer.email, role="member").status_code == 409
    settings.INVITATIONS_PER_DAY = 1
    assert send(client, "post", "invitations/", email="one@example.com", role="viewer").status_code == 201
    refused = send(client, "post", "invitations/", email="two@example.com", role="viewer")
    assert (refused.status_code, "Retry-After" in refused) == (429, True)
    assert [letter.to for letter in Letter.objects.all()] == ["one@example.com"]
    with org_scope(org):
        assert Invitation.objects.for_org(org).count() == 1
