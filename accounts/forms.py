"""Forms of accounts. An address is somebody's once their account has it; one they merely want to change to is not."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as allauth_forms
from allauth.mfa.adapter import get_adapter as get_factor_adapter
from allauth.mfa.webauthn import forms as passkey_forms
from cryptography.exceptions import InvalidSignature
from django import forms
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.addresses import canonical
from accounts.models import User
from accounts.names import UnfitName, clean_line


def whose(email: str) -> User | None:
    return User.objects.filter(email__iexact=email).first()


class SignupForm(allauth_forms.SignupForm):  # type: ignore[misc]
    def validate_unique_email(self, value: str) -> str:
        self.account_already_exists = whose(value) is not None
        return value

    def try_save(self, request: HttpRequest) -> Any:
        """A known address costs the same time: hashing a password is what a sign-up spends most of it on."""
        if self.account_already_exists:
            User().set_password(self.cleaned_data["password1"])
        try:
            with transaction.atomic():
                return super().try_save(request)
        except IntegrityError:
            if whose(self.cleaned_data["email"]) is None:
                raise
            self.account_already_exists = True  # since the form was looked at: it was sent twice
            return super().try_save(request)


class ResetPasswordForm(allauth_forms.ResetPasswordForm):  # type: ignore[misc]
    def clean_email(self) -> str:
        """Nothing goes to an address that an account merely wants to change to, nor to a look-alike that was typed."""
        email = canonical(self.cleaned_data["email"])
        user = whose(email)
        self.users = [user] if user is not None and user.is_active else []
        return email

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        super().save(request, **kwargs)
        return str(self.cleaned_data["email"])


class ProfileForm(forms.ModelForm):
    name = forms.CharField(
        label=_("Name"),
        required=False,
        max_length=120,
        help_text=_("How you appear to the others in your organizations."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )

    class Meta:
        model = User
        fields = ("name",)

    def clean_name(self) -> str:
        try:
            return clean_line(self.cleaned_data["name"])
        except UnfitName as error:
            raise forms.ValidationError(str(error)) from error


# What is not an answer of a browser fails somewhere in reading it.
_MALFORMED = (LookupError, TypeError, ValueError, AttributeError, InvalidSignature)
LONGEST_KEY_NAME = 100


def _name_of_passkey(**options: Any) -> forms.CharField:
    return forms.CharField(label=_("Name"), max_length=LONGEST_KEY_NAME, **options)


class AddPasskeyForm(passkey_forms.AddWebAuthnForm):  # type: ignore[misc]
    name = _name_of_passkey(required=False)
    passwordless = forms.BooleanField(
        label=_("It opens the account by itself"),
        help_text=_(
            "Without the password, by fingerprint, face or PIN. A plain security key stands beside the password."
        ),
        required=False,
        initial=True,
    )

    def clean_name(self) -> str:
        return clean_line(super().clean_name())

    def clean(self) -> Any:
        try:
            return super().clean()
        except _MALFORMED as error:
            raise get_factor_adapter().validation_error("incorrect_code") from error


class RenamePasskeyForm(passkey_forms.EditWebAuthnForm):  # type: ignore[misc]
    name = _name_of_passkey()

    def clean_name(self) -> str:
        return clean_line(self.cleaned_data["name"])


class _Answering(forms.Form):
    def clean_credential(self) -> Any:
        try:
            return super().clean_credential()  # type: ignore[misc]
        except _MALFORMED as error:
            raise get_factor_adapter().validation_error("incorrect_code") from error


class UsePasskeyForm(_Answering, passkey_forms.AuthenticateWebAuthnForm):  # type: ignore[misc]
    pass


class LoginByPasskeyForm(_Answering, passkey_forms.LoginWebAuthnForm):  # type: ignore[misc]
    pass


class ConfirmByPasskeyForm(_Answering, passkey_forms.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    pass


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )

    def clean_code(self) -> str:
        return "".join(self.cleaned_data["code"].split())
