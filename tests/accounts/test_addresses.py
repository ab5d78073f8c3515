"""Addresses that are one person's, and those that only look so; changing one's address; names."""

import pytest
from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from accounts.addresses import canonical
from accounts.models import AccountEvent, User
from tests.accounts.letters import Mailbox, everything_in, link_in
from tests.cast import PASSWORD, prove
from tests.screens import ClientOf


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ann@Start.Example", "ann@start.example"),
        ("  ann@start.example ", "ann@start.example"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@BÜCHER.example", "ann@xn--bcher-kva.example"),
        ("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
        ("a.nn@start.example", "a.nn@start.example"),
        ("ann+shop@start.example", "ann+shop@start.example"),
    ],
)
def test_an_address_has_one_form(typed: str, kept: str) -> None:
    assert canonical(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "аnn@start.example",  # a Cyrillic a
        "ann\u200b@start.example",
        "\u202eann@start.example",
        "ａｎｎ@start.example",
        "ann@ｓtart.example",
        "ann@start。example",
        "ann＠start.example",
        "ann@start\u2024example",
        "ann@-start.example",
        "ann@a\u200db.example",
        "ann@@start.example",
        "ann",
        "ann@",
        "@start.example",
        "<script>@start.example",
        f"{'a' * 250}@start.example",
        f"ann@{'ü' * 80}.example",
        "ann@start.example\r\nBcc: x@evil.example",
    ],
)
def test_what_only_looks_like_an_address_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError):
        canonical(typed)


def test_twins_by_case_are_one_account_and_twins_by_dot_and_plus_are_not(client: Client, mailbox: Mailbox) -> None:
    for email in ("ann@start.example", "ANN@start.example", "a.nn@start.example", "ann+1@start.example"):
        Client().post(reverse("account_signup"), {"email": email, "password1": PASSWORD})
    assert sorted(User.objects.values_list("email", flat=True)) == [
        "a.nn@start.example",
        "ann+1@start.example",
        "ann@start.example",
    ]


def test_both_ways_to_write_a_domain_are_one_account(client: Client, db: None) -> None:
    for email in ("ann@bücher.example", "ann@xn--bcher-kva.example"):
        Client().post(reverse("account_signup"), {"email": email, "password1": PASSWORD})
    user = User.objects.get()
    EmailAddress.objects.update(verified=True)
    answer = client.post(reverse("account_login"), {"login": "Ann@Bücher.example", "password": PASSWORD})
    assert (user.email, answer.status_code) == ("ann@xn--bcher-kva.example", 302)


def change(client: Client, email: str) -> int:
    return client.post(reverse("account_email"), {"email": email, "action_add": ""}).status_code


def test_a_new_address_counts_once_it_is_confirmed_and_the_old_one_is_told(
    client_of: ClientOf, owner: User, mailbox: Mailbox
) -> None:
    client, old = prove(client_of(owner)), owner.email
    assert change(client, "Owner@New.example") == 302
    owner.refresh_from_db()
    assert owner.email == old
    assert "owner@new.example" in client.get(reverse("account_email")).content.decode()
    (asked,) = mailbox()
    assert asked.to == ["owner@new.example"]
    assert client.post(link_in(asked)).status_code == 302
    owner.refresh_from_db()
    assert owner.email == "owner@new.example"
    told = mailbox()[1]
    assert told.to == [old]
    assert f"from {old} to owner@new.example" in everything_in(told)
    assert [*EmailAddress.objects.filter(user=owner).values_list("email", "verified")] == [("owner@new.example", True)]
    event = AccountEvent.objects.get(name="email.changed")
    assert (event.before, event.after) == ({"email": "o…@acme.example"}, {"email": "o…@new.example"})


def test_the_address_is_not_changed_without_asking_who_it_is(client_of: ClientOf, owner: User) -> None:
    client = client_of(owner)
    answer = client.post(reverse("account_email"), {"email": "owner@new.example", "action_add": ""})
    assert answer.url.startswith(reverse("account_reauthenticate"))
    assert not EmailAddress.objects.filter(email="owner@new.example").exists()


def test_somebody_elses_address_is_not_taken_over(
    client_of: ClientOf, owner: User, outsider: User, mailbox: Mailbox
) -> None:
    client = prove(client_of(owner))
    assert change(client, outsider.email.upper()) == 302
    (asked,) = mailbox()
    client.post(link_in(asked))
    owner.refresh_from_db()
    assert owner.email == "owner@acme.example"


def test_who_confirms_an_address_that_was_taken_meanwhile_is_told_so(
    client_of: ClientOf, owner: User, mailbox: Mailbox
) -> None:
    client = prove(client_of(owner))
    change(client, "shared@new.example")
    link = link_in(mailbox()[0])
    Client().post(reverse("account_signup"), {"email": "shared@new.example", "password1": PASSWORD})
    assert client.post(link, follow=True).status_code == 200
    owner.refresh_from_db()
    assert owner.email == "owner@acme.example"


@pytest.mark.parametrize("email", ["", "no address", "аnn@start.example", "owner@acme.example"])
def test_an_unfit_new_address_is_refused(client_of: ClientOf, owner: User, email: str) -> None:
    assert change(prove(client_of(owner)), email) == 422


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ann Example", "Ann Example"),
        ("  Ann \n Example ", "Ann Example"),
        ("\u202eelpmaxE nnA", "elpmaxE nnA"),
        ("Ann\u200b\u2066\u2069 Example", "Ann Example"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("Zoe\u0308", "Zoë"),
        ("", ""),
    ],
)
def test_a_name_is_kept_as_it_reads(client_of: ClientOf, owner: User, typed: str, kept: str) -> None:
    client = client_of(owner)
    assert client.post(reverse("account-profile"), {"name": typed}).status_code == 302
    owner.refresh_from_db()
    assert owner.name == kept
    assert "<script>alert(1)" not in client.get(reverse("account-profile")).content.decode()


@pytest.mark.parametrize("typed", ["x" * 500, "a\0b"])
def test_an_unfit_name_is_refused(client_of: ClientOf, owner: User, typed: str) -> None:
    assert client_of(owner).post(reverse("account-profile"), {"name": typed}).status_code == 422
