"""One translation from every provider's way of failing to `LlmError`: by the provider's own code, then by status."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from . import headers as header_facts
from .errors import ErrorKind, LlmError, gettext_noop

_MAX_MESSAGE = 300

# Codes that say more than the status, which a mere `server_error` does not: OpenAI's `code` and `type`, Anthropic's
# `error.type`, Google's `status` and `reason`.
KIND_BY_CODE = {
    "insufficient_quota": ErrorKind.BILLING,
    "billing_hard_limit_reached": ErrorKind.BILLING,
    "billing_not_active": ErrorKind.BILLING,
    "billing_error": ErrorKind.BILLING,
    "contract_spend_limit_reached": ErrorKind.BILLING,
    "enforced_spend_limit_reached": ErrorKind.BILLING,
    "organization_on_hold": ErrorKind.BILLING,
    "invalid_api_key": ErrorKind.AUTH,
    "account_deactivated": ErrorKind.AUTH,
    "authentication_error": ErrorKind.AUTH,
    "permission_error": ErrorKind.AUTH,
    "unsupported_country_region_territory": ErrorKind.AUTH,
    "API_KEY_INVALID": ErrorKind.AUTH,
    "API_KEY_SERVICE_BLOCKED": ErrorKind.AUTH,
    "UNAUTHENTICATED": ErrorKind.AUTH,
    "PERMISSION_DENIED": ErrorKind.AUTH,
    "model_not_found": ErrorKind.NOT_FOUND,
    "invalid_model": ErrorKind.NOT_FOUND,
    "not_found_error": ErrorKind.NOT_FOUND,
    "NOT_FOUND": ErrorKind.NOT_FOUND,
    "content_policy_violation": ErrorKind.CONTENT_POLICY,
    "content_filter": ErrorKind.CONTENT_POLICY,
    "invalid_prompt": ErrorKind.CONTENT_POLICY,
    "bio_policy": ErrorKind.CONTENT_POLICY,
    "misalignment_policy_violation": ErrorKind.CONTENT_POLICY,
    "moderation_blocked": ErrorKind.CONTENT_POLICY,
    "context_length_exceeded": ErrorKind.BAD_REQUEST,
    "string_above_max_length": ErrorKind.BAD_REQUEST,
    "rate_limit_exceeded": ErrorKind.RATE_LIMITED,
    "rate_limit_error": ErrorKind.RATE_LIMITED,
    "request_rate_limit_exceeded": ErrorKind.RATE_LIMITED,
    "ramp_limit_exceeded": ErrorKind.RATE_LIMITED,
    "RESOURCE_EXHAUSTED": ErrorKind.RATE_LIMITED,
    "overloaded_error": ErrorKind.OVERLOADED,
    "server_is_overloaded": ErrorKind.OVERLOADED,
    "slow_down": ErrorKind.OVERLOADED,
    "UNAVAILABLE": ErrorKind.OVERLOADED,
    "timeout_error": ErrorKind.TIMEOUT,
    "gateway_timeout": ErrorKind.TIMEOUT,
    "DEADLINE_EXCEEDED": ErrorKind.TIMEOUT,
}
# Some failures are told apart only by their sentence.
KIND_BY_SENTENCE = (
    ("credit balance is too low", ErrorKind.BILLING),  # Anthropic: 400 invalid_request_error
    ("billing to be enabled", ErrorKind.BILLING),  # Google: 400 FAILED_PRECONDITION
    ("credits are depleted", ErrorKind.BILLING),  # Google: 429 RESOURCE_EXHAUSTED
    ("content filtering policy", ErrorKind.CONTENT_POLICY),  # Anthropic: 400 invalid_request_error
    ("content policy", ErrorKind.CONTENT_POLICY),  # Perplexity: 400 bad_request
    ("blocked by policy", ErrorKind.CONTENT_POLICY),  # Google: 400 INVALID_ARGUMENT
    ("request too large for", ErrorKind.BAD_REQUEST),  # OpenAI: 429 that no waiting cures
    ("prompt is too long", ErrorKind.BAD_REQUEST),
)
KIND_BY_STATUS = {
    401: ErrorKind.AUTH,
    402: ErrorKind.BILLING,
    403: ErrorKind.AUTH,
    404: ErrorKind.NOT_FOUND,
    408: ErrorKind.TIMEOUT,
    409: ErrorKind.SERVER,
    429: ErrorKind.RATE_LIMITED,
    499: ErrorKind.CONNECTION,
    503: ErrorKind.OVERLOADED,
    504: ErrorKind.TIMEOUT,
    529: ErrorKind.OVERLOADED,
}
_KEY_LIKE = re.compile(
    r"\b(?:sk|pk|rk|pplx|sim|xai|gsk)-[\w*.-]{8,}|\bAIza[\w-]{8,}|(?<=[?&]key=)[^&\s]+|(?i:bearer)\s+\S+"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A provider's refusal as it came: the HTTP status (None inside a stream), the body, the headers."""

    status: int | None
    body: object
    headers: Mapping[str, str]


def from_rejection(rejection: Rejection, *, secret: str = "") -> LlmError:
    codes = tuple(_codes(rejection.body))
    message = _message(rejection.body)
    sentence, values, quoted = (message, {}, True) if message else _reason(rejection.status)
    waits = (header_facts.retry_after(rejection.headers), _retry_delay(rejection.body))
    return LlmError(
        _kind(rejection.status, codes, message),
        scrubbed(sentence, secret=secret),
        values=values,
        verbatim=quoted,
        retry_after=next((wait for wait in waits if wait is not None), None),
        status=rejection.status,
        request_id=header_facts.request_id(rejection.headers),
        rate_limits=header_facts.rate_limits(rejection.headers),
    )


def scrubbed(message: str, *, secret: str = "") -> str:
    """`message` on one line, short, without the key and without anything that looks like one."""
    if secret:
        message = message.replace(secret, "[key]")
    message = " ".join(_KEY_LIKE.sub("[key]", message).split())
    return message if len(message) <= _MAX_MESSAGE else message[: _MAX_MESSAGE - 1] + "…"


def _kind(status: int | None, codes: tuple[str, ...], message: str) -> ErrorKind:
    sentence = message.lower()
    for words, kind in KIND_BY_SENTENCE:
        if words in sentence:
            return kind
    for code in codes:
        if code in KIND_BY_CODE:
            return KIND_BY_CODE[code]
    if status in KIND_BY_STATUS:
        return KIND_BY_STATUS[status]
    if status is None or status >= 500:
        return ErrorKind.SERVER
    return ErrorKind.BAD_REQUEST if status >= 400 else ErrorKind.BAD_RESPONSE


def _errors(body: object) -> Iterator[Mapping[str, object]]:
    """The objects that may carry codes: the body, its `error`, Google's list around it and its `details`."""
    if isinstance(body, list):
        for item in body:
            yield from _errors(item)
    elif isinstance(body, Mapping):
        for name in ("error", "details"):
            yield from _errors(body.get(name))
        yield body


def _codes(body: object) -> Iterator[str]:
    """Most specific first: a detail's reason before the code, the code before the type."""
    found = list(_errors(body))
    for name in ("reason", "error_code", "code", "type", "status"):
        yield from (value for error in found if isinstance(value := error.get(name), str))


def _message(body: object) -> str:
    if isinstance(body, str):
        return _plain(body)
    for error in _errors(body):
        message = error.get("message") or error.get("detail")
        if isinstance(message, str) and message and not str(error.get("@type", "")):
            return _plain(message)
        if isinstance(nested := error.get("error"), str):
            return _plain(nested)
    return ""


def _plain(message: str) -> str:
    """The sentence, or nothing when a proxy put its web page in its place."""
    return "" if re.search(r"<(?:!doctype|html|body)\b", message, re.IGNORECASE) else message


def _reason(status: int | None) -> tuple[str, dict[str, object], bool]:
    """Without words of the provider's: a sentence, its values, and whether it is not ours to translate."""
    if status is None:
        return gettext_noop("The provider failed while answering."), {}, False
    try:
        return f"{status} {HTTPStatus(status).phrase}", {}, True
    except ValueError:
        return gettext_noop("HTTP status %(status)s"), {"status": status}, False


def _retry_delay(body: object) -> float | None:
    """Google's `RetryInfo.retryDelay`, such as `34s`."""
    for error in _errors(body):
        if isinstance(delay := error.get("retryDelay"), str):
            return header_facts.seconds(delay)
    return None
