"""Signing up, confirming the address, in and out."""

import re
from typing import Any, ClassVar

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.accounts.letters import Mailbox, link_in
from tests.cast import PASSWORD
from tests.screens import ClientOf


def sign_up(client: Client, email: str, password: str = PASSWORD) -> Any:
    return client.post(reverse("account_signup"), {"email": email, "password1": password})


def without_tokens(page: str) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)


def test_somebody_signs_up_confirms_the_address_and_is_in(client: Client, mailbox: Mailbox) -> None:
    response = sign_up(client, "Ann@Start.example")
    assert response.url == reverse("account_email_verification_sent")
    assert "Look into your mailbox" in client.get(response.url).content.decode()
    assert client.get(reverse("account-profile")).status_code == 302
    (sent,) = mailbox()
    assert sent.to == ["ann@start.example"]
    link = link_in(sent)
    assert "ann@start.example" in client.get(link).content.decode()
    assert client.post(link).status_code == 302
    assert client.get(reverse("account-profile")).status_code == 200
    assert EmailAddress.objects.get().verified
    assert "This link no longer works" in client.get(link).content.decode()


def test_an_unconfirmed_address_opens_nothing_and_gets_another_link(client: Client, mailbox: Mailbox) -> None:
    sign_up(client, "ann@start.example")
    fresh = Client()
    response = fresh.post(reverse("account_login"), {"login": "ann@start.example", "password": PASSWORD})
    assert response.url == reverse("account_email_verification_sent")
    assert fresh.get(reverse("account-profile")).status_code == 302
    assert {tuple(sent.to) for sent in mailbox()} == {("ann@start.example",)}


def test_a_link_opened_elsewhere_confirms_but_signs_nobody_in(client: Client, mailbox: Mailbox) -> None:
    sign_up(client, "ann@start.example")
    other = Client()
    assert other.post(link_in(mailbox()[0])).status_code == 302
    assert other.get(reverse("account-profile")).status_code == 302
    assert EmailAddress.objects.get().verified


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("", PASSWORD),
        ("not an address", PASSWORD),
        ("a\0b@start.example", PASSWORD),
        (f"{'x' * 300}@start.example", PASSWORD),
        ("ann@start.example", ""),
        ("ann@start.example", "short"),
        ("ann@start.example", "password123"),
        ("ann@start.example", "8472910384756"),
        ("annette@start.example", "annette@start"),
    ],
)
def test_a_bad_sign_up_makes_nobody(client: Client, db: None, email: str, password: str) -> None:
    assert sign_up(client, email, password).status_code == 422
    assert not User.objects.exists()


def test_a_known_address_is_told_nothing_and_its_owner_is(client: Client, owner: User, mailbox: Mailbox) -> None:
    known, unknown = sign_up(client, owner.email.upper()), sign_up(Client(), "new@start.example")
    assert known.url == unknown.url == reverse("account_email_verification_sent")
    assert User.objects.count() == 2
    to_owner, to_newcomer = mailbox()
    assert (to_owner.to, to_owner.subject) == ([owner.email], "You have an account already")
    assert link_in(to_owner) == reverse("account_reset_password")
    assert to_newcomer.subject == "Confirm your e-mail address"
    pages = [Client().get(answer.url).content.decode() for answer in (known, unknown)]
    assert without_tokens(pages[0]) == without_tokens(pages[1])


class Rival:
    """A validator in whose time somebody else signs up."""

    def validate(self, password: str, user: User | None = None) -> None:
        User.objects.create_user("ann@start.example", PASSWORD)

    def get_help_text(self) -> str:
        return ""


def test_an_address_that_is_taken_while_the_form_is_read_is_a_known_one(
    client: Client, mailbox: Mailbox, settings: Any
) -> None:
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": f"{__name__}.Rival"}]
    answer = sign_up(client, "ann@start.example")
    assert (answer.status_code, answer.url) == (302, reverse("account_email_verification_sent"))
    assert User.objects.get().check_password(PASSWORD)
    (sent,) = mailbox()
    assert sent.to == ["ann@start.example"]
    assert client.get(reverse("account-profile")).status_code == 302


def test_known_and_unknown_addresses_cost_the_same_work(
    client: Client, owner: User, django_assert_max_num_queries: Any
) -> None:
    """A row is written for either; no mail server is waited for."""
    with django_assert_max_num_queries(12) as known:
        client.post(reverse("account_reset_password"), {"email": owner.email})
    with django_assert_max_num_queries(12) as unknown:
        Client().post(reverse("account_reset_password"), {"email": "nobody@start.example"})
    assert abs(len(known) - len(unknown)) <= 2


class CountingHasher(MD5PasswordHasher):
    """Hashing is what takes time where the real one is used."""

    algorithm = "counting"
    hashed: ClassVar[list[str]] = []

    def encode(self, password: str, salt: str) -> str:
        self.hashed.append(password)
        return super().encode(password, salt)


def test_a_known_address_takes_as_long_as_an_unknown_one(client: Client, owner: User, settings: Any) -> None:
    hasher = f"{CountingHasher.__module__}.{CountingHasher.__qualname__}"
    settings.PASSWORD_HASHERS = [hasher, *settings.PASSWORD_HASHERS]
    counts = []
    for email in (owner.email, "nobody@start.example"):
        CountingHasher.hashed.clear()
        sign_up(Client(), email)
        counts.append(len(CountingHasher.hashed))
    assert counts[0] == counts[1] > 0


def test_a_password_opens_the_door_and_signing_out_closes_it(client: Client, owner: User) -> None:
    data = {"login": owner.email.upper(), "password": PASSWORD}
    assert client.post(reverse("account_login"), data).url == "/"
    assert client.get("/o/acme/").status_code == 200
    assert client.post(reverse("account_logout")).url == reverse("account_login")
    assert client.get("/o/acme/").status_code == 302


def test_a_wrong_password_says_no_more_than_an_unknown_address(client: Client, owner: User) -> None:
    answers = [
        client.post(reverse("account_login"), {"login": email, "password": "not the password"})
        for email in (owner.email, "nobody@start.example")
    ]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].context["form"].errors == answers[1].context["form"].errors


def test_a_deactivated_user_stays_outside(client_of: ClientOf, owner: User) -> None:
    client = client_of(owner)
    User.objects.update(is_active=False)
    assert client.get("/o/acme/").status_code == 302
    answer = client.post(reverse("account_login"), {"login": owner.email, "password": PASSWORD})
    assert answer.url == reverse("account_inactive")
    assert "This account is closed" in client.get(answer.url).content.decode()


def test_signing_in_goes_on_where_somebody_wanted_to_be(client: Client, owner: User) -> None:
    asked = client.get("/o/acme/?page=1").url
    assert client.post(asked, {"login": owner.email, "password": PASSWORD}).url == "/o/acme/?page=1"


@pytest.mark.parametrize(
    "name", ["account_login", "account_signup", "account_reset_password", "account_email_verification_sent"]
)
def test_the_pages_are_there(client: Client, db: None, name: str) -> None:
    assert client.get(reverse(name)).status_code == 200
