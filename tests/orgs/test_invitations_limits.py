"""How many invitations somebody sends, and how many reach one address, over all organizations."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.models import Letter, User
from orgs import allowance
from orgs.founding import found_organization
from orgs.models import Organization
from tests.orgs.invited import invitation_of, send_invitations
from tests.screens import ClientOf


def add(client: Client, org: Organization, emails: str) -> Any:
    return client.post(reverse("invitation-add", args=[org.slug]), {"emails": emails, "role": "member"})


def test_a_person_sends_only_so_many_a_day_however_many_organizations_are_theirs(
    client_of: ClientOf, org: Organization, owner: User, outsider: User, other_org: Organization, settings: Any
) -> None:
    second, client = found_organization(owner, name="Second"), client_of(owner)
    settings.INVITATIONS_PER_DAY = 3
    assert add(client, org, "a@example.com b@example.com").status_code == 302
    refused = add(client, second, "c@example.com d@example.com")
    assert refused.status_code == 422
    assert "1 more invitation can be sent today" in refused.content.decode()
    assert add(client, second, "c@example.com").status_code == 302
    again = client.post(
        reverse("invitation-resend", args=[org.slug, invitation_of(org, "a@example.com").pk]), follow=True
    )
    assert "used up" in again.content.decode()
    assert Letter.objects.count() == 3
    assert add(client_of(outsider), other_org, "e@example.com").status_code == 302


def test_an_address_gets_only_so_many_a_day_whoever_invites_it(
    client_of: ClientOf, org: Organization, owner: User, outsider: User, other_org: Organization
) -> None:
    for _ in range(allowance.PER_ADDRESS):
        send_invitations(org, ["tired@example.com"], by=owner)
    refused = add(client_of(outsider), other_org, "fresh@example.com TIRED@example.com")
    assert refused.status_code == 422
    assert "tired@example.com was invited as often today" in refused.content.decode()
    assert Letter.objects.count() == allowance.PER_ADDRESS
    # What was refused is not counted.
    for _ in range(allowance.PER_ADDRESS):
        assert add(client_of(outsider), other_org, "fresh@example.com").status_code == 302
    assert add(client_of(outsider), other_org, "fresh@example.com").status_code == 422


def test_the_counters_name_nobody(org: Organization, owner: User) -> None:
    send_invitations(org, ["tired@example.com"], by=owner)
    assert cache.get(allowance._of_address("tired@example.com")) == 1
    assert "tired" not in allowance._of_address("tired@example.com")
