"""Signing up, in and out."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.cast import PASSWORD
from tests.screens import ClientOf


def sign_up(client: Client, email: str, password: str = PASSWORD) -> int:
    return client.post(reverse("account_signup"), {"email": email, "password1": password}).status_code


def test_somebody_signs_up_and_is_signed_in(client: Client, db: None) -> None:
    assert sign_up(client, "Ann@Start.example") == 302
    assert client.get("/").status_code == 200
    assert User.objects.get().email == "ann@start.example"


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
    ],
)
def test_a_bad_sign_up_makes_nobody(client: Client, db: None, email: str, password: str) -> None:
    assert sign_up(client, email, password) == 200
    assert not User.objects.exists()


def test_an_address_is_used_once_whatever_its_case(client: Client, owner: User) -> None:
    response = client.post(reverse("account_signup"), {"email": owner.email.upper(), "password1": PASSWORD})
    assert "already registered" in response.context["form"].errors["email"][0]
    assert User.objects.count() == 1
    assert client.get("/").status_code == 302


def test_a_password_opens_the_door_and_signing_out_closes_it(client: Client, owner: User) -> None:
    data = {"login": owner.email.upper(), "password": PASSWORD}
    assert client.post(reverse("account_login"), data).url == "/"
    assert client.get("/o/acme/").status_code == 200
    assert client.post(reverse("account_logout")).url == reverse("account_login")
    assert client.get("/o/acme/").status_code == 302


def test_signing_in_goes_on_where_somebody_wanted_to_be(client: Client, owner: User) -> None:
    asked = client.get("/o/acme/?page=1").url
    assert client.post(asked, {"login": owner.email, "password": PASSWORD}).url == "/o/acme/?page=1"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_signing_in_never_leads_to_another_site(client: Client, owner: User, target: str) -> None:
    url = f"{reverse('account_login')}?next={target}"
    assert client.post(url, {"login": owner.email, "password": PASSWORD}).url == "/"


def test_a_deactivated_user_stays_outside(client_of: ClientOf, owner: User) -> None:
    client = client_of(owner)
    User.objects.update(is_active=False)
    assert client.get("/o/acme/").status_code == 302


@pytest.mark.parametrize("name", ["account_login", "account_signup", "account_reset_password"])
def test_the_pages_are_there(client: Client, db: None, name: str) -> None:
    assert client.get(reverse(name)).status_code == 200
