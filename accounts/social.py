"""Signing in through Google or an organization's own identity provider."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from allauth.core.exceptions import ImmediateHttpResponse, ReauthenticationRequired
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base import AuthProcess
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from accounts.access import is_fresh
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
        if str(address.verified).lower() == "true":  # some services write the word
            address.email, address.primary, address.verified = email, True, True
            sociallogin.email_addresses = [address]
            return email
    return None


def _refuse(request: HttpRequest, sentence: str) -> None:
    messages.error(request, sentence)
    raise ImmediateHttpResponse(redirect("account_login"))


View = Callable[..., HttpResponseBase]


def coming_back(view: View) -> View:
    """The address that the service sends people back to is the configured one, whatever a request calls this site.
    What is not configured is not there."""

    @wraps(view)
    def at_our_address(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request.META["HTTP_HOST"] = urlsplit(settings.SITE_URL).netloc
        if "\0" in kwargs.get("provider_id", ""):
            raise Http404
        try:
            return view(request, *args, **kwargs)
        except SocialApp.DoesNotExist as error:
            raise Http404("This service is not configured") from error

    return at_our_address


def leaving(view: View) -> View:
    """A page that leads on stands where the view redirects to another site: the policy on forms forbids a redirect."""
    at_our_address = coming_back(view)

    @wraps(view)
    def through_page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        connects = AuthProcess.CONNECT in (request.GET.get("process"), request.POST.get("process"))
        if connects and request.user.is_authenticated and not is_fresh(request):
            raise ReauthenticationRequired
        response = at_our_address(request, *args, **kwargs)
        target = response.headers.get("Location", "")
        if request.method != "POST" or not urlsplit(target).netloc:
            return response
        return render(request, "socialaccount/login_redirect.html", {"redirect_to": target})

    return through_page
