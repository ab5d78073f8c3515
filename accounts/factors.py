"""Second factors: whose secrets are sealed at rest, and which site a passkey belongs to."""

from __future__ import annotations

import base64
from functools import lru_cache
from hashlib import sha256
from urllib.parse import urlsplit

from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


class FactorAdapter(DefaultMFAAdapter):
    def encrypt(self, text: str) -> str:
        return _box(tuple(settings.ENCRYPTION_KEYS)).encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _box(tuple(settings.ENCRYPTION_KEYS)).decrypt(encrypted_text.encode()).decode()

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """The site as configured: a passkey made under another name of the server would open nothing later."""
        return {"id": urlsplit(settings.SITE_URL).hostname or "", "name": "Prompter"}


@lru_cache(maxsize=4)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    derived = (sha256(b"accounts.factors:" + key.encode()).digest() for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])
