"""The way in: signing up, founding an organization, and the first page."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from orgs.forms import OrganizationForm
from orgs.founding import TooManyFounded, first_free, found_organization
from orgs.models import Event, Membership, Organization
from orgs.roles import Role
from orgs.scoping import org_scope
from tests.accounts.letters import Mailbox, link_in
from tests.cast import PASSWORD, make_org
from tests.screens import ClientOf


@pytest.fixture
def newcomer(db: None) -> User:
    return User.objects.create_user("new@start.example", PASSWORD)


def test_a_stranger_is_offered_to_sign_in(db: None) -> None:
    response = Client().get("/")
    assert response.status_code == 200
    assert reverse("account_login") in response.content.decode()


def test_without_a_public_site_a_stranger_is_sent_to_sign_in(db: None, settings: Any) -> None:
    settings.PUBLIC_SITE = False
    response = Client().get("/")
    assert response.status_code == 302
    assert response.url.startswith(reverse("account_login"))


def test_a_newcomer_is_asked_to_found_an_organization(newcomer: User, client_of: ClientOf) -> None:
    response = client_of(newcomer).get("/")
    assert response.status_code == 200
    assert reverse("organization-new") in response.content.decode()


def test_a_member_lands_in_their_organization(viewer: User, client_of: ClientOf) -> None:
    assert client_of(viewer).get("/").url == "/o/acme/"


def test_a_cookie_that_names_nothing_leads_home_all_the_same(viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    client.cookies["org"] = "a\0"
    assert client.get("/").url == "/o/acme/"


def test_a_disabled_organization_is_nobodys_home(viewer: User, org: Organization, client_of: ClientOf) -> None:
    Organization.objects.filter(pk=org.pk).update(disabled_at=org.created_at)
    assert client_of(viewer).get("/").status_code == 200


def test_somebody_founds_only_so_many_organizations_a_day(
    newcomer: User, viewer: User, client_of: ClientOf, settings: Any
) -> None:
    settings.ORGANIZATIONS_PER_DAY = 2
    client = client_of(newcomer)
    for name in ("One", "Two"):
        client.post(reverse("organization-new"), {"name": name})
    refused = client.post(reverse("organization-new"), {"name": "Three"})
    assert refused.status_code == 422
    assert "Try again tomorrow" in refused.content.decode()
    assert not Organization.objects.filter(slug="three").exists()
    assert client_of(viewer).post(reverse("organization-new"), {"name": "Three"}).status_code == 302
    settings.ORGANIZATIONS_PER_DAY = 0
    assert client.post(reverse("organization-new"), {"name": "Four"}).status_code == 302


def test_yesterdays_organizations_are_not_counted_and_one_given_away_is(newcomer: User, settings: Any) -> None:
    settings.ORGANIZATIONS_PER_DAY = 1
    given = found_organization(newcomer, name="One")
    with org_scope(given):
        Membership.objects.for_org(given).delete()
    with pytest.raises(TooManyFounded):
        found_organization(newcomer, name="Two")
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1), tick=False):
        assert found_organization(newcomer, name="Two").slug == "two"


def test_founding_makes_an_owner_and_an_event(newcomer: User, client_of: ClientOf) -> None:
    response = client_of(newcomer).post(reverse("organization-new"), {"name": "  Blue   Kite "})
    assert response.url == "/o/blue-kite/setup/"
    org = Organization.objects.get(slug="blue-kite")
    assert org.name == "Blue Kite"
    with org_scope(org):
        assert Membership.objects.for_org(org).get().role == Role.OWNER
        event = Event.objects.for_org(org).get()
    assert (event.name, event.actor_id) == ("org.created", newcomer.pk)
    assert client_of(newcomer).get(response.url).status_code == 200


def test_a_name_hides_nothing(newcomer: User, client_of: ClientOf) -> None:
    client_of(newcomer).post(reverse("organization-new"), {"name": "Blue\u202e Ki\u200bte"})
    assert Organization.objects.get().name == "Blue Kite"


def test_founding_twice_with_one_click_makes_one(newcomer: User, client_of: ClientOf) -> None:
    client = client_of(newcomer)
    urls = {client.post(reverse("organization-new"), {"name": "Kite"}).url for _ in range(2)}
    assert urls == {"/o/kite/setup/"}
    assert Organization.objects.count() == 1


def test_a_taken_slug_gets_a_number(newcomer: User) -> None:
    make_org("Kite", "kite")
    make_org("Kite", "kite-2")
    assert found_organization(newcomer, name="Kite").slug == "kite-3"
    assert first_free("a", {"a", "a-2"}) == "a-3"


@pytest.mark.parametrize(("name", "slug"), [("日本語", "company"), ("Äpfel & Co", "apfel-co"), ("x" * 120, "x" * 50)])
def test_any_name_makes_a_slug(newcomer: User, name: str, slug: str) -> None:
    assert found_organization(newcomer, name=name).slug == slug


@pytest.mark.parametrize("name", ["", "   ", "...", "x" * 121, "a\0b", "\U0001f600"])
def test_an_impossible_name_is_refused_in_the_form(newcomer: User, client_of: ClientOf, name: str) -> None:
    response = client_of(newcomer).post(reverse("organization-new"), {"name": name})
    assert response.status_code == 422
    assert Organization.objects.count() == 0


def test_the_form_page_is_there_and_only_for_people(newcomer: User, client_of: ClientOf) -> None:
    url = reverse("organization-new")
    assert client_of(newcomer).get(url).status_code == 200
    assert client_of(newcomer).put(url).status_code == 405
    assert client_of(None).get(url).status_code == 302


def test_signing_up_and_confirming_leads_to_the_first_organization(mailbox: Mailbox) -> None:
    client = Client()
    assert client.get(reverse("account_signup")).status_code == 200
    client.post(reverse("account_signup"), {"email": "ann@start.example", "password1": PASSWORD})
    [letter] = mailbox()
    response = client.post(link_in(letter), follow=True)
    assert response.redirect_chain[-1][0] == "/"
    assert reverse("organization-new") in response.content.decode()


def test_the_form_names_the_problem() -> None:
    form = OrganizationForm({"name": "--"})
    assert not form.is_valid()
    assert "letter or a digit" in form.errors["name"][0]
    assert isinstance(form.errors.as_data()["name"][0], ValidationError)
