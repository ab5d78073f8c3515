"""The theme that a user chose: kept on the account, drawn by the server."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from prompts.models import Project
from tests.screens import ClientOf

BACK = "http://testserver/o/acme/"


def test_a_choice_is_kept_and_drawn_without_a_script(client_of: ClientOf, member: User, project: Project) -> None:
    client = client_of(member)
    assert client.post(reverse("account-theme"), {"theme": "dark"}, headers={"Referer": BACK}).url == BACK
    page = client.get("/o/acme/").content.decode()
    assert re.search(r'<html lang="en"\s+class="dark"', page)
    client.post(reverse("account-theme"), {"theme": "system"})
    page = client.get("/o/acme/").content.decode()
    assert re.search(r'<html lang="en"\s+data-account-theme="system"', page)


def test_a_script_gets_nothing_back(client_of: ClientOf, member: User) -> None:
    asked = {"X-Requested-With": "fetch"}
    answer = client_of(member).post(reverse("account-theme"), {"theme": "light"}, headers=asked)
    assert (answer.status_code, answer.content) == (204, b"")
    member.refresh_from_db()
    assert member.theme == "light"


@pytest.mark.parametrize("theme", ["", "purple", "dark'", "x" * 500])
def test_an_unknown_theme_is_refused(client_of: ClientOf, member: User, theme: str) -> None:
    assert client_of(member).post(reverse("account-theme"), {"theme": theme}).status_code == 400
    member.refresh_from_db()
    assert member.theme == "system"


def test_it_never_leads_to_another_host(client_of: ClientOf, member: User) -> None:
    away = {"Referer": "https://evil.example/o/acme/"}
    answer = client_of(member).post(reverse("account-theme"), {"theme": "dark"}, headers=away)
    assert answer.url == reverse("home")


def test_strangers_sign_in_first(client: Client, db: None) -> None:
    assert "/accounts/login/" in client.post(reverse("account-theme"), {"theme": "dark"}).url
