"""How busy a lane is, read from what the limiter and the breaker keep."""

import pytest

from prompts.llm.gauges import gauge
from prompts.llm.limiter import Limits

NOW = 1_000_000.0
LIMITS = Limits(requests=600, tokens=1_000)
IDLE: list[bytes | None] = [None] * 9


def limiter(**fields: float) -> list[bytes | None]:
    names = ("requests_ahead", "requests_start", "tokens_ahead", "tokens_start", "blocked_until", "factor", "factor_at")
    every = (*names, "requests_told", "tokens_told")
    return [str(fields[name]).encode() if name in fields else None for name in every]


def breaker(failures: int = 0, open_until: float = 0, probe_until: float = 0) -> list[bytes | None]:
    return [str(value).encode() for value in (failures, open_until, probe_until)]


def test_a_lane_that_sent_nothing_is_idle() -> None:
    found = gauge(NOW, LIMITS, IDLE, [None] * 3)
    assert (found.requests, found.tokens, found.pace, found.breaker, found.until) == (0, 0, 1, "closed", None)
    assert (found.requests_limit, found.tokens_limit) == (600, 1_000)


@pytest.mark.parametrize(
    ("start", "ahead", "share"),
    [(-30_000, 0, 0.5), (-30_000, 6_000, 0.6), (-90_000, 0, 1.0), (-90_000, -60_000, 0.0), (-50_000, -20_000, 0.5)],
)
def test_the_share_is_what_the_last_minute_granted(start: float, ahead: float, share: float) -> None:
    row = limiter(requests_start=NOW + start, requests_ahead=NOW + ahead)
    assert gauge(NOW, LIMITS, row, breaker()).requests == pytest.approx(share)


def test_the_lower_limit_counts_and_refusals_slow_the_pace() -> None:
    row = limiter(requests_told=60, tokens_told=5_000, factor=0.5, factor_at=NOW - 60_000)
    found = gauge(NOW, LIMITS, row, breaker())
    assert (found.requests_limit, found.tokens_limit) == (60, 1_000)
    assert found.pace == pytest.approx(0.7)  # a fifth of the limit comes back in a minute


@pytest.mark.parametrize(
    ("row", "state", "paused"),
    [
        (breaker(2), "closed", False),
        (breaker(5, NOW + 1_000), "open", True),
        (breaker(5, NOW - 1), "half-open", False),
        (breaker(5, NOW - 1, NOW + 500), "half-open", True),
    ],
)
def test_the_breaker_is_closed_open_or_half_open(row: list[bytes | None], state: str, paused: bool) -> None:
    found = gauge(NOW, LIMITS, IDLE, row)
    assert (found.breaker, found.until is not None) == (state, paused)


def test_a_refusal_pauses_a_lane_whose_breaker_is_closed() -> None:
    found = gauge(NOW, LIMITS, limiter(blocked_until=NOW + 2_000), breaker())
    assert found.breaker == "closed"
    assert found.until is not None
    assert found.until.timestamp() == pytest.approx((NOW + 2_000) / 1000)
