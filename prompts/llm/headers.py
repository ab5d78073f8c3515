"""What providers say in response headers: how long to wait, what is left of an allowance, which request it was."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from .types import RateLimits

_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s|d)")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|us|µs|ns|h|m|s|d))+")
_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_EPOCH = 1_000_000_000  # a reset beyond this many seconds is a point in time, not a wait
_REQUEST_IDS = ("x-request-id", "request-id", "x-goog-request-id", "cf-ray")

# Each figure under the names that providers use for it, the most exact first: OpenAI's, Anthropic's, Perplexity's.
_NAMES = {
    "requests_limit": ("x-ratelimit-limit-requests", "anthropic-ratelimit-requests-limit", "x-ratelimit-limit"),
    "requests_remaining": (
        "x-ratelimit-remaining-requests",
        "anthropic-ratelimit-requests-remaining",
        "x-ratelimit-remaining",
    ),
    "requests_reset": ("x-ratelimit-reset-requests", "anthropic-ratelimit-requests-reset", "x-ratelimit-reset"),
    "tokens_limit": (
        "x-ratelimit-limit-tokens",
        "anthropic-ratelimit-tokens-limit",
        "anthropic-ratelimit-input-tokens-limit",
    ),
    "tokens_remaining": (
        "x-ratelimit-remaining-tokens",
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-input-tokens-remaining",
    ),
    "tokens_reset": (
        "x-ratelimit-reset-tokens",
        "anthropic-ratelimit-tokens-reset",
        "anthropic-ratelimit-input-tokens-reset",
    ),
}


def lowered(headers: Mapping[str, str] | None) -> dict[str, str]:
    return {name.lower(): value for name, value in (headers or {}).items()}


def seconds(value: str, *, now: float | None = None) -> float | None:
    """`1.5`, `34s`, `6m0s`, `120ms`, an HTTP date, an RFC 3339 or a Unix time as seconds from `now`, a Unix time; else
    None."""
    now = time.time() if now is None else now
    value = value.strip()
    try:
        number = float(value)
    except ValueError:
        if _DURATION.fullmatch(value):
            return sum(float(amount) * _SECONDS[unit] for amount, unit in _DURATION_PART.findall(value))
        return _until(value, now=now)
    if number != number or number in (float("inf"), float("-inf")):
        return None
    return max(0.0, number - now if number > _EPOCH else number)


def _until(value: str, *, now: float) -> float | None:
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return max(0.0, parse(value).timestamp() - now)
        except (ValueError, TypeError, OverflowError):
            continue
    return None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `Retry-After-Ms` or `Retry-After` (a number or an HTTP date)."""
    headers = lowered(headers)
    now = _answered_at(headers)
    milliseconds = seconds(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    return seconds(headers.get("retry-after", ""), now=now)


def _answered_at(headers: Mapping[str, str]) -> float | None:
    """By the provider's own clock: ours may be off, and a date it asks us to wait for is one of its clock's."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def rate_limits(headers: Mapping[str, str]) -> RateLimits:
    headers = lowered(headers)

    def told(figure: str) -> str | None:
        return next((headers[name] for name in _NAMES[figure] if headers.get(name)), None)

    def count(figure: str) -> int | None:
        value = told(figure)
        return int(value) if value and value.strip().isdecimal() else None

    def wait(figure: str) -> float | None:
        value = told(figure)
        return seconds(value) if value else None

    return RateLimits(
        requests_limit=count("requests_limit"),
        requests_remaining=count("requests_remaining"),
        requests_reset=wait("requests_reset"),
        tokens_limit=count("tokens_limit"),
        tokens_remaining=count("tokens_remaining"),
        tokens_reset=wait("tokens_reset"),
    )


def request_id(headers: Mapping[str, str]) -> str:
    headers = lowered(headers)
    return next((headers[name] for name in _REQUEST_IDS if headers.get(name)), "")
