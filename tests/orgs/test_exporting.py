"""What organizations hold about somebody is in the export of their account, and nothing of anybody else."""

import io
import json
import zipfile
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.exporting import ask_export, build
from accounts.models import Export, User
from orgs import exporting
from orgs.events import emit
from orgs.members import remove_member
from orgs.models import Invitation, Membership, NotificationPreference, Organization
from orgs.notify import announce
from orgs.scoping import org_scope
from tests.orgs.invited import make_invitation


def exported(user: User) -> dict[str, Any]:
    assert build(ask_export(user).pk)
    content = bytes(Export.objects.filter(user=user).latest("pk").content or b"")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        held: dict[str, Any] = json.loads(archive.read("account.json"))
    return held


def test_everything_that_organizations_hold_about_somebody_is_in_it(
    org: Organization, other_org: Organization, owner: User, admin: User, outsider: User
) -> None:
    make_invitation(org, "friend@example.com", by=admin)
    make_invitation(other_org, admin.email, by=outsider)
    with org_scope(org):
        NotificationPreference.objects.for_org(org).create(
            org=org, user=admin, kind="members", channel="email", enabled=False
        )
        emit(org, "audit.exported", actor=admin, data={"filters": {"q": "what others did"}})
        removed = emit(org, "provider_key.removed", actor=owner)
    announce(org.pk, removed.pk)
    held = exported(admin)
    assert [(row["organization"], row["role"]) for row in held["memberships"]] == [("Acme", "admin")]
    assert [row["email"] for row in held["invitations_sent"]] == ["friend@example.com"]
    assert [(row["organization"], row["email"]) for row in held["invitations_received"]] == [("Globex", admin.email)]
    assert [row["channel"] for row in held["notification_preferences"]] == ["email"]
    assert [row["event_name"] for row in held["notifications"]] == ["provider_key.removed"]
    assert [row["name"] for row in held["acts"]] == ["audit.exported"]
    assert "what others did" not in json.dumps(held)


def test_nothing_of_anybody_else_is_in_it(org: Organization, owner: User, viewer: User, outsider: User) -> None:
    make_invitation(org, "friend@example.com", by=owner)
    with org_scope(org):
        emit(org, "audit.exported", actor=owner)
    for user in (viewer, outsider):
        held = exported(user)
        assert "friend@example.com" not in json.dumps(held)
        assert held["acts"] == []
        assert len(held["memberships"]) == 1


def test_what_somebody_did_where_they_no_longer_are_is_theirs_too(org: Organization, owner: User, admin: User) -> None:
    with org_scope(org):
        emit(org, "audit.exported", actor=admin)
        remove_member(org, Membership.objects.for_org(org).get(user=admin).pk, actor=owner)
    held = exported(admin)
    assert held["memberships"] == []
    assert [(row["organization"], row["name"]) for row in held["acts"]] == [("", "audit.exported")]


def test_an_invitation_that_somebody_sent_where_they_no_longer_are_tells_nothing_of_what_came_later(
    org: Organization, owner: User, admin: User
) -> None:
    make_invitation(org, "friend@example.com", by=admin)
    make_invitation(org, admin.email, by=owner)
    with org_scope(org):
        remove_member(org, Membership.objects.for_org(org).get(user=admin).pk, actor=owner)
        Invitation.objects.for_org(org).filter(email=admin.email).update(accepted_at=timezone.now())
    Organization.objects.filter(pk=org.pk).update(name="Later and secret")
    held = exported(admin)
    [sent], [received] = held["invitations_sent"], held["invitations_received"]
    assert sent.keys() == {"organization", "role", "sent_at"}
    assert received["email"] == admin.email
    assert {sent["organization"], received["organization"]} == {""}
    assert "friend@example.com" not in json.dumps(held)
    assert "Later and secret" not in json.dumps(held)


def test_where_an_operator_was_who_acted_as_somebody_is_not_told(
    client: Client, operator: User, org: Organization, owner: User
) -> None:
    client.force_login(operator, backend="allauth.account.auth_backends.AuthenticationBackend")
    client.post(f"/operators/impersonate/{owner.pk}/", {"reason": "Ticket 4711: the overview stays empty"})
    added = {"name": "Beacon", "samples": "1"}
    assert client.post(reverse("project-add", args=[org.slug]), added, REMOTE_ADDR="198.51.100.77").status_code == 302
    own = Client()
    own.force_login(owner, backend="allauth.account.auth_backends.AuthenticationBackend")
    own.post(reverse("project-add", args=[org.slug]), {**added, "name": "Own"}, REMOTE_ADDR="198.51.100.78")
    acts = [row for row in exported(owner)["acts"] if row["name"] == "project.created"]
    assert [(row["address"], row["by_operator"]) for row in acts] == [("198.51.100.78", False), (None, True)]


def test_long_lists_are_read_in_pieces_and_end_somewhere(
    org: Organization, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PIECE", 2)
    monkeypatch.setattr(exporting, "MOST", 6)
    with org_scope(org):
        written = [emit(org, "audit.exported", actor=admin, data={"n": n}).created_at for n in range(7)]
    acts = exported(admin)["acts"]
    assert len(acts) == 6
    assert acts[0]["created_at"][:23] == written[-1].isoformat()[:23]
