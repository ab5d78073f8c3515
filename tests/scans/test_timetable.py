"""Slots of schedules: over clock changes, in any zone, and what is refused."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scans.timetable import BadTimetable, Spread, daily, jitter, parse, weekly

BERLIN = "Europe/Berlin"


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def test_two_at_night_stays_two_at_night_over_a_clock_change() -> None:
    table = parse(daily(hour=2, minute=0), "America/New_York")
    slots = table.upcoming(utc(2026, 3, 6, 12), count=4)
    assert slots == [utc(2026, 3, 7, 7), utc(2026, 3, 8, 7), utc(2026, 3, 9, 6), utc(2026, 3, 10, 6)]


def test_a_time_that_the_clock_change_leaves_out_comes_right_after_the_gap_and_once() -> None:
    """29 March 2026 in Berlin: 02:00 becomes 03:00."""
    half_past_two = parse("30 2 * * *", BERLIN)
    assert half_past_two.after(utc(2026, 3, 28, 12)) == utc(2026, 3, 29, 1)
    assert half_past_two.after(utc(2026, 3, 29, 1)) == utc(2026, 3, 30, 0, 30)


def test_a_time_that_the_clock_change_repeats_comes_once() -> None:
    """25 October 2026 in Berlin: 03:00 becomes 02:00."""
    table = parse("30 2 * * *", BERLIN)
    assert table.upcoming(utc(2026, 10, 24, 12), count=2) == [utc(2026, 10, 25, 0, 30), utc(2026, 10, 26, 1, 30)]


def test_every_hour_goes_by_elapsed_time() -> None:
    slots = parse("0 * * * *", BERLIN).upcoming(utc(2026, 10, 24, 23), count=5)
    assert slots == [utc(2026, 10, 25, hour) for hour in range(5)]


@pytest.mark.parametrize(("weekday", "day"), [(0, 23), (5, 28), (6, 22)])
def test_weekdays_count_from_monday(weekday: int, day: int) -> None:
    table = parse(weekly(weekday=weekday, hour=2, minute=15), "UTC")
    assert table.after(utc(2026, 11, 21, 12)) == utc(2026, 11, day, 2, 15)


def test_however_many_slots_were_missed_the_last_one_counts() -> None:
    table = parse(daily(hour=2, minute=0), "UTC")
    assert table.latest(since=utc(2026, 11, 1, 2), until=utc(2026, 11, 21, 1, 59)) == utc(2026, 11, 20, 2)
    assert table.latest(since=utc(2026, 11, 20, 2), until=utc(2026, 11, 21, 1, 59)) == utc(2026, 11, 20, 2)
    assert table.latest(since=utc(2026, 11, 20, 2), until=utc(2026, 11, 21, 2)) == utc(2026, 11, 21, 2)


@given(
    zone=st.sampled_from(["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo"]),
    expression=st.builds(
        lambda minute, hour, day: f"{minute} {hour} {day} * *",
        st.integers(0, 59),
        st.integers(0, 23),
        st.sampled_from(["*", "1", "*/2", "1,15", "29"]),
    ),
    start=st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)),
    count=st.integers(1, 12),
)
def test_looking_back_finds_what_looking_forward_passed(
    zone: str, expression: str, start: datetime, count: int
) -> None:
    table = parse(expression, zone)
    slots = table.upcoming(start.replace(tzinfo=UTC), count=count + 1)
    assert slots == sorted(set(slots))
    assert table.latest(since=slots[0], until=slots[-1] - timedelta(seconds=1)) == slots[-2]
    assert table.latest(since=slots[0], until=slots[-1]) == slots[-1]


@given(st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)))
def test_a_daily_slot_comes_every_day_and_never_twice(start: datetime) -> None:
    slots = parse("30 2 * * *", BERLIN).upcoming(start.replace(tzinfo=UTC), count=40)
    days = [slot.astimezone(ZoneInfo(BERLIN)).date() for slot in slots]
    assert [later - earlier for earlier, later in pairwise(days)] == [timedelta(days=1)] * 39


@pytest.mark.parametrize(
    "expression",
    ["", "* * *", "0 2 * * * *", "61 2 * * *", "0 25 * * *", "0 2 * * MOON", "@daily", "0 2 * * *; drop", "0 " * 200],
)
def test_what_is_no_expression_is_refused_with_an_example_or_a_reason(expression: str) -> None:
    with pytest.raises(BadTimetable) as refused:
        parse(expression, "UTC")
    assert refused.value.field == "cron"
    assert "expression" in str(refused.value) or "0 2 * * 1-5" in str(refused.value)


def test_the_thirtieth_of_february_never_comes() -> None:
    with pytest.raises(BadTimetable):
        parse("0 2 30 2 *", "UTC")


@pytest.mark.parametrize("expression", ["* * * * *", "*/30 * * * *", "0,45 2 * * *", "*/15 2 * * 1"])
def test_more_than_once_an_hour_is_refused(expression: str) -> None:
    with pytest.raises(BadTimetable, match="once an hour"):
        parse(expression, "UTC")


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "europe/berlin\0", "EST5EDT4"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(BadTimetable) as refused:
        parse("0 2 * * *", zone)
    assert refused.value.field == "time_zone"


@given(st.integers(0, 3600), st.text(max_size=20))
def test_jitter_stays_below_its_bound_and_does_not_change(minutes: int, seed: str) -> None:
    within, slot = timedelta(minutes=minutes), utc(2026, 11, 21, 2)
    delay = jitter(seed=seed, slot=slot, within=within)
    assert timedelta(0) <= delay <= within
    assert delay < within or not minutes
    assert delay == jitter(seed=seed, slot=slot.astimezone(ZoneInfo(BERLIN)), within=within)


def test_schedules_of_one_minute_do_not_start_together() -> None:
    delays = {jitter(seed=str(n), slot=utc(2026, 11, 21, 2), within=timedelta(minutes=30)) for n in range(100)}
    assert len(delays) > 80


ANYWHERE = st.sampled_from(["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"])


@pytest.mark.parametrize(
    ("expression", "gap"),
    [
        ("0 * * * *", timedelta(hours=1)),
        ("0 2,4,12 * * *", timedelta(hours=2)),
        ("0 2 * * *", timedelta(days=1)),
        ("0 2 29 2 *", timedelta(days=4 * 365 + 1)),
    ],
)
def test_the_shortest_gap_is_the_one_between_the_nearest_slots(expression: str, gap: timedelta) -> None:
    assert parse(expression, "UTC").shortest_gap == gap


def test_every_hour_starts_720_scans_in_30_days_however_far_they_are_spread() -> None:
    """As the sweep does it: whenever it looks, some time after a start has come."""
    table, spread = parse("0 * * * *", BERLIN), Spread(seed="project 7", within=timedelta(minutes=120))
    slot, filled = utc(2026, 10, 10), set[datetime]()
    while len(filled) < 720:
        looked = table.start_of(slot, spread) + timedelta(seconds=len(filled) % 90)
        slot = table.last_started(since=slot, until=looked, spread=spread)
        filled.add(slot)
        slot = table.after(slot)
    assert slot == utc(2026, 10, 10) + timedelta(days=30)


@given(
    zone=ANYWHERE,
    expression=st.builds(lambda minute, hours: f"{minute} {hours} * * *", st.integers(0, 59), st.sampled_from("*123")),
    start=st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)),
    minutes=st.integers(0, 200),
)
def test_every_slot_starts_before_the_next_comes(zone: str, expression: str, start: datetime, minutes: int) -> None:
    table = parse(expression, zone)
    spread = Spread(seed="project 7", within=timedelta(minutes=minutes))
    first, second = table.upcoming(start.replace(tzinfo=UTC), count=2)
    assert first <= table.start_of(first, spread) < second
    assert table.last_started(since=first, until=table.start_of(first, spread), spread=spread) == first


def test_a_clock_change_that_moves_two_slots_together_makes_their_spread_smaller() -> None:
    """29 March 2026 in Berlin: 02:30 comes right after 01:59, half an hour after 01:30."""
    table, within = parse("30 1,2 * * *", BERLIN), timedelta(minutes=59)
    assert table.shortest_gap == timedelta(hours=1)
    starts = {table.start_of(utc(2026, 3, 29, 0, 30), Spread(seed=str(n), within=within)) for n in range(50)}
    assert max(starts) < utc(2026, 3, 29, 1)
    assert len(starts) > 40


def test_slots_that_nobody_was_there_to_start_leave_the_one_whose_start_is_to_come() -> None:
    table, spread = parse("0 * * * *", "UTC"), Spread(seed="project 7", within=timedelta(minutes=59))
    slot = utc(2026, 11, 21, 12)
    start = table.start_of(slot, spread)
    assert start > slot
    moment = timedelta(seconds=1)
    since = slot - timedelta(hours=9)
    assert table.last_started(since=since, until=start - moment, spread=spread) == slot - timedelta(hours=1)
    assert table.last_started(since=since, until=start, spread=spread) == slot
