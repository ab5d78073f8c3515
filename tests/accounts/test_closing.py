"""Taking everything along, and leaving."""

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import exporting
from accounts.closing import ClosingRefused, Obstacle, account_closing, close_account, closing_obstacles
from accounts.models import AccountEvent, Export, User
from tests.accounts.letters import Mailbox
from tests.cast import PASSWORD, prove
from tests.screens import ClientOf


@pytest.fixture
def loner(db: None) -> User:
    return User.objects.create_user("loner@start.example", PASSWORD, name="Lone Ranger", language="en")


def close(client: Client) -> Any:
    return client.post(reverse("account-close"))


def test_an_account_is_closed_and_nothing_of_the_person_is_left(
    client_of: ClientOf, loner: User, mailbox: Mailbox
) -> None:
    SocialAccount.objects.create(user=loner, provider="google", uid="7", extra_data={"email": loner.email})
    Authenticator.objects.create(user=loner, type="recovery_codes", data={})
    elsewhere = client_of(loner)
    elsewhere.get(reverse("account-profile"))
    client = prove(client_of(loner))
    assert client.get(reverse("account-close")).status_code == 200
    assert close(client).url == reverse("account_login")
    assert mailbox()[0].to == ["loner@start.example"]
    loner.refresh_from_db()
    assert (loner.email, loner.name, loner.language) == (f"closed-{loner.pk}@closed.invalid", "", "")
    assert not loner.is_active
    assert loner.closed_at is not None
    assert not loner.has_usable_password()
    for model in (EmailAddress, Authenticator, SocialAccount, UserSession):
        assert not model._default_manager.filter(user=loner).exists()
    assert elsewhere.get(reverse("account-profile")).status_code == 302
    assert client.get(reverse("account-profile")).status_code == 302
    assert AccountEvent.objects.filter(user=loner, name="account.closed").exists()
    assert "loner@" not in str(AccountEvent.objects.filter(user=loner).values())


def test_the_address_of_a_closed_account_is_free_again(loner: User, mailbox: Mailbox) -> None:
    close_account(loner)
    Client().post(reverse("account_signup"), {"email": "loner@start.example", "password1": PASSWORD})
    assert User.objects.filter(email="loner@start.example").count() == 1


def test_a_closed_account_cannot_be_signed_in_to(client: Client, loner: User) -> None:
    close_account(loner)
    answer = client.post(reverse("account_login"), {"login": f"closed-{loner.pk}@closed.invalid", "password": PASSWORD})
    assert answer.status_code == 422


def test_closing_is_asked_first_and_never_by_get(client_of: ClientOf, loner: User) -> None:
    client = client_of(loner)
    assert close(client).url.startswith(reverse("account_reauthenticate"))
    prove(client).get(reverse("account-close"))
    loner.refresh_from_db()
    assert loner.closed_at is None


@pytest.fixture
def obstacle() -> Iterator[None]:
    def in_the_way(**_: Any) -> list[Obstacle]:
        return [Obstacle(label="Acme <b>", reason="You are its last owner.", url="/o/acme/members/")]

    closing_obstacles.connect(in_the_way)
    yield
    closing_obstacles.disconnect(in_the_way)


def test_what_must_be_settled_first_is_listed_and_stops_the_closing(
    client_of: ClientOf, loner: User, obstacle: None
) -> None:
    client = prove(client_of(loner))
    page = client.get(reverse("account-close")).content.decode()
    assert "Acme &lt;b&gt;" in page
    assert "Acme &lt;b&gt;" in client.get(reverse("account-data")).content.decode()
    assert close(client).status_code == 422
    loner.refresh_from_db()
    assert loner.closed_at is None


def test_a_receiver_that_refuses_takes_the_whole_closing_back(loner: User) -> None:
    def refuse(**_: Any) -> None:
        raise ClosingRefused([])

    account_closing.connect(refuse)
    try:
        with pytest.raises(ClosingRefused):
            close_account(loner)
    finally:
        account_closing.disconnect(refuse)
    loner.refresh_from_db()
    assert (loner.email, loner.closed_at) == ("loner@start.example", None)
    assert not AccountEvent.objects.filter(user=loner, name="account.closed").exists()


def test_an_export_is_made_by_a_worker_and_holds_everything_but_secrets(
    client_of: ClientOf, loner: User, mailbox: Mailbox
) -> None:
    client = prove(client_of(loner))
    Authenticator.objects.create(user=loner, type="recovery_codes", data={"seed": "very secret"})
    assert client.get(reverse("account-export")).status_code == 404
    assert client.post(reverse("account-export")).url == reverse("account-data")
    assert "being put together" in client.get(reverse("account-data")).content.decode()
    assert client.post(reverse("account-export")).status_code == 302
    export = Export.objects.get()
    assert exporting.build(export.pk)
    assert not exporting.build(export.pk)
    assert mailbox()[0].subject == "Your export is ready"
    answer = client.get(reverse("account-export"))
    assert answer["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        text = archive.read("account.json").decode()
    held = json.loads(text)
    assert held["profile"]["email"] == loner.email
    assert held["email_addresses"] == [{"email": loner.email, "verified": True, "primary": True}]
    assert held["second_factors"][0]["type"] == "recovery_codes"
    assert "account.exported" in [event["name"] for event in held["security_log"]]
    assert "very secret" not in text
    assert loner.password not in text


def test_an_export_is_for_its_person_alone(client_of: ClientOf, loner: User, owner: User) -> None:
    exporting.build(exporting.ask_export(loner).pk)
    assert prove(client_of(owner)).get(reverse("account-export")).status_code == 404


def test_upper_apps_add_what_they_hold(loner: User) -> None:
    def more(**_: Any) -> dict[str, Any]:
        return {"bookmarks": iter([{"organization": "Acme"}]), "posters": iter([])}

    exporting.account_exporting.connect(more)
    try:
        exporting.build(exporting.ask_export(loner).pk)
        with zipfile.ZipFile(io.BytesIO(bytes(Export.objects.get().content))) as archive:
            held = json.loads(archive.read("account.json"))
        assert (held["bookmarks"], held["posters"]) == ([{"organization": "Acme"}], [])
    finally:
        exporting.account_exporting.disconnect(more)


def test_a_lost_message_is_made_good_and_old_exports_are_forgotten(loner: User, owner: User) -> None:
    late, old = exporting.ask_export(loner), exporting.ask_export(owner)
    Export.objects.filter(pk=late.pk).update(asked_at=timezone.now() - timedelta(minutes=2))
    Export.objects.filter(pk=old.pk).update(asked_at=timezone.now() - timedelta(days=8))
    exporting.sweep()
    assert Export.objects.get().ready_at is not None
