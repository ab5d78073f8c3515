"""How allauth keeps our accounts."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.core.exceptions import ValidationError

MAX_EMAIL = 254


class AccountAdapter(DefaultAccountAdapter):
    def clean_email(self, email: str) -> Any:
        """Allauth would cut a longer address off and write to somebody else."""
        if len(email) > MAX_EMAIL:
            raise ValidationError(f"An e-mail address has at most {MAX_EMAIL} characters.")
        return super().clean_email(email)
