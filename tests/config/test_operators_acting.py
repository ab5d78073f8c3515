"""Acting as a user: with a reason, in sight of everybody, for a while, and not for everything."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth.models import Permission as AuthPermission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AccountEvent, User
from orgs.impersonation import LASTS
from orgs.models import Event, Organization
from orgs.scoping import org_scope
from prompts.models import Project

REASON = "Ticket 4711: the overview stays empty"
STOP = "/operators/impersonation/stop/"


@pytest.fixture
def operators(client_of: Callable[[User], Client], operator: User) -> Client:
    return client_of(operator)


def act_as(client: Client, user: User, **posted: str) -> Any:
    return client.post(f"/operators/impersonate/{user.pk}/", posted or {"reason": REASON})


def acting_user(client: Client) -> int:
    return int(client.session["_auth_user_id"])


def events_of(org: Organization, name: str) -> list[Event]:
    with org_scope(org):
        return list(Event.objects.for_org(org).filter(name=name).select_related("actor", "impersonator").order_by("pk"))


def test_an_operator_acts_as_a_member_and_stops(
    operators: Client, operator: User, owner: User, org: Organization
) -> None:
    assert act_as(operators, owner)["Location"] == "/"
    assert acting_user(operators) == owner.pk
    page = operators.get(reverse("members", args=[org.slug])).content.decode()
    assert "What you do is recorded" in page
    assert operator.email in page
    assert operators.post(STOP)["Location"] == "/operators/"
    assert acting_user(operators) == operator.pk
    assert "What you do is recorded" not in operators.get("/operators/").content.decode()


def test_everybody_concerned_is_told_who_and_why(
    operators: Client, operator: User, owner: User, org: Organization
) -> None:
    act_as(operators, owner)
    operators.post(STOP)
    [started], [ended] = events_of(org, "impersonation.started"), events_of(org, "impersonation.ended")
    assert (started.actor, started.impersonator, started.target_id) == (operator, None, owner.pk)
    assert (started.data["reason"], started.data["user"]) == (REASON, owner.pk)
    assert ended.actor == operator
    found = AccountEvent.objects.filter(user=owner, name__startswith="impersonation.").order_by("pk")
    assert [(one.name, one.data["operator"]) for one in found] == [
        ("impersonation.started", operator.pk),
        ("impersonation.ended", operator.pk),
    ]


def test_what_is_done_meanwhile_carries_both_names(
    operators: Client, operator: User, owner: User, org: Organization
) -> None:
    act_as(operators, owner)
    assert (
        operators.post(reverse("project-add", args=[org.slug]), {"name": "Beacon", "samples": "1"}).status_code == 302
    )
    [event] = events_of(org, "project.created")
    assert (event.actor, event.impersonator) == (owner, operator)


@pytest.mark.parametrize("reason", ["", "because", " " * 40, "x" * 301])
def test_no_reason_no_acting(operators: Client, operator: User, owner: User, reason: str) -> None:
    assert act_as(operators, owner, reason=reason).status_code == 422
    assert acting_user(operators) == operator.pk


def test_the_page_says_what_it_means(operators: Client, owner: User) -> None:
    page = operators.get(f"/operators/impersonate/{owner.pk}/").content.decode()
    assert owner.email in page
    assert "30 minutes" in page


@pytest.mark.parametrize("change", [{"is_staff": True}, {"is_superuser": True}, {"is_active": False}, {"closed": True}])
def test_nobody_acts_as_staff_or_as_somebody_who_has_gone(
    operators: Client, operator: User, owner: User, change: dict[str, bool]
) -> None:
    fields = {"closed_at": timezone.now()} if "closed" in change else change
    User.objects.filter(pk=owner.pk).update(**fields)
    assert act_as(operators, owner).status_code == 403
    assert act_as(operators, operator).status_code == 403
    assert acting_user(operators) == operator.pk


def test_staff_need_the_permission(client_of: Callable[[User], Client], owner: User) -> None:
    staff = User.objects.create_user("staff@prompter.example", "correct horse battery staple", is_staff=True)
    assert act_as(client_of(staff), owner).status_code == 403
    staff.user_permissions.add(AuthPermission.objects.get(codename="impersonate"))
    assert act_as(client_of(staff), owner).status_code == 302


def test_members_cannot_at_all(client_of: Callable[[User], Client], owner: User, member: User) -> None:
    client = client_of(owner)
    assert act_as(client, member)["Location"].startswith("/operators/login/")
    assert acting_user(client) == owner.pk
    assert client.post(STOP)["Location"] == "/"


def test_a_second_factor_comes_first_and_is_still_good_afterwards(
    operators: Client, operator: User, owner: User, settings: Any
) -> None:
    settings.OPERATORS_REQUIRE_MFA = True
    assert act_as(operators, owner)["Location"].startswith("/operators/login/")
    TOTP.activate(operator, generate_totp_secret())
    code = RecoveryCodes.activate(operator).get_unused_codes()[0]
    operators.post(reverse("mfa_reauthenticate"), {"code": code})
    act_as(operators, owner)
    assert acting_user(operators) == owner.pk
    assert "account_authentication_methods" not in operators.session
    operators.post(STOP)
    assert operators.get("/operators/").status_code == 200


@pytest.mark.parametrize("path", ["/operators/", "/operators/health/", "/operators/accounts/user/"])
def test_the_operators_pages_are_closed_meanwhile(operators: Client, owner: User, path: str) -> None:
    act_as(operators, owner)
    assert operators.get(path)["Location"].startswith("/operators/login/")
    assert operators.get("/operators/login/").status_code == 403


def test_being_made_staff_meanwhile_opens_nothing(operators: Client, operator: User, owner: User) -> None:
    act_as(operators, owner)
    User.objects.filter(pk=owner.pk).update(is_staff=True, is_superuser=True)
    assert operators.get("/operators/health/")["Location"] == "/operators/"
    assert acting_user(operators) == operator.pk


def test_it_ends_by_itself(operators: Client, operator: User, owner: User, org: Organization) -> None:
    act_as(operators, owner)
    session = operators.session
    assert 0 < session["impersonation"]["until"] - time.time() <= LASTS
    session["impersonation"] = {**session["impersonation"], "until": time.time() - 1}
    session.save()
    assert (
        operators.post(reverse("project-add", args=[org.slug]), {"name": "Late", "samples": "1"})["Location"]
        == "/operators/"
    )
    assert acting_user(operators) == operator.pk
    assert events_of(org, "project.created") == []
    assert len(events_of(org, "impersonation.ended")) == 1


def test_it_ends_when_the_operator_is_no_longer_one(
    operators: Client, operator: User, owner: User, org: Organization
) -> None:
    act_as(operators, owner)
    User.objects.filter(pk=operator.pk).update(is_active=False)
    assert operators.get(reverse("members", args=[org.slug])).status_code == 302
    assert "_auth_user_id" not in operators.session
    assert len(events_of(org, "impersonation.ended")) == 1


def test_it_ends_when_the_user_changes_their_password(operators: Client, owner: User, org: Organization) -> None:
    act_as(operators, owner)
    owner.set_password("another horse battery staple")
    owner.save()
    assert operators.get(reverse("members", args=[org.slug])).status_code == 302
    assert "_auth_user_id" not in operators.session


def test_it_ends_when_the_user_is_closed_off(operators: Client, owner: User, org: Organization) -> None:
    act_as(operators, owner)
    User.objects.filter(pk=owner.pk).update(is_active=False)
    assert operators.get(reverse("members", args=[org.slug])).status_code == 302
    assert "_auth_user_id" not in operators.session
    assert len(events_of(org, "impersonation.ended")) == 1


def test_signing_out_ends_both(operators: Client, owner: User, org: Organization) -> None:
    act_as(operators, owner)
    operators.post(reverse("account_logout"))
    assert "_auth_user_id" not in operators.session
    assert len(events_of(org, "impersonation.ended")) == 1


ACCOUNT = ("account_change_password", "account_email", "mfa_index", "mfa_activate_totp", "usersessions_list")


@pytest.mark.parametrize("name", ACCOUNT)
def test_the_account_is_out_of_reach(operators: Client, owner: User, name: str) -> None:
    act_as(operators, owner)
    assert operators.get(reverse(name)).status_code == 403
    response = operators.post(reverse(name), {})
    assert response.status_code == 403
    assert "Not while you act as somebody else" in response.content.decode()


@pytest.mark.parametrize("name", ["account-export", "account-close", "account-profile"])
def test_export_and_closing_are_out_of_reach(operators: Client, owner: User, name: str) -> None:
    act_as(operators, owner)
    assert operators.post(reverse(name), {}).status_code == 403


OUT_OF_REACH = [
    *("org-delete", "org-transfer", "org-leave", "org-settings", "org-logo", "invitation-add", "provider-keys"),
    *("webhook-add", "budgets", "notification-preferences", "notifications-read"),
]


@pytest.mark.parametrize("name", OUT_OF_REACH)
def test_keys_members_money_and_the_organization_are_out_of_reach(
    operators: Client, owner: User, org: Organization, name: str
) -> None:
    act_as(operators, owner)
    assert operators.post(reverse(name, args=[org.slug]), {}).status_code == 403


def test_the_language_of_the_account_is_out_of_reach(operators: Client, owner: User) -> None:
    act_as(operators, owner)
    assert operators.post(reverse("set_language"), {"language": "de"}).status_code == 403
    assert User.objects.get(pk=owner.pk).language == ""
    operators.post(STOP)
    assert operators.post(reverse("set_language"), {"language": "de"}).status_code == 302


def test_what_the_operator_is_here_for_works(operators: Client, owner: User, project: Project) -> None:
    act_as(operators, owner)
    assert operators.get(f"/o/{project.org.slug}/p/{project.slug}/").status_code == 200
    assert operators.get(reverse("members", args=[project.org.slug])).status_code == 200


def test_htmx_is_told_to_leave_at_the_end(operators: Client, owner: User, org: Organization) -> None:
    act_as(operators, owner)
    session = operators.session
    session["impersonation"] = {"until": 0.0}
    session.save()
    response = operators.get(reverse("members", args=[org.slug]), headers={"HX-Request": "true"})
    assert (response.status_code, response["HX-Redirect"]) == (204, "/operators/")


def test_the_users_own_dates_stay(operators: Client, owner: User) -> None:
    before = User.objects.get(pk=owner.pk).last_login
    act_as(operators, owner)
    assert User.objects.get(pk=owner.pk).last_login == before
