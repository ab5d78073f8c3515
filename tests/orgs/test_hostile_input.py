"""Hostile names of organizations, and forged requests around invitations and sign-up."""

from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from accounts.models import User
from orgs.models import Organization
from tests.accounts.letters import Mailbox, everything_in, link_in
from tests.accounts.test_pages import ELSEWHERE
from tests.accounts.test_passwords import EVIL, FORGED
from tests.cast import PASSWORD
from tests.screens import ClientOf

UNFIT = ["x" * 500, "a\0b", "\u3164", "\u202e\u2066", "\u200b \ufeff", ""]
HOSTILE = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"'><b>", "{{ 7|add:7 }}", "%(name)s %s"]


@pytest.fixture
def newcomer(db: None) -> User:
    return User.objects.create_user("new@start.example", PASSWORD)


@pytest.mark.parametrize("name", UNFIT, ids=ascii)
def test_an_unfit_name_founds_and_renames_nothing(
    client_of: ClientOf, org: Organization, owner: User, newcomer: User, name: str
) -> None:
    assert client_of(newcomer).post(reverse("organization-new"), {"name": name}).status_code == 422
    assert client_of(owner).post(reverse("org-settings", args=[org.slug]), {"name": name}).status_code == 422
    assert list(Organization.objects.values_list("name", flat=True)) == ["Acme"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_text_wherever_it_is_shown(client_of: ClientOf, newcomer: User, name: str) -> None:
    client = client_of(newcomer)
    founded = client.post(reverse("organization-new"), {"name": name})
    assert founded.status_code == 302
    org = Organization.objects.get()
    assert org.name == name
    for route in ("org-settings", "members", "audit", "notifications"):
        page = client.get(reverse(route, args=[org.slug])).content.decode()
        assert escape(name) in page
        assert escape(name) == name or name not in page


@pytest.mark.parametrize("typed", ["\u202eemcA", "Ac\u2066me\u2069", "Ac\u200bme"])
def test_a_new_name_reads_as_it_is_kept(client_of: ClientOf, org: Organization, owner: User, typed: str) -> None:
    client_of(owner).post(reverse("org-settings", args=[org.slug]), {"name": typed})
    org.refresh_from_db()
    assert org.name in ("emcA", "Acme")


@pytest.mark.parametrize("headers", FORGED, ids=str)
def test_a_forged_host_never_gets_into_an_invitation(
    client_of: ClientOf, org: Organization, owner: User, mailbox: Mailbox, headers: dict[str, str]
) -> None:
    data = {"emails": "friend@example.com", "role": "member"}
    client_of(owner).post(reverse("invitation-add", args=[org.slug]), data, **headers)
    for message in mailbox():
        assert EVIL not in everything_in(message)
        assert "6666" not in everything_in(message)
        assert link_in(message).startswith("/invitations/")


@pytest.mark.parametrize("target", ELSEWHERE, ids=ascii)
def test_signing_up_never_leads_to_another_site(db: None, mailbox: Mailbox, target: str) -> None:
    client, data = Client(), {"email": "new@start.example", "password1": PASSWORD, "next": target}
    url = f"{reverse('account_signup')}?next={quote(target, safe='')}"
    assert client.post(url, data).url == reverse("account_email_verification_sent")
    (message,) = mailbox()
    assert "evil" not in everything_in(message)
    assert client.post(link_in(message)).url == "/"
