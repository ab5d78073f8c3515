"""How busy a lane is, read from what the limiter and the breaker keep."""

from datetime import UTC, datetime
from typing import Any

import pytest
import redis as redis_client
from django.conf import settings

from prompts.llm import gauges
from prompts.llm.breaker import Verdict
from prompts.llm.gauges import Kept, gauge
from prompts.llm.limiter import Limits
from tests.prompts.llm.timeline import LANE, timeline

NOW = 1_000_000.0
LIMITS = Limits(requests=600, tokens=1_000)


def kept(*, breaker: tuple[float, ...] = (), sent: dict[bytes, bytes] | None = None, **fields: Any) -> Kept:
    row = [str(fields[name]).encode() if name in fields else None for name in (*gauges._LIMITER, *gauges._WORDS)]
    shut = [str(value).encode() for value in breaker] or [None] * 3
    return Kept(limiter=row, breaker=shut, sent=sent or {})


def test_a_lane_that_sent_nothing_is_idle() -> None:
    found = gauge(NOW, LIMITS, Kept())
    assert (found.requests, found.tokens, found.pace, found.breaker, found.until) == (0, 0, 1, "closed", None)
    assert (found.requests_limit, found.tokens_limit, found.requests_now) == (600, 1_000, 600)
    assert (found.sent, found.in_flight, found.why, found.day_left) == (0, 0, (), None)


@pytest.mark.parametrize(
    ("start", "ahead", "share"),
    [(-30_000, 0, 0.5), (-30_000, 6_000, 0.6), (-90_000, 0, 1.0), (-90_000, -60_000, 0.0), (-50_000, -20_000, 0.5)],
)
def test_the_share_is_what_the_last_minute_granted(start: float, ahead: float, share: float) -> None:
    row = kept(requests_start=NOW + start, requests_ahead=NOW + ahead)
    assert gauge(NOW, LIMITS, row).requests == pytest.approx(share)


def test_the_lower_limit_counts_and_refusals_slow_the_pace() -> None:
    row = kept(requests_told=60, tokens_told=5_000, factor=0.5, factor_at=NOW - 60_000, why="refused")
    found = gauge(NOW, LIMITS, row)
    assert (found.requests_limit, found.tokens_limit) == (60, 1_000)
    assert found.pace == pytest.approx(0.7)  # a fifth of the limit comes back in a minute
    assert (found.requests_now, found.why) == (42, ("told", "refused"))


def test_what_the_lane_was_last_asked_with_is_what_is_set() -> None:
    row = kept(set="50 1000 8 200 0 -28800 tier", day=(NOW - 28_800_000) // 86_400_000, day_requests=150)
    found = gauge(NOW, LIMITS, row)
    assert (found.set.requests, found.set.source, found.window, found.day_left) == (50, "tier", 8, 50)


def test_a_day_whose_budget_is_spent_ends_at_the_providers_midnight() -> None:
    now = datetime(2026, 11, 21, 7, 30, tzinfo=UTC).timestamp() * 1000  # half past eleven at night in California
    day = (now - 28_800_000) // 86_400_000
    found = gauge(now, LIMITS, kept(set="50 0 0 200 0 -28800 own", day=day, day_requests=200))
    assert found.until == datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    tomorrow = gauge(now + 1_900_000, LIMITS, kept(set="50 0 0 200 0 -28800 own", day=day, day_requests=200))
    assert (tomorrow.until, tomorrow.day_left) == (None, 200)


def test_what_went_out_lately_leaves_out_what_is_ahead() -> None:
    spans = {b"r%d" % (NOW // 10_000 + back): b"10" for back in range(-9, 3)}
    assert gauge(NOW + 5_000, LIMITS, kept(sent={**spans, b"t100": b"7"})).sent == 65
    assert gauge(NOW + 5_000, LIMITS, kept(sent={b"t100": b"7"})).sent_tokens == 7


@pytest.mark.parametrize(
    ("row", "state", "paused"),
    [
        ((2.0, 0.0, 0.0), "closed", False),
        ((5.0, NOW + 1_000, 0.0), "open", True),
        ((5.0, NOW - 1, 0.0), "half-open", False),
        ((5.0, NOW - 1, NOW + 500), "half-open", True),
    ],
)
def test_the_breaker_is_closed_open_or_half_open(row: tuple[float, ...], state: str, paused: bool) -> None:
    found = gauge(NOW, LIMITS, kept(breaker=row))
    assert (found.breaker, found.until is not None) == (state, paused)


def test_a_refusal_pauses_a_lane_whose_breaker_is_closed() -> None:
    found = gauge(NOW, LIMITS, kept(blocked_until=NOW + 2_000))
    assert found.breaker == "closed"
    assert found.until is not None
    assert found.until.timestamp() == pytest.approx((NOW + 2_000) / 1000)


async def test_a_gauge_reads_what_the_script_wrote() -> None:
    async with timeline(requests=600, concurrency=30, day_requests=100) as line:
        with redis_client.Redis.from_url(settings.REDIS_URL) as reader:
            line.now = float(reader.time()[0])  # the reader has no other clock
            await line.take(5, tokens=7, day=(40, 900))
            await line.told(requests_limit=300)
            found = gauges.read_gauges(reader, {LANE: Limits(requests=1)})[LANE]
    assert (found.set.requests, found.requests_limit, found.why) == (600, 300, ("told",))
    assert (found.sent, found.sent_tokens, found.in_flight, found.window) == (5, 35, 5, 30)
    assert (found.day_requests, found.day_left, found.day_tokens) == (45, 55, 935)


async def test_a_lane_that_is_reset_forgets_what_it_learned_and_nothing_that_it_owes() -> None:
    async with timeline(requests=600, day_requests=100) as line:
        with redis_client.Redis.from_url(settings.REDIS_URL) as client:
            line.now = float(client.time()[0])
            await line.take(5, day=(0, 0))
            await line.finish(verdict=Verdict.FAILED)
            await line.refused(retry_after=600)
            await line.told(requests_limit=60)
            gauges.forget(client, LANE)
            found = gauges.read_gauges(client, {LANE: Limits(requests=1)})[LANE]
    assert (found.requests_limit, found.pace, found.until, found.failures) == (600, 1.0, None, 0)
    assert (found.in_flight, found.day_requests, found.sent) == (5, 5, 5)
