"""What operators do to organizations and members: it asks first, holds the house's rules, and is told."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from accounts.models import User
from orgs.models import Event, Logo, Membership, Organization
from orgs.scoping import org_scope
from tests.cast import make_member

ORGS, MEMBERS = "/operators/orgs/organization/", "/operators/orgs/membership/"


@pytest.fixture
def operators(client_of: Callable[[User], Client], operator: User) -> Client:
    return client_of(operator)


def act(client: Client, path: str, action: str, *rows: Any, confirmed: bool = True) -> Any:
    data = {
        "action": action,
        "_selected_action": [row.pk for row in rows],
        **({"confirmed": "yes"} if confirmed else {}),
    }
    return client.post(path, data)


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def events_of(org: Organization, name: str) -> list[Event]:
    with org_scope(org):
        return list(Event.objects.for_org(org).filter(name=name).order_by("pk"))


def membership_of(org: Organization, user: User) -> Membership | None:
    with org_scope(org):
        return Membership.objects.for_org(org).filter(user=user).first()


def test_an_act_asks_first(operators: Client, org: Organization) -> None:
    response = act(operators, ORGS, "disable", org, confirmed=False)
    page = response.content.decode()
    assert response.status_code == 200
    assert "locked out at once" in page
    assert "Acme" in page
    assert Organization.objects.get(pk=org.pk).disabled_at is None


def test_an_organization_is_disabled_and_enabled(
    operators: Client, operator: User, org: Organization, owner: User, client_of: Callable[[User], Client]
) -> None:
    member_page, client = reverse("members", args=[org.slug]), client_of(owner)
    assert said(act(operators, ORGS, "disable", org)) == ["Acme was disabled."]
    assert client.get(member_page).status_code == 404
    assert said(act(operators, ORGS, "disable", org))[-1] == "Acme was disabled before."
    assert said(act(operators, ORGS, "enable", org))[-1] == "Acme was enabled."
    assert client.get(member_page).status_code == 200
    assert [event.actor for event in events_of(org, "org.disabled")] == [operator]
    assert [event.actor for event in events_of(org, "org.enabled")] == [operator]


def test_too_many_at_once_are_refused(
    operators: Client, org: Organization, other_org: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.backstage.ACTED_ON", 1)
    assert "At most 1 rows" in said(act(operators, ORGS, "disable", org, other_org))[0]
    assert not Organization.objects.exclude(disabled_at=None).exists()


def test_an_organization_is_renamed_under_the_rules(operators: Client, operator: User, org: Organization) -> None:
    path = f"{ORGS}{org.pk}/change/"
    assert operators.post(path, {"name": " \u202eAcme   Corp ", "slug": "stolen"}).status_code == 302
    org.refresh_from_db()
    assert (org.name, org.slug) == ("Acme Corp", "acme")
    assert [event.actor for event in events_of(org, "org.renamed")] == [operator]
    assert operators.post(path, {"name": "..."}).status_code == 200
    assert Organization.objects.get(pk=org.pk).name == "Acme Corp"


def test_a_role_is_changed_and_told(operators: Client, operator: User, org: Organization, member: User) -> None:
    row = membership_of(org, member)
    assert operators.post(f"{MEMBERS}{row.pk}/change/", {"role": "viewer"}).status_code == 302
    assert membership_of(org, member).role == "viewer"
    [event] = events_of(org, "membership.role_changed")
    assert (event.actor, event.before, event.after) == (operator, {"role": "member"}, {"role": "viewer"})


def test_the_last_owner_is_neither_demoted_nor_removed(operators: Client, org: Organization, owner: User) -> None:
    row = membership_of(org, owner)
    response = operators.post(f"{MEMBERS}{row.pk}/change/", {"role": "viewer"})
    assert "only owner" in response.content.decode()
    assert "only owner" in said(act(operators, MEMBERS, "put_out", row))[0]
    assert operators.post(f"{MEMBERS}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert membership_of(org, owner).role == "owner"


def test_one_of_two_owners_may_go(operators: Client, operator: User, org: Organization, owner: User) -> None:
    from orgs.roles import Role

    make_member(org, Role.OWNER, "second@acme.example")
    act(operators, MEMBERS, "put_out", membership_of(org, owner))
    assert membership_of(org, owner) is None
    assert [event.actor for event in events_of(org, "membership.removed")] == [operator]


def test_a_logo_is_removed_and_told(operators: Client, operator: User, org: Organization) -> None:
    with org_scope(org):
        logo = Logo.objects.for_org(org).create(org=org, image=b"x", content_type="image/png")
    Organization.objects.filter(pk=org.pk).update(logo_digest="digest")
    operators.post(f"/operators/orgs/logo/{logo.pk}/delete/", {"post": "yes"})
    assert Organization.objects.get(pk=org.pk).logo_digest == ""
    assert [event.actor for event in events_of(org, "admin.deleted")] == [operator]


@pytest.mark.parametrize(
    "query", ["orgs/event/?name=%00", "scans/scan/?status__exact=%00", "scans/answer/?engine=%00", "orgs/event/?q=%00"]
)
def test_a_list_is_not_looked_through_for_what_no_row_can_have(
    operators: Client, org: Organization, query: str
) -> None:
    assert operators.get(f"/operators/{query}", follow=True).status_code == 200
