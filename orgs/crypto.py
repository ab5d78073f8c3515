"""Secrets at rest: AES-256-GCM, bound to the row they belong to, under keys that can be rotated."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_VERSION = b"\x01"
_NONCE = 12
_TAG = 16


class Undecipherable(ValueError):
    """A stored secret that no current key opens: it was altered, belongs to another row, or its key is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """The row that a secret belongs to; moved to any other row it cannot be opened."""

    table: str
    uuid: UUID
    org_id: int
    purpose: str = ""

    def encode(self) -> bytes:
        parts = (self.table, str(self.uuid), str(self.org_id), self.purpose)
        # Lengths keep ("ab", "c") and ("a", "bc") apart.
        return b"".join(len(part.encode()).to_bytes(4) + part.encode() for part in parts)


def encrypt(secret: str, *, binding: Binding) -> bytes:
    """One version byte, the nonce, the ciphertext with its tag; under the first of `ENCRYPTION_KEYS`."""
    nonce = os.urandom(_NONCE)
    sealed = _ciphers()[0].encrypt(nonce, secret.encode(), _VERSION + binding.encode())
    return _VERSION + nonce + sealed


def decrypt(stored: bytes | memoryview, *, binding: Binding) -> str:
    """The secret, under whichever of `ENCRYPTION_KEYS` wrote it. Raises `Undecipherable`."""
    stored = bytes(stored)
    if stored[:1] != _VERSION or len(stored) < len(_VERSION) + _NONCE + _TAG:
        raise Undecipherable("The stored secret is not in a format that this version knows.")
    nonce, sealed = stored[1 : 1 + _NONCE], stored[1 + _NONCE :]
    for cipher in _ciphers():
        try:
            return cipher.decrypt(nonce, sealed, _VERSION + binding.encode()).decode()
        except InvalidTag:
            continue
    raise Undecipherable(
        "The stored secret cannot be read: it was altered, or the encryption key that wrote it is no longer set."
    )


def _ciphers() -> tuple[AESGCM, ...]:
    return _derived(tuple(settings.ENCRYPTION_KEYS))


@lru_cache(maxsize=8)
def _derived(keys: tuple[str, ...]) -> tuple[AESGCM, ...]:
    return tuple(AESGCM(_derive(key)) for key in keys)


def _derive(key: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"prompter secrets at rest v1").derive(key.encode())
