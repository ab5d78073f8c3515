"""The page of the design system: for staff, and made of the real pieces."""

import pytest
from django.test import Client

from accounts.models import User
from config.components import SECTIONS
from tests.screens import ClientOf

URL = "/operators/components/"


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_superuser("staff@prompter.example", "correct horse battery staple")


def test_staff_see_every_piece(client_of: ClientOf, staff: User) -> None:
    page = client_of(staff).get(URL).content.decode()
    assert [key for key, _ in SECTIONS if f'id="{key}-title"' not in page] == []


def test_nobody_else_does(client_of: ClientOf, owner: User) -> None:
    for user in (None, owner):
        answer = client_of(user).get(URL)
        assert (answer.status_code, "Components" in answer.content.decode()) == (302, False)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("theme=dark", 'class="dark" data-theme-fixed'),
        ("theme=light", 'class="light" data-theme-fixed'),
        ("dir=rtl", 'dir="rtl"'),
        ("sort=share", 'aria-sort="ascending"'),
        ("sort=-share", 'aria-sort="descending"'),
    ],
)
def test_it_is_shown_as_asked(client_of: ClientOf, staff: User, query: str, shown: str) -> None:
    client = client_of(staff)
    assert shown in client.get(f"{URL}?{query}").content.decode()
    assert shown not in client.get(URL).content.decode()


@pytest.mark.parametrize("query", ['theme="><script>', "dir=%00", "sort=__class__", "sort=" + "x" * 2000])
def test_nonsense_is_shown_as_nothing(client_of: ClientOf, staff: User, query: str) -> None:
    answer = client_of(staff).get(f"{URL}?{query}")
    assert answer.status_code == 200
    assert "<script>" not in answer.content.decode()


def test_a_sorted_table_keeps_the_rest_of_the_address(client_of: ClientOf, staff: User) -> None:
    page = client_of(staff).get(f"{URL}?theme=dark&sort=share&after=9").content.decode()
    assert 'href="?theme=dark&amp;sort=-share"' in page


def test_signing_in_comes_first(client: Client, db: None) -> None:
    assert "login" in client.get(URL).url
