"""Signing in through a company's own OpenID Connect server, and Google: nobody gets into somebody else's account."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse

from accounts.models import AccountEvent, User
from config import environment
from tests.accounts.identity_server import CLIENT, SECRET, IdentityServer, serve
from tests.accounts.letters import Mailbox
from tests.cast import prove
from tests.guards.tree import addresses
from tests.screens import ClientOf

ANN = {"sub": "ann-7", "email": "ann@start.example", "email_verified": True, "name": "Ann \u202eExample"}
LOGIN = "/accounts/oidc/oidc/login/"


@pytest.fixture
def identity(settings: Any, monkeypatch: pytest.MonkeyPatch, db: None) -> Iterator[IdentityServer]:
    with serve() as server:
        server.claims = dict(ANN)
        monkeypatch.setenv("OIDC_NAME", "Acme account")
        monkeypatch.setenv("OIDC_SERVER_URL", server.url)
        monkeypatch.setenv("OIDC_CLIENT_ID", CLIENT)
        monkeypatch.setenv("OIDC_CLIENT_SECRET", SECRET)
        settings.SOCIALACCOUNT_PROVIDERS = environment.sign_in_services()
        yield server


def leave(client: Client, *, process: str = "login", **extra: str) -> dict[str, list[str]]:
    """What we ask the service for, as the page in between sends the browser there."""
    page = client.post(f"{LOGIN}?process={process}", **extra)
    assert page.status_code == 200
    found = re.search(r'content="0;url=([^"]+)"', page.content.decode())
    assert found is not None
    return parse_qs(urlsplit(unescape(found[1])).query)


def come_back(client: Client, asked: dict[str, list[str]], **changed: str) -> Any:
    return client.get("/accounts/oidc/oidc/login/callback/", {"code": "a-code", "state": asked["state"][0], **changed})


def go_through(client: Client, *, process: str = "login") -> Any:
    return come_back(client, leave(client, process=process))


def is_in(client: Client) -> bool:
    return client.get(reverse("account-profile")).status_code == 200


def test_nothing_is_offered_where_nothing_is_configured(client: Client, db: None) -> None:
    for name in ("account_login", "account_signup"):
        assert "Continue with" not in client.get(reverse(name)).content.decode()
    assert client.post(LOGIN).status_code == 404


SERVICE_PATHS = sorted(
    re.sub("<[^>]+>", "missing", found.route)
    for found in addresses()
    if found.route.startswith(("accounts/google/", "accounts/oidc/<str:"))
)


def test_every_address_of_a_service_is_known() -> None:
    assert {"google/login/", "google/login/callback/", "google/login/token/"} <= {
        path.removeprefix("accounts/") for path in SERVICE_PATHS
    }


@pytest.mark.parametrize("path", [*SERVICE_PATHS, "accounts/oidc/x%00/login/", "accounts/oidc/%00/login/callback/"])
def test_a_service_that_is_not_configured_is_not_there(client: Client, db: None, path: str) -> None:
    answers = [client.get(f"/{path}"), client.post(f"/{path}")]
    assert [answer.status_code for answer in answers] == [404, 404]


def test_what_is_configured_is_offered(client: Client, identity: IdentityServer) -> None:
    for name in ("account_login", "account_signup"):
        page = client.get(reverse(name)).content.decode()
        assert "Continue with Acme account" in page
        assert "Google" not in page


def test_somebody_comes_through_a_service_and_gets_an_account_without_a_password(
    client: Client, identity: IdentityServer
) -> None:
    asked = leave(client)
    assert asked["redirect_uri"] == ["http://localhost:8000/accounts/oidc/oidc/login/callback/"]
    assert asked["code_challenge_method"] == ["S256"]
    assert come_back(client, asked).status_code == 302
    assert is_in(client)
    user = User.objects.get()
    assert (user.email, user.name, user.has_usable_password()) == ("ann@start.example", "Ann Example", False)
    assert identity.grants[0]["code_verifier"]
    assert AccountEvent.objects.filter(user=user, name="account.opened").exists()


def test_who_has_come_before_comes_again(client: Client, identity: IdentityServer) -> None:
    go_through(client)
    again = Client()
    identity.claims["email"] = "changed@start.example"
    go_through(again)
    assert is_in(again)
    assert User.objects.count() == 1


def test_a_service_may_write_the_word(client: Client, identity: IdentityServer) -> None:
    identity.claims["email_verified"] = "true"
    go_through(client)
    assert is_in(client)


@pytest.mark.parametrize("verified", [False, None, "false", 0, "yes"])
def test_an_unverified_address_opens_no_account(client: Client, identity: IdentityServer, verified: Any) -> None:
    identity.claims["email_verified"] = verified
    answer = go_through(client)
    assert answer.url == reverse("account_login")
    assert "has not verified" in client.get(answer.url).content.decode()
    assert not User.objects.exists()
    assert not is_in(client)


@pytest.mark.parametrize(
    "email", [None, "", "no address", "аnn@start.example", "ann@start.example\r\nBcc: x@y.example"]
)
def test_an_unfit_address_opens_no_account(client: Client, identity: IdentityServer, email: str | None) -> None:
    identity.claims["email"] = email
    assert go_through(client).url == reverse("account_login")
    assert not User.objects.exists()


@pytest.mark.parametrize("verified", [True, False])
def test_an_account_is_not_taken_over_by_who_claims_its_address(
    client: Client, identity: IdentityServer, owner: User, verified: bool, mailbox: Mailbox
) -> None:
    identity.claims |= {"email": owner.email.upper(), "email_verified": verified}
    assert go_through(client).url == reverse("account_login")
    assert not is_in(client)
    assert not SocialAccount.objects.exists()


def test_who_is_signed_in_connects_a_service_and_comes_through_it(
    client_of: ClientOf, identity: IdentityServer, owner: User, mailbox: Mailbox
) -> None:
    client = prove(client_of(owner))
    assert go_through(client, process="connect").url == reverse("socialaccount_connections")
    assert mailbox()[0].subject == "A sign-in service was connected"
    assert AccountEvent.objects.filter(user=owner, name="service.connected").exists()
    fresh = Client()
    go_through(fresh)
    assert fresh.get(reverse("account-profile")).context["user"] == owner
    page = client.get(reverse("account-security")).content.decode()
    assert "One service opens your account." in page


def test_a_service_is_disconnected_unless_it_is_the_only_way_in(
    client: Client, client_of: ClientOf, identity: IdentityServer, owner: User
) -> None:
    go_through(client)
    loner = User.objects.get(email="ann@start.example")
    prove(client)
    account = SocialAccount.objects.get()
    assert client.post(reverse("socialaccount_connections"), {"account": account.pk}).status_code == 422
    loner.set_password("a password of their own")
    loner.save()
    client = prove(client_of(loner))
    assert client.post(reverse("socialaccount_connections"), {"account": account.pk}).status_code == 302
    assert not SocialAccount.objects.exists()
    assert AccountEvent.objects.filter(user=loner, name="service.disconnected").exists()


def test_connecting_asks_again_who_it_is(client_of: ClientOf, identity: IdentityServer, owner: User) -> None:
    answer = client_of(owner).post(f"{LOGIN}?process=connect")
    assert answer.url.startswith(reverse("account_reauthenticate"))


def test_a_state_that_is_not_ours_signs_nobody_in(client: Client, identity: IdentityServer) -> None:
    asked = leave(client)
    for state in ("", "made-up"):
        assert "That did not work" in come_back(client, asked, state=state).content.decode()
    assert "That did not work" in come_back(Client(), asked).content.decode()
    assert not User.objects.exists()


def test_a_state_is_good_once(client: Client, identity: IdentityServer) -> None:
    asked = leave(client)
    come_back(client, asked)
    client.post(reverse("account_logout"))
    assert "That did not work" in come_back(client, asked).content.decode()
    assert not is_in(client)


def test_a_service_that_refuses_is_told_as_such(client: Client, identity: IdentityServer) -> None:
    identity.broken = True
    assert "That did not work" in go_through(client).content.decode()
    asked = leave(client)
    assert come_back(client, asked, error="access_denied", code="").url == reverse("socialaccount_login_cancelled")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]:9999"])
def test_the_way_back_is_ours_whatever_the_request_calls_us(
    client: Client, identity: IdentityServer, host: str
) -> None:
    asked = leave(client, HTTP_HOST=host)
    assert asked["redirect_uri"] == ["http://localhost:8000/accounts/oidc/oidc/login/callback/"]


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_a_service_leads_to_no_other_site(client: Client, identity: IdentityServer, target: str) -> None:
    page = client.post(LOGIN, {"next": target}, query_params={"process": "login", "next": target})
    asked = parse_qs(urlsplit(unescape(re.findall(r'content="0;url=([^"]+)"', page.content.decode())[0])).query)
    assert come_back(client, asked).url == "/"


def test_google_is_offered_with_its_variables(
    monkeypatch: pytest.MonkeyPatch, client: Client, settings: Any, db: None
) -> None:
    monkeypatch.setenv("GOOGLE_CLIENT_ID", "an-id")
    with pytest.raises(ImproperlyConfigured, match="GOOGLE_CLIENT_SECRET"):
        environment.sign_in_services()
    monkeypatch.setenv("GOOGLE_CLIENT_SECRET", "a-secret")
    settings.SOCIALACCOUNT_PROVIDERS = environment.sign_in_services()
    assert "Continue with Google" in client.get(reverse("account_login")).content.decode()
    page = client.post("/accounts/google/login/?process=login").content.decode()
    assert 'content="0;url=https://accounts.google.com/' in page
    assert "a-secret" not in page
