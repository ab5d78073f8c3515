"""One error for every way a provider can fail, so that retries are decided by kind alone."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from .types import RateLimits


class ErrorKind(StrEnum):
    # Permanent: asking again the same way cannot help.
    AUTH = "auth"  # missing, wrong or revoked key; no access to the model
    BAD_REQUEST = "bad_request"
    NOT_FOUND = "not_found"  # unknown model
    CONTENT_POLICY = "content_policy"
    BILLING = "billing"  # the provider's account has no money left
    QUOTA = "quota"  # our own allowance is used up
    UNSUPPORTED = "unsupported"  # this provider cannot do that at all
    # Transient.
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"  # 503, 529
    SERVER = "server"  # other 5xx
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    BAD_RESPONSE = "bad_response"  # HTML instead of JSON, a cut-off stream, no choices
    BREAKER_OPEN = "breaker_open"  # we paused this lane ourselves: nothing was sent


TRANSIENT = frozenset(
    {
        ErrorKind.RATE_LIMITED,
        ErrorKind.OVERLOADED,
        ErrorKind.SERVER,
        ErrorKind.TIMEOUT,
        ErrorKind.CONNECTION,
        ErrorKind.BAD_RESPONSE,
        ErrorKind.BREAKER_OPEN,
    }
)


def gettext_noop(sentence: str) -> str:
    """Marks a sentence for the translations' catalogue, which is all that this layer has to do with languages."""
    return sentence


class LlmError(Exception):
    """A failed call. `sentence` is for people and never contains a key: English, with `values` for its places, or
    `verbatim` what the provider said. `retry_after` is in seconds."""

    def __init__(
        self,
        kind: ErrorKind,
        sentence: str,
        *,
        values: Mapping[str, object] | None = None,
        verbatim: bool = False,
        retry_after: float | None = None,
        status: int | None = None,
        request_id: str = "",
        rate_limits: RateLimits | None = None,
    ) -> None:
        super().__init__(kind, sentence)
        self.kind = kind
        self.sentence = sentence
        self.values = values or {}
        self.verbatim = verbatim
        self.retry_after = retry_after
        self.status = status
        self.request_id = request_id
        self.rate_limits = rate_limits or RateLimits()

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"

    @property
    def message(self) -> str:
        """In English, for logs."""
        return self.sentence % self.values if self.values else self.sentence

    @property
    def retryable(self) -> bool:
        return self.kind in TRANSIENT
