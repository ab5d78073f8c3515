"""Coming in: by an invitation from the mail to the first page, and back to where one was last."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from orgs.access import LAST_ORG
from orgs.models import Membership, Organization
from orgs.roles import Role
from orgs.scoping import org_scope
from tests.accounts.letters import Mailbox, link_in
from tests.cast import PASSWORD, make_org
from tests.orgs.invited import send_invitations
from tests.screens import ClientOf


def join(org: Organization, user: User, role: Role = Role.MEMBER) -> None:
    with org_scope(org):
        Membership.objects.for_org(org).create(org=org, user=user, role=role)


def test_an_invited_stranger_signs_up_confirms_the_address_and_joins(
    client: Client, org: Organization, owner: User, mailbox: Mailbox
) -> None:
    (link,) = send_invitations(org, ["ann@start.example"], by=owner)
    assert client.get(link).status_code == 200
    sign_up = reverse("account_signup")
    page = client.get(sign_up, {"next": link, "email": "ann@start.example"}).content.decode()
    assert 'value="ann@start.example"' in page
    client.post(sign_up, {"email": "ann@start.example", "password1": PASSWORD, "next": link})
    confirmation = next(
        sent for sent in mailbox() if sent.to == ["ann@start.example"] and "/invitations/" not in sent.body
    )
    landed = client.post(link_in(confirmation), follow=True)
    assert landed.redirect_chain[-1][0] == link
    assert client.post(link).url == f"/o/{org.slug}/"
    assert client.get(f"/o/{org.slug}/").status_code == 200


def test_the_first_page_is_the_organization_that_was_open_last(
    client_of: ClientOf, org: Organization, other_org: Organization, member: User
) -> None:
    join(other_org, member)
    client = client_of(member)
    assert client.get("/").url == "/o/acme/"
    client.get("/o/globex/")
    assert client.get("/").url == "/o/globex/"
    client.post("/o/acme/projects/add/")
    client.get("/o/acme/", headers={"HX-Request": "true"})
    client.get("/api/v1/o/acme/projects/")
    assert client.get("/").url == "/o/globex/"


@pytest.mark.parametrize("hint", ["nobody", "globex", "../x", "x" * 3000])
def test_the_hint_of_the_browser_opens_nothing(
    client_of: ClientOf, org: Organization, other_org: Organization, member: User, hint: str
) -> None:
    client = client_of(member)
    client.cookies[LAST_ORG] = hint
    assert client.get("/").url == "/o/acme/"


def test_a_way_out_leads_to_the_other_organization(
    client_of: ClientOf, org: Organization, other_org: Organization, member: User
) -> None:
    join(other_org, member)
    client = client_of(member)
    client.get("/o/acme/")
    assert client.post(reverse("org-leave", args=["acme"]), follow=True).redirect_chain[-1][0] == "/o/globex/"


def test_the_switcher_lists_ones_own_open_organizations(
    client_of: ClientOf, org: Organization, other_org: Organization, member: User
) -> None:
    join(other_org, member)
    join(closed := make_org("Harbour", "harbour"), member)
    Organization.objects.filter(pk=closed.pk).update(deletion_due_at=closed.created_at)
    make_org("Initech", "initech")
    page = client_of(member).get("/o/acme/").content.decode()
    assert 'href="/o/globex/"' in page
    assert "/o/initech/" not in page
    assert "/o/harbour/" not in page
