"""Passwords that are known from breaches: five characters of a hash leave this machine, never the password."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from pwned_passwords_django.api import PwnedPasswords
from pwned_passwords_django.validators import PwnedPasswordsValidator


class BreachedPasswordValidator(PwnedPasswordsValidator):
    """Where the list cannot be asked, the common passwords that Django knows are refused, and nobody waits long."""

    def __init__(self) -> None:
        client = PwnedPasswords()
        client.api_endpoint = settings.BREACHED_PASSWORDS_URL
        super().__init__(
            error_message=_("This password is known from a breach of some other site. Choose another."),
            help_message=_("Your password can't be one that is known from a breach."),
            api_client=client,
        )

    def validate(self, password: str, user: Any = None) -> None:
        try:
            super().validate(password, user)
        except ValueError:  # an answer in no form that we know
            self.fallback_validator.validate(password)
