"""Signing in through Google or an organization's own identity provider."""

from __future__ import annotations

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.providers.base import AuthProcess
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts.addresses import canonical
from accounts.forms import whose
from accounts.names import UnfitName, clean_line


class SocialAdapter(DefaultSocialAccountAdapter):
    """Nobody gets into an account because a service says that they have its e-mail address: an account is joined to
    a service only by somebody who is signed in to it. A new account needs an address that the service has verified."""

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        if sociallogin.is_existing or sociallogin.state.get("process") == AuthProcess.CONNECT:
            return
        provider = sociallogin.account.get_provider().name
        email = _verified_email(sociallogin)
        if email is None:
            _refuse(request, _("%(provider)s has not verified your e-mail address.") % {"provider": provider})
        elif whose(email) is not None:
            _refuse(
                request,
                _("There is an account with this address already. Sign in to it, then connect %(provider)s there.")
                % {"provider": provider},
            )
        else:
            sociallogin.user.email = email

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> Any:
        user = super().populate_user(request, sociallogin, data)
        given = data.get("name") or " ".join(filter(None, (data.get("first_name"), data.get("last_name"))))
        try:
            user.name = clean_line(str(given or ""))[:120]
        except UnfitName:
            user.name = ""
        return user

    def validate_disconnect(self, account: Any, accounts: Any) -> None:
        """The last way in stays."""
        if account.user.has_usable_password() or len(accounts) > 1:
            return
        raise ValidationError(_("Set a password first: this is the only way into your account."))


def _verified_email(sociallogin: Any) -> str | None:
    """The first address that is fit to be an account's; the others are dropped."""
    for address in sociallogin.email_addresses:
        try:
            email = canonical(address.email)
        except ValidationError:
            continue
        if address.verified:
            address.email, address.primary = email, True
            sociallogin.email_addresses = [address]
            return email
    return None


def _refuse(request: HttpRequest, sentence: str) -> None:
    messages.error(request, sentence)
    raise ImmediateHttpResponse(redirect("account_login"))
