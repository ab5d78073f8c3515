"""Forms of accounts. An address is somebody's once their account has it; one they merely want to change to is not."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as allauth_forms
from django import forms
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


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )

    def clean_code(self) -> str:
        return "".join(self.cleaned_data["code"].split())
