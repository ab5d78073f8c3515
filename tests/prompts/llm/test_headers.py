from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from prompts.llm import headers
from prompts.llm.types import RateLimits


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1.5", 1.5), ("34s", 34.0), ("6m0s", 360.0), ("1h2m3s", 3723.0), ("120ms", 0.12), ("0", 0.0), ("-5", 0.0)],
)
def test_numbers_and_durations_are_seconds(value: str, expected: float) -> None:
    assert headers.seconds(value) == pytest.approx(expected)


@pytest.mark.parametrize("value", ["", "soon", "nan", "inf", "5 apples", "1s later"])
def test_words_are_no_wait(value: str) -> None:
    assert headers.seconds(value) is None


def test_points_in_time_are_waits_from_now() -> None:
    then = datetime.now(tz=UTC) + timedelta(hours=1)
    for told in (format_datetime(then), then.isoformat(), then.strftime("%Y-%m-%dT%H:%M:%SZ"), str(then.timestamp())):
        assert headers.seconds(told) == pytest.approx(3600, abs=60), told


def test_time_in_the_past_is_no_wait() -> None:
    assert headers.seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


def test_a_date_to_wait_for_is_read_by_the_providers_own_clock() -> None:
    there = datetime.now(tz=UTC) - timedelta(hours=1)  # our clock is an hour ahead of theirs
    told = {"Date": format_datetime(there), "Retry-After": format_datetime(there + timedelta(seconds=30))}
    assert headers.retry_after(told) == pytest.approx(30, abs=2)
    assert headers.retry_after({**told, "Date": "yesterday"}) == 0


def test_milliseconds_win_over_seconds() -> None:
    assert headers.retry_after({"Retry-After": "2", "Retry-After-Ms": "1250"}) == 1.25
    assert headers.retry_after({"Retry-After": "2"}) == 2.0
    assert headers.retry_after({}) is None


def test_openai_limits_are_read() -> None:
    told = {
        "x-ratelimit-limit-requests": "5000",
        "x-ratelimit-remaining-requests": "4999",
        "x-ratelimit-reset-requests": "12ms",
        "x-ratelimit-limit-tokens": "2000000",
        "x-ratelimit-remaining-tokens": "1999000",
        "x-ratelimit-reset-tokens": "1m30s",
    }
    assert headers.rate_limits(told) == RateLimits(
        requests_limit=5000,
        requests_remaining=4999,
        requests_reset=0.012,
        tokens_limit=2_000_000,
        tokens_remaining=1_999_000,
        tokens_reset=90.0,
    )


def test_anthropic_limits_are_read_with_resets_as_times() -> None:
    then = (datetime.now(tz=UTC) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    told = {
        "Anthropic-Ratelimit-Requests-Limit": "50",
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": then,
        "anthropic-ratelimit-input-tokens-remaining": "30000",
    }
    limits = headers.rate_limits(told)
    assert (limits.requests_limit, limits.requests_remaining, limits.tokens_remaining) == (50, 0, 30_000)
    assert limits.requests_reset == pytest.approx(60, abs=10)
    assert limits.tokens_limit is None


def test_odd_counts_are_unknown_and_never_zero() -> None:
    assert headers.rate_limits({"x-ratelimit-remaining-requests": "many"}) == RateLimits()


def test_request_id_is_found_under_any_name() -> None:
    assert headers.request_id({"Request-Id": "req_1"}) == "req_1"
    assert headers.request_id({"X-Request-Id": "abc"}) == "abc"
    assert headers.request_id({}) == ""
