"""One error for every way a provider can fail, so that retries are decided by kind alone."""

from __future__ import annotations

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


class LlmError(Exception):
    """A failed call. `message` is for people and never contains a key; `retry_after` is in seconds."""

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        retry_after: float | None = None,
        status: int | None = None,
        request_id: str = "",
        rate_limits: RateLimits | None = None,
    ) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message
        self.retry_after = retry_after
        self.status = status
        self.request_id = request_id
        self.rate_limits = rate_limits or RateLimits()

    @property
    def retryable(self) -> bool:
        return self.kind in TRANSIENT
