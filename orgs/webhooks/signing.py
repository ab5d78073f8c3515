"""Signatures of the Standard Webhooks specification, version 1: HMAC-SHA256 under a shared secret. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
_BYTES = 32


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def signature(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 of the MAC over `id.timestamp.body`; `timestamp` in whole seconds."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def signed_headers(secrets_known: Sequence[str], *, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """With one signature for each secret, newest first: a receiver needs to know only one of them."""
    signatures = [signature(s, message_id=message_id, timestamp=timestamp, body=body) for s in secrets_known]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
