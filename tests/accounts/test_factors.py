"""Authenticator apps, recovery codes and passkeys; asking again who it is."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, TestCase
from django.urls import reverse

from accounts.access import reauthenticated
from accounts.factors import FactorAdapter
from accounts.models import AccountEvent, User
from tests.accounts.letters import Mailbox
from tests.cast import PASSWORD, prove
from tests.screens import ClientOf


def code_for(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time())))))


def add_app(client: Client) -> str:
    page = client.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    with TestCase.captureOnCommitCallbacks(execute=True):
        answer = client.post(reverse("mfa_activate_totp"), {"code": code_for(secret)})
    assert answer.url == reverse("mfa_view_recovery_codes")
    return str(secret)


def sign_in(client: Client, user: User) -> Any:
    return client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})


def test_an_app_is_added_and_then_asked_for(client_of: ClientOf, owner: User, mailbox: Mailbox) -> None:
    client = prove(client_of(owner))
    secret = add_app(client)
    codes = client.get(reverse("mfa_view_recovery_codes")).context["unused_codes"]
    assert len(codes) == 10
    assert {sent.subject for sent in mailbox()} >= {"An authenticator app was added"}
    fresh = Client()
    assert sign_in(fresh, owner).url == reverse("mfa_authenticate")
    assert fresh.get(reverse("account-security")).status_code == 302
    assert fresh.post(reverse("mfa_authenticate"), {"code": "000000"}).status_code == 422
    assert AccountEvent.objects.filter(user=owner, name="mfa.failed").count() == 1
    other = Client()
    sign_in(other, owner)
    assert other.post(reverse("mfa_authenticate"), {"code": codes[0]}).status_code == 302
    assert other.get(reverse("account-security")).status_code == 200
    again = Client()
    sign_in(again, owner)
    assert again.post(reverse("mfa_authenticate"), {"code": codes[0]}).status_code == 422
    assert secret not in str(Authenticator.objects.values_list("data", flat=True))
    assert codes[1] not in str(Authenticator.objects.values_list("data", flat=True))


def test_an_app_is_not_added_with_a_wrong_code(client_of: ClientOf, owner: User) -> None:
    client = prove(client_of(owner))
    client.get(reverse("mfa_activate_totp"))
    assert client.post(reverse("mfa_activate_totp"), {"code": "000000"}).status_code == 422
    assert not Authenticator.objects.exists()


def test_the_picture_of_the_key_names_us(client_of: ClientOf, owner: User) -> None:
    page = prove(client_of(owner)).get(reverse("mfa_activate_totp"))
    parts = urlsplit(page.context["totp_url"])
    assert parse_qs(parts.query)["issuer"] == ["Prompter"]
    assert page.context["totp_svg_data_uri"].startswith("data:image/svg+xml")


def test_an_app_is_removed_with_its_recovery_codes(client_of: ClientOf, owner: User) -> None:
    client = prove(client_of(owner))
    add_app(client)
    assert client.get(reverse("mfa_deactivate_totp")).status_code == 200
    assert client.post(reverse("mfa_deactivate_totp")).status_code == 302
    assert not Authenticator.objects.exists()
    assert set(AccountEvent.objects.values_list("name", flat=True)) >= {"mfa.added", "mfa.removed"}


def test_new_recovery_codes_replace_the_old_ones(client_of: ClientOf, owner: User) -> None:
    client = prove(client_of(owner))
    add_app(client)
    old = client.get(reverse("mfa_view_recovery_codes")).context["unused_codes"]
    assert client.get(reverse("mfa_generate_recovery_codes")).status_code == 200
    assert client.post(reverse("mfa_generate_recovery_codes")).status_code == 302
    new = client.get(reverse("mfa_view_recovery_codes")).context["unused_codes"]
    assert not set(old) & set(new)
    download = client.get(reverse("mfa_download_recovery_codes"))
    assert new[0] in download.content.decode()


@pytest.mark.parametrize(
    "name",
    [
        "mfa_activate_totp",
        "mfa_deactivate_totp",
        "mfa_add_webauthn",
        "mfa_view_recovery_codes",
        "mfa_generate_recovery_codes",
        "account_set_password",
        "account-export",
        "account-close",
    ],
)
def test_dangerous_pages_ask_again_who_it_is(client_of: ClientOf, owner: User, name: str) -> None:
    Authenticator.objects.create(user=owner, type="totp", data={"secret": FactorAdapter().encrypt("A" * 32)})
    Authenticator.objects.create(user=owner, type="recovery_codes", data={})
    answer = client_of(owner).get(reverse(name))
    assert answer.status_code == 302
    assert answer.url.split("?")[0] == reverse("account_reauthenticate")


def test_the_password_confirms_who_it_is_and_leads_back(client_of: ClientOf, owner: User) -> None:
    client = client_of(owner)
    asked = client.get(reverse("account-close")).url
    assert client.post(asked, {"password": "not it"}).status_code == 422
    assert client.post(asked, {"password": PASSWORD}).url == reverse("account-close")
    assert client.get(reverse("account-close")).status_code == 200
    assert AccountEvent.objects.filter(user=owner, name="sign_in.confirmed").exists()


def test_a_proof_grows_old(client_of: ClientOf, owner: User) -> None:
    client = prove(client_of(owner))
    session = client.session
    session["account_authentication_methods"] = [
        {"method": "password", "at": time.time() - 301, "reauthenticated": True}
    ]
    session.save()
    assert client.get(reverse("account-close")).status_code == 302


def test_who_has_no_password_gets_a_code_by_mail(client_of: ClientOf, owner: User, mailbox: Mailbox) -> None:
    owner.set_unusable_password()
    owner.save()
    client = client_of(owner)
    asked = client.get(reverse("account-close")).url
    assert asked.split("?")[0] == reverse("account-reauthenticate-by-mail")
    assert client.get(asked).status_code == 200
    assert mailbox() == []
    assert client.post(asked, {"send": "1", "next": reverse("account-close")}).status_code == 200
    (sent,) = mailbox()
    code = sent.subject.split()[0]
    assert code not in str(dict(client.session))
    wrong = str((int(code) + 1) % 10**8).zfill(8)
    assert client.post(asked, {"code": wrong}).status_code == 422
    answer = client.post(asked, {"code": f"{code[:4]} {code[4:]}", "next": reverse("account-close")})
    assert answer.url == reverse("account-close")
    assert client.get(reverse("account-close")).status_code == 200


def test_a_code_by_mail_cannot_be_guessed(client_of: ClientOf, owner: User, mailbox: Mailbox) -> None:
    client = client_of(owner)
    url = reverse("account-reauthenticate-by-mail")
    client.post(url, {"send": "1"})
    code = mailbox()[0].subject.split()[0]
    for guess in range(5):
        assert client.post(url, {"code": str((int(code) + 1 + guess) % 10**8).zfill(8)}).status_code == 422
    assert client.post(url, {"code": code}).status_code == 422
    assert not client.session.get("account_authentication_methods")


def test_a_code_by_mail_leads_to_no_other_site(client_of: ClientOf, owner: User, mailbox: Mailbox) -> None:
    client = client_of(owner)
    url = f"{reverse('account-reauthenticate-by-mail')}?next=https://evil.example/"
    client.post(url, {"send": "1", "next": "https://evil.example/"})
    code = mailbox()[0].subject.split()[0]
    assert client.post(url, {"code": code, "next": "//evil.example/"}).url == reverse("account-security")


def test_strangers_pass_the_decorator_to_whatever_turns_them_away(client: Client, db: None) -> None:
    from django.contrib.auth.models import AnonymousUser

    @reauthenticated
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("reached")

    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    assert view(request).content == b"reached"


def test_secrets_of_factors_are_sealed_and_keys_can_be_rotated(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = ["old"]
    sealed = FactorAdapter().encrypt("JBSWY3DPEHPK3PXP")
    assert "JBSWY3DPEHPK3PXP" not in sealed
    settings.ENCRYPTION_KEYS = ["new", "old"]
    assert FactorAdapter().decrypt(sealed) == "JBSWY3DPEHPK3PXP"


def test_a_passkey_belongs_to_the_site_and_not_to_what_a_request_calls_it(client_of: ClientOf, owner: User) -> None:
    client = prove(client_of(owner))
    page = client.get(reverse("mfa_add_webauthn"), HTTP_HOST="127.0.0.1")
    assert page.context["js_data"]["creation_options"]["publicKey"]["rp"]["id"] == "localhost"


def test_a_made_up_passkey_opens_nothing(client: Client, owner: User) -> None:
    asked = client.get(reverse("mfa_login_webauthn"), headers={"Accept": "application/json"})
    assert "challenge" in asked.json()["request_options"]["publicKey"]
    handle = '{"id": "eA", "rawId": "eA", "type": "public-key", "response": {"userHandle": "%s"}}'
    for credential in ("", "{}", "[]", "null", "7", '{"id": "x"}', "\0", handle % "eA", handle % "\u00fc"):
        assert client.post(reverse("mfa_login_webauthn"), {"credential": credential}).status_code == 302
    assert client.get(reverse("account-security")).status_code == 302


def test_a_made_up_passkey_is_not_added(client_of: ClientOf, owner: User) -> None:
    client = prove(client_of(owner))
    for credential in ("", "{}", "[]", "7", '{"id": "x", "response": {}}'):
        client.get(reverse("mfa_add_webauthn"))
        answer = client.post(reverse("mfa_add_webauthn"), {"name": "Mine", "credential": credential})
        assert answer.status_code == 422
    assert not Authenticator.objects.exists()


def test_who_has_a_second_factor_can_still_change_the_address(
    client_of: ClientOf, owner: User, mailbox: Mailbox
) -> None:
    client = prove(client_of(owner))
    add_app(client)
    client.post(reverse("account_email"), {"email": "owner@new.example", "action_add": ""})
    assert mailbox()[-1].to == ["owner@new.example"]
