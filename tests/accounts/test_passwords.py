"""Resetting, changing and choosing passwords; whatever a request claims the site is called."""

import hashlib
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import get_password_validators, validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AccountEvent, User
from accounts.passwords import BreachedPasswordValidator
from tests.accounts.letters import Mailbox, everything_in, link_in
from tests.cast import PASSWORD
from tests.screens import ClientOf

NEW = "another battery staple"
EVIL = "evil.example"
FORGED = [
    {"HTTP_HOST": EVIL},
    {"HTTP_HOST": f"{EVIL}:8000"},
    {"HTTP_HOST": f"localhost:8000@{EVIL}"},
    {"HTTP_HOST": f"localhost.{EVIL}"},
    {"HTTP_HOST": "127.0.0.1"},
    {"HTTP_HOST": "[::1]:9999"},
    {"HTTP_HOST": f"localhost:80.{EVIL}"},
    {"HTTP_X_FORWARDED_HOST": EVIL},
    {"HTTP_X_FORWARDED_HOST": f"{EVIL}, localhost"},
    {"HTTP_X_FORWARDED_SERVER": EVIL, "HTTP_X_HOST": EVIL, "HTTP_X_ORIGINAL_HOST": EVIL},
    {"HTTP_FORWARDED": f"host={EVIL};proto=https"},
    {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_PORT": "6666", "HTTP_X_FORWARDED_PREFIX": f"//{EVIL}"},
    {"SERVER_NAME": "127.0.0.1", "SERVER_PORT": "6666"},
]


def ask_reset(client: Client, email: str, **extra: str) -> Any:
    return client.post(reverse("account_reset_password"), {"email": email}, **extra)


def set_password(client: Client, link: str, password: str = NEW) -> Any:
    form_url = client.get(link).url
    return client.post(form_url, {"password1": password, "password2": password})


def test_a_forgotten_password_is_replaced_through_the_mailbox_once(
    client: Client, client_of: ClientOf, owner: User, mailbox: Mailbox
) -> None:
    elsewhere = client_of(owner)
    assert ask_reset(client, owner.email.upper()).url == reverse("account_reset_password_done")
    link = link_in(mailbox()[0])
    assert set_password(client, link).url == reverse("account_reset_password_from_key_done")
    owner.refresh_from_db()
    assert owner.check_password(NEW)
    assert elsewhere.get("/o/acme/").status_code == 302
    assert mailbox()[1].subject == "Your password was reset"
    assert "This link no longer works" in Client().get(link, follow=True).content.decode()
    assert AccountEvent.objects.filter(user=owner, name="password.reset").exists()


@pytest.mark.parametrize("headers", FORGED, ids=str)
def test_a_forged_host_never_gets_into_a_mail(
    client: Client, owner: User, mailbox: Mailbox, headers: dict[str, str]
) -> None:
    ask_reset(client, owner.email, **headers)
    client.post(reverse("account_signup"), {"email": "new@start.example", "password1": PASSWORD}, **headers)
    client.post(reverse("account_signup"), {"email": owner.email, "password1": PASSWORD}, **headers)
    ask_reset(client, "nobody@start.example", **headers)
    for message in mailbox():
        assert EVIL not in everything_in(message)
        assert "6666" not in everything_in(message)
        assert link_in(message)


def test_a_host_that_is_not_ours_is_refused_and_sends_nothing(client: Client, owner: User, mailbox: Mailbox) -> None:
    assert ask_reset(client, owner.email, HTTP_HOST=EVIL).status_code == 400
    assert mailbox() == []


def test_an_old_link_sets_nothing(client: Client, owner: User, mailbox: Mailbox) -> None:
    ask_reset(client, owner.email)
    link = link_in(mailbox()[0])
    with time_machine.travel(timezone.now() + timedelta(days=4), tick=False):
        assert "This link no longer works" in client.get(link, follow=True).content.decode()


def test_an_unknown_address_gets_the_same_page_and_a_mail_without_a_key(client: Client, mailbox: Mailbox) -> None:
    assert ask_reset(client, "nobody@start.example").url == reverse("account_reset_password_done")
    assert link_in(mailbox()[0]) == reverse("account_signup")


@pytest.mark.parametrize("typed", ["owner@acme\u3002example", "\uff4fwner@acme.example", "ow\u0131ner@acme.example"])
def test_a_look_alike_address_gets_no_link(client: Client, owner: User, mailbox: Mailbox, typed: str) -> None:
    assert ask_reset(client, typed).status_code == 422
    assert mailbox() == []


def test_an_address_that_somebody_only_wants_to_change_to_resets_nothing(
    client: Client, owner: User, mailbox: Mailbox
) -> None:
    EmailAddress.objects.create(user=owner, email="mistyped@start.example")
    ask_reset(client, "mistyped@start.example")
    assert link_in(mailbox()[0]) == reverse("account_signup")


def test_a_closed_account_resets_nothing(client: Client, owner: User, mailbox: Mailbox) -> None:
    User.objects.update(is_active=False)
    ask_reset(client, owner.email)
    assert link_in(mailbox()[0]) == reverse("account_signup")


def test_a_password_is_changed_by_who_knows_it(client_of: ClientOf, owner: User, mailbox: Mailbox) -> None:
    client, elsewhere = client_of(owner), client_of(owner)
    url = reverse("account_change_password")
    wrong = {"oldpassword": "not it", "password1": NEW, "password2": NEW}
    assert client.post(url, wrong).status_code == 422
    assert client.post(url, wrong | {"oldpassword": PASSWORD}).url == reverse("account-security")
    assert client.get(reverse("account-security")).status_code == 200
    assert elsewhere.get(reverse("account-security")).status_code == 302
    assert mailbox()[0].subject == "Your password was changed"
    assert AccountEvent.objects.filter(name="password.changed").count() == 1


class Range(BaseHTTPRequestHandler):
    """Answers as Have I Been Pwned does: the rest of each hash of the range, and how often it was seen."""

    answer: "bytes | None" = None
    asked: list[str]

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        if self.answer is None:
            self.send_response(503)
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def breaches(settings: Any) -> Iterator[type[Range]]:
    handler = type("Handler", (Range,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    settings.BREACHED_PASSWORDS_URL = f"http://127.0.0.1:{server.server_port}/range/"
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_password_from_a_breach_is_refused_and_only_five_characters_of_its_hash_leave(
    breaches: type[Range],
) -> None:
    digest = hashlib.sha1(NEW.encode()).hexdigest().upper()
    breaches.answer = f"{'0' * 35}:3\r\n{digest[5:]}:1,204".encode()
    with pytest.raises(ValidationError, match="known from a breach"):
        BreachedPasswordValidator().validate(NEW)
    assert breaches.asked == [f"/range/{digest[:5]}"]
    BreachedPasswordValidator().validate("nobody has ever used this one")


@pytest.mark.parametrize("answer", [None, b"<html>hello</html>", b"ABC:many"])
def test_without_an_answer_common_passwords_are_still_refused(breaches: type[Range], answer: bytes | None) -> None:
    breaches.answer = answer
    BreachedPasswordValidator().validate(NEW)
    with pytest.raises(ValidationError):
        BreachedPasswordValidator().validate("password123")


def test_a_server_that_cannot_be_reached_refuses_nobody(settings: Any) -> None:
    settings.BREACHED_PASSWORDS_URL = "http://127.0.0.1:9/range/"
    BreachedPasswordValidator().validate(NEW)


def test_the_check_is_part_of_choosing_a_password_where_it_is_on(settings: Any, breaches: type[Range]) -> None:
    breaches.answer = (hashlib.sha1(NEW.encode()).hexdigest().upper()[5:] + ":7").encode()
    validators = get_password_validators([{"NAME": "accounts.passwords.BreachedPasswordValidator"}])
    with pytest.raises(ValidationError, match="breach"):
        validate_password(NEW, password_validators=validators)
