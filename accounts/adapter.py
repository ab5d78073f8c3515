"""How allauth keeps our accounts."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal.ratelimit import respond_429
from django.core.exceptions import ImproperlyConfigured, PermissionDenied, ValidationError
from django.http import HttpRequest
from django.urls import reverse

from accounts import mail, notices
from accounts.addresses import canonical, canonical_or_same
from accounts.models import User


class AccountAdapter(DefaultAccountAdapter):
    def clean_email(self, email: str) -> Any:
        """Allauth would cut a longer address off and write to somebody else."""
        return canonical(email)

    def get_client_ip(self, request: HttpRequest) -> str:
        """Who comes past the proxies has no address that can be believed: what is limited by one is closed to them."""
        try:
            return str(super().get_client_ip(request))
        except ImproperlyConfigured as error:
            raise PermissionDenied(str(error)) from error

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Allauth would say so in the form, with a status that no program understands."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError as error:
            raise ImmediateHttpResponse(respond_429(request)) from error

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        if "email" in credentials:
            credentials["email"] = canonical_or_same(credentials["email"])
        return super().authenticate(request, **credentials)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        from accounts.records import record

        user = User.objects.filter(email__iexact=credentials.get("email", "")).first()
        if user is not None:
            record(user, "sign_in.failed")

    def confirm_email(self, request: HttpRequest, email_address: Any) -> bool:
        """Somebody else may have signed up with the address since the link was sent."""
        taken = User.objects.filter(email__iexact=email_address.email).exclude(pk=email_address.user_id).exists()
        if taken:
            self.add_message(request, 40, "account/messages/email_confirmation_failed.txt", {"email": email_address})
            return False
        return super().confirm_email(request, email_address)

    def get_reset_password_from_key_url(self, key: str) -> str:
        uid, _, token = key.partition("-")
        return mail.site_link(reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": token}))

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return mail.site_link(reverse("account_confirm_email", args=[emailconfirmation.key]))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Rendered by our own templates, in the language of whoever has the address, and sent by a worker."""
        template, known = notices.letter(template_prefix, context)
        user = context.get("user") or User.objects.filter(email__iexact=email).first()
        mail.send(template, to=email, context=known | {"recipient": user}, language=user.language if user else "")

    def is_safe_url(self, url: str) -> bool:
        """Allauth stumbles over what is not an address at all, as `http://[`."""
        try:
            return bool(super().is_safe_url(url))
        except ValueError:
            return False

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account-security")

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Who has neither password nor second factor here gets a code by mail."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if methods or not user.is_authenticated:
            return methods
        return [
            {
                "id": "mail",
                "description": notices.CODE_BY_MAIL,
                "url": reverse("account-reauthenticate-by-mail"),
            }
        ]
