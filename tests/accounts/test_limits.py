"""Limits on attempts: they hold behind a proxy, and nobody chooses the address that they are counted by."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from config import asgi
from tests.cast import PASSWORD
from tests.screens import ClientOf

WRONG = {"login": "owner@acme.example", "password": "not the password"}


def attempts(times: int, url: str, data: dict[str, str], **extra: str) -> list[int]:
    return [Client().post(url, data, **extra).status_code for _ in range(times)]


def test_a_storm_of_sign_ups_from_one_address_ends(db: None) -> None:
    answers = [
        Client().post(reverse("account_signup"), {"email": f"a{n}@start.example", "password1": PASSWORD})
        for n in range(11)
    ]
    assert [answer.status_code for answer in answers] == [302] * 10 + [429]
    assert answers[-1]["Retry-After"] == "60"
    assert User.objects.count() == 10
    elsewhere = Client(REMOTE_ADDR="203.0.113.7")
    answer = elsewhere.post(reverse("account_signup"), {"email": "b@start.example", "password1": PASSWORD})
    assert answer.status_code == 302


def test_guessing_one_password_from_many_addresses_ends(owner: User) -> None:
    url = reverse("account_login")
    codes = [Client().post(url, WRONG, REMOTE_ADDR=f"203.0.113.{n}").status_code for n in range(12)]
    assert codes == [422] * 10 + [429] * 2
    right = {"login": owner.email.upper(), "password": PASSWORD}
    assert Client().post(url, right, REMOTE_ADDR="198.51.100.1").status_code == 429


def test_guessing_many_passwords_from_one_address_ends(db: None) -> None:
    url = reverse("account_login")
    codes = [
        Client().post(url, {"login": f"a{n}@start.example", "password": "not the password"}).status_code
        for n in range(11)
    ]
    assert codes == [422] * 10 + [429]


def test_one_network_of_ipv6_is_one_address(db: None) -> None:
    url = reverse("account_login")
    codes = [
        Client()
        .post(url, {"login": f"a{n}@start.example", "password": "x"}, REMOTE_ADDR=f"2001:db8:1:2::{n:x}")
        .status_code
        for n in range(11)
    ]
    assert codes[-1] == 429


def test_resets_of_one_address_end(owner: User) -> None:
    url = reverse("account_reset_password")
    codes = [Client().post(url, {"email": owner.email}, REMOTE_ADDR=f"203.0.113.{n}").status_code for n in range(4)]
    assert codes == [302, 302, 302, 429]


def test_a_limit_counts_nobody_who_signs_in(owner: User) -> None:
    url = reverse("account_login")
    for _ in range(12):
        assert Client().post(url, {"login": owner.email, "password": PASSWORD}).status_code == 302


def test_confirming_who_it_is_is_limited_too(client_of: ClientOf, owner: User) -> None:
    client = client_of(owner)
    url = reverse("account_reauthenticate")
    codes = [client.post(url, {"password": "not it"}).status_code for _ in range(12)]
    assert codes[0] == 422
    assert codes[-1] == 429


def test_the_operators_door_is_the_same_with_the_same_limits(operator: User) -> None:
    asked = Client().get("/operators/login/")
    assert asked.url.split("?")[0] == reverse("account_login")
    posted = Client().post("/operators/login/", {"username": operator.email, "password": PASSWORD})
    assert posted.url.split("?")[0] == reverse("account_login")
    wrong = {"login": operator.email, "password": "not the password"}
    codes = [Client().post(asked.url, wrong, REMOTE_ADDR=f"203.0.113.{n}").status_code for n in range(11)]
    assert codes == [422] * 10 + [429]


def test_nobody_chooses_an_address_where_there_is_no_proxy(db: None) -> None:
    headers = ("HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_CLIENT_IP", "HTTP_FORWARDED", "HTTP_CF_CONNECTING_IP")
    url = reverse("account_login")
    codes = [
        Client()
        .post(
            url,
            {"login": f"a{n}@start.example", "password": "x"},
            **dict.fromkeys(headers, f"for=203.0.113.{n}" if n % 2 else f"203.0.113.{n}"),
        )
        .status_code
        for n in range(11)
    ]
    assert codes == [422] * 10 + [429]


def test_behind_a_proxy_only_what_the_proxy_wrote_counts(db: None, settings: Any) -> None:
    """The proxy appends the caller's address to whatever the caller wrote."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    url = reverse("account_login")

    def ask(n: int, written: str) -> int:
        data = {"login": f"a{n}@start.example", "password": "x"}
        return Client().post(url, data, HTTP_X_FORWARDED_FOR=written, REMOTE_ADDR="10.0.0.1").status_code

    forged = [ask(n, f"192.0.2.{n}, 198.51.100.{n}, 203.0.113.9") for n in range(11)]
    assert forged == [422] * 10 + [429]
    assert ask(12, "203.0.113.9, 203.0.113.10") == 422


@pytest.mark.parametrize(
    "written", ["", "nonsense", "203.0.113.9:1234", "[2001:db8::1]:80", "<script>", ",", "a" * 4000]
)
def test_odd_headers_of_a_proxy_break_nothing(client: Client, owner: User, settings: Any, written: str) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    answer = client.post(reverse("account_login"), WRONG, HTTP_X_FORWARDED_FOR=written)
    assert answer.status_code in (422, 403)


def test_fewer_proxies_than_configured_break_nothing(client: Client, owner: User, settings: Any) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 2
    answer = client.post(reverse("account_login"), WRONG, HTTP_X_FORWARDED_FOR="203.0.113.9")
    assert answer.status_code == 403


async def test_the_web_server_takes_no_address_from_a_header() -> None:
    """As gunicorn.py sets it up: even a caller on this machine stays who they are."""
    import runpy

    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    configured = runpy.run_path(str(asgi.__file__).replace("asgi.py", "gunicorn.py"))["forwarded_allow_ips"]
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["client"], scope["scheme"]))

    wrapped = ProxyHeadersMiddleware(app, trusted_hosts=configured)
    headers = [(b"x-forwarded-for", b"203.0.113.9"), (b"x-forwarded-proto", b"https")]
    for client in (("127.0.0.1", 5), ("::1", 5), None, ("", 0)):
        await wrapped({"type": "http", "client": client, "scheme": "http", "headers": headers}, None, None)  # type: ignore[arg-type]
    assert seen == [(("127.0.0.1", 5), "http"), (("::1", 5), "http"), (None, "http"), (("", 0), "http")]
