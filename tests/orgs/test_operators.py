"""The way to the operators' pages: staff with a second factor, confirmed in this very session, as themselves."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client
from django.urls import reverse

from accounts.models import User
from orgs.operators import SECOND_FACTOR_LASTS
from tests.cast import PASSWORD

INDEX, LOGIN = "/operators/", "/operators/login/"


@pytest.fixture(autouse=True)
def _strict(settings: Any) -> Iterator[None]:
    settings.OPERATORS_REQUIRE_MFA = True
    return


def with_codes(user: User) -> list[str]:
    TOTP.activate(user, generate_totp_secret())
    return RecoveryCodes.activate(user).get_unused_codes()


def confirm(client: Client, code: str) -> None:
    assert client.post(reverse("mfa_reauthenticate"), {"code": code}).status_code == 302


def opens(client: Client) -> bool:
    response = client.get(INDEX)
    if response.status_code == 200:
        return True
    assert (response.status_code, response["Location"].split("?")[0]) == (302, LOGIN)
    return False


def test_strangers_are_sent_to_the_sites_own_sign_in(client: Client, db: None) -> None:
    response = client.get(LOGIN, {"next": "/operators/scans/scan/"})
    assert response["Location"] == "/accounts/login/?next=/operators/scans/scan/"


def test_a_password_alone_opens_nothing(client: Client, operator: User) -> None:
    client.post(reverse("account_login"), {"login": operator.email, "password": PASSWORD})
    assert not opens(client)
    page = client.get(LOGIN)
    assert page.status_code == 403
    assert reverse("mfa_index") in page.content.decode()


def test_having_a_second_factor_is_not_using_it(client_of: Callable[[User], Client], operator: User) -> None:
    client = client_of(operator)
    with_codes(operator)
    assert not opens(client)
    page = client.get(LOGIN, {"next": "/operators/scans/scan/"}).content.decode()
    assert reverse("mfa_reauthenticate") + "?next=%2Foperators%2Fscans%2Fscan%2F" in page


def test_a_confirmed_second_factor_opens(client_of: Callable[[User], Client], operator: User) -> None:
    client = client_of(operator)
    confirm(client, with_codes(operator)[0])
    assert opens(client)
    assert client.get(LOGIN)["Location"] == INDEX


def test_signing_in_with_a_second_factor_opens(client: Client, operator: User) -> None:
    codes = with_codes(operator)
    client.post(reverse("account_login"), {"login": operator.email, "password": PASSWORD})
    assert not opens(client)
    assert client.post(reverse("mfa_authenticate"), {"code": codes[0]}).status_code == 302
    assert opens(client)


def test_a_session_that_was_remembered_for_long_confirms_again(
    client_of: Callable[[User], Client], operator: User
) -> None:
    client = client_of(operator)
    confirm(client, with_codes(operator)[0])
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] = time.time() - SECOND_FACTOR_LASTS - 1
    session.save()
    assert not opens(client)


def test_another_session_of_the_same_operator_confirms_for_itself(
    client_of: Callable[[User], Client], operator: User
) -> None:
    first, second = client_of(operator), client_of(operator)
    confirm(first, with_codes(operator)[0])
    assert opens(first)
    assert not opens(second)


def test_what_somebody_else_confirmed_in_the_session_does_not_count(
    client_of: Callable[[User], Client], operator: User, owner: User
) -> None:
    client = client_of(owner)
    confirm(client, with_codes(owner)[0])
    records = client.session["account_authentication_methods"]
    client = client_of(operator)
    session = client.session
    session["account_authentication_methods"] = records
    session["account_authentication_methods_user"] = str(owner.pk)
    session.save()
    assert not opens(client)


def test_a_wrong_code_opens_nothing(client_of: Callable[[User], Client], operator: User) -> None:
    client = client_of(operator)
    with_codes(operator)
    assert client.post(reverse("mfa_reauthenticate"), {"code": "00000000"}).status_code != 302
    assert not opens(client)


def test_members_with_a_second_factor_stay_outside(client_of: Callable[[User], Client], owner: User) -> None:
    client = client_of(owner)
    confirm(client, with_codes(owner)[0])
    assert not opens(client)
    assert client.get(LOGIN).status_code == 403


def test_the_login_page_takes_no_password(client_of: Callable[[User], Client], operator: User, owner: User) -> None:
    client = client_of(operator)
    with_codes(operator)
    response = client.post(LOGIN, {"username": owner.email, "password": PASSWORD})
    assert response.status_code == 403
    assert client.session["_auth_user_id"] == str(operator.pk)


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "/\\evil.example", "/o/acme/", LOGIN])
def test_the_way_back_stays_among_the_operators_pages(
    client_of: Callable[[User], Client], operator: User, to: str
) -> None:
    client = client_of(operator)
    confirm(client, with_codes(operator)[0])
    assert client.get(LOGIN, {"next": to})["Location"] == INDEX


def test_an_operator_who_is_no_longer_one_is_out_at_once(client_of: Callable[[User], Client], operator: User) -> None:
    client = client_of(operator)
    confirm(client, with_codes(operator)[0])
    User.objects.filter(pk=operator.pk).update(is_staff=False, is_superuser=False)
    assert not opens(client)


def test_a_private_installation_opens_without_and_says_so(
    client_of: Callable[[User], Client], operator: User, settings: Any
) -> None:
    settings.OPERATORS_REQUIRE_MFA = False
    page = client_of(operator).get(INDEX)
    assert page.status_code == 200
    assert "without a second factor" in page.content.decode()
    assert not Authenticator.objects.filter(user=operator).exists()


def test_who_is_no_operator_opens_no_organization(
    client_of: Callable[[User], Client], owner: User, operator: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "prompter.scope")
    for user in (None, owner, operator):
        client_of(user).get(INDEX)
    assert "all organizations opened" not in caplog.text


def test_what_operators_open_is_logged(
    client_of: Callable[[User], Client], operator: User, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of(operator)
    confirm(client, with_codes(operator)[0])
    caplog.set_level(logging.INFO, "prompter")
    assert opens(client)
    assert f"all organizations opened: admin {INDEX} by user {operator.pk}" in caplog.text
