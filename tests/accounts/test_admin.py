"""What operators do to accounts: nobody raises themselves, secrets stay unseen, and the user's record tells of it."""

from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth.models import Permission as AuthPermission
from django.test import Client
from django.urls import reverse

from accounts.models import AccountEvent, User
from tests.cast import PASSWORD

USERS = "/operators/accounts/user/"


@pytest.fixture
def operators(client_of: Callable[[User], Client], operator: User) -> Client:
    return client_of(operator)


@pytest.fixture
def staff(db: None) -> User:
    user = User.objects.create_user("staff@prompter.example", PASSWORD, is_staff=True)
    codenames = ("view_user", "change_user", "view_group", "change_group", "view_authenticator", "delete_authenticator")
    user.user_permissions.set(AuthPermission.objects.filter(codename__in=codenames))
    return user


def names_of(user: User) -> list[str]:
    return list(AccountEvent.objects.filter(user=user, name__startswith="operator.").values_list("name", flat=True))


def sign_out(client: Client, *users: User) -> Any:
    data = {"action": "sign_out", "_selected_action": [user.pk for user in users], "confirmed": "yes"}
    return client.post(USERS, data)


def test_every_session_of_a_user_ends(operators: Client, client: Client, owner: User) -> None:
    client.post(reverse("account_login"), {"login": owner.email, "password": PASSWORD})
    assert "_auth_user_id" in client.session
    sign_out(operators, owner)
    assert client.get(reverse("mfa_index")).status_code == 302
    assert names_of(owner) == ["operator.signed_out"]


def test_staff_make_nobody_an_operator_and_touch_none(
    client_of: Callable[[User], Client], staff: User, operator: User, owner: User
) -> None:
    client = client_of(staff)
    assert client.get(f"{USERS}{owner.pk}/change/").status_code == 200
    powers = {"is_staff": "on", "is_superuser": "on", "email": "mine@evil.example", "is_active": "on", "name": "Olga"}
    assert client.post(f"{USERS}{owner.pk}/change/", powers).status_code == 302
    assert client.post(f"{USERS}{staff.pk}/change/", powers).status_code == 403
    assert client.post(f"{USERS}{operator.pk}/change/", powers).status_code == 403
    assert client.get(f"{USERS}{owner.pk}/password/").status_code == 403
    assert client.get(f"{USERS}{operator.pk}/password/").status_code == 403
    sign_out(client, operator)
    owner.refresh_from_db()
    assert (owner.name, owner.is_staff, owner.is_superuser, owner.email) == ("Olga", False, False, "owner@acme.example")
    assert names_of(operator) == []
    assert names_of(owner) == ["operator.changed"]


def test_staff_give_no_group_more_than_it_has(client_of: Callable[[User], Client], staff: User) -> None:
    assert client_of(staff).get("/operators/auth/group/add/").status_code == 403


def test_nobody_is_deleted(operators: Client, owner: User) -> None:
    assert operators.post(f"{USERS}{owner.pk}/delete/", {"post": "yes"}).status_code == 403
    assert operators.post(USERS, {"action": "delete_selected", "_selected_action": [owner.pk]}).status_code in (
        200,
        302,
    )
    assert User.objects.filter(pk=owner.pk).exists()


def test_a_deactivated_user_is_out_at_once(operators: Client, client_of: Callable[[User], Client], owner: User) -> None:
    client = client_of(owner)
    data = {"email": owner.email, "name": owner.name}
    assert operators.post(f"{USERS}{owner.pk}/change/", data).status_code == 302
    assert not User.objects.get(pk=owner.pk).is_active
    assert client.get(reverse("mfa_index")).status_code == 302
    [event] = AccountEvent.objects.filter(user=owner, name="operator.changed")
    assert (event.before, event.after) == ({"is_active": True}, {"is_active": False})


def test_a_lost_second_factor_is_removed_with_its_codes(operators: Client, owner: User) -> None:
    device = TOTP.activate(owner, generate_totp_secret()).instance
    RecoveryCodes.activate(owner)
    operators.post(f"/operators/mfa/authenticator/{device.pk}/delete/", {"post": "yes"})
    assert not Authenticator.objects.filter(user=owner).exists()
    assert names_of(owner) == ["operator.removed_factor"]


def test_staff_remove_no_operators_second_factor(
    client_of: Callable[[User], Client], staff: User, operator: User
) -> None:
    device = TOTP.activate(operator, generate_totp_secret()).instance
    path = f"/operators/mfa/authenticator/{device.pk}/delete/"
    assert client_of(staff).post(path, {"post": "yes"}).status_code == 403
    assert Authenticator.objects.filter(pk=device.pk).exists()


def test_a_password_set_by_a_superuser_is_recorded(operators: Client, owner: User) -> None:
    given = {"usable_password": "true", "password1": "a horse of its own 99", "password2": "a horse of its own 99"}
    assert operators.post(f"{USERS}{owner.pk}/password/", given).status_code == 302
    [event] = AccountEvent.objects.filter(user=owner, name="operator.changed")
    assert event.after == {"password": "set"}
