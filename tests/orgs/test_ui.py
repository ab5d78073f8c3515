"""Numbers as people read them, bars that never lie about the unknown, icons."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import time_machine
from django.utils import translation

from accounts import formats
from orgs.templatetags import ui


@dataclass(frozen=True)
class Share:
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.42, "42%"),
        (0.0, "0%"),
        (1.0, "100%"),
        (0.001, "<1%"),
        (0.999, ">99%"),
        (None, "\u2013"),
        ("", "\u2013"),
    ],
)
def test_shares_are_never_rounded_to_none_or_all(value: float | None, written: str) -> None:
    assert ui.percent(value) == written


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        (Decimal("12345.678"), "$12,345.68"),
        (Decimal("0.0133"), "$0.0133"),
        (Decimal("0.01"), "$0.01"),
        (Decimal("0.00004"), "<$0.0001"),
        (Decimal(0), "$0.00"),
        (None, "\u2013"),
        ("", "\u2013"),
    ],
)
def test_small_money_keeps_its_digits(amount: Decimal | None, written: str) -> None:
    assert ui.money(amount) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.84, "0.8 s"), (42.4, "42 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (None, "\u2013"), ("", "\u2013")],
)
def test_durations_are_said_in_their_unit(seconds: float | None, written: str) -> None:
    assert ui.duration(seconds) == written


def test_counts_have_their_thousands_separated() -> None:
    assert (ui.count(1_240), ui.count(0), ui.count(None)) == ("1,240", "0", "\u2013")


def test_milliseconds_become_seconds_and_the_unknown_stays_unknown() -> None:
    assert (ui.milliseconds(2_500), ui.milliseconds(None)) == (2.5, None)


def test_monogram_skips_what_is_no_letter() -> None:
    assert (ui.initial(".NET"), ui.initial("\u00e9clair"), ui.initial("!!!")) == ("N", "\u00c9", "?")


def test_interval_bar_says_its_numbers_to_a_screen_reader() -> None:
    bar = ui.interval_bar(Share(0.42, 0.33, 0.51, 80))
    assert 'aria-label="42%, between 33% and 51%, n = 80"' in bar
    assert 'x="33.00%" width="18.00%"' in bar


def test_interval_bar_of_the_unknown_draws_no_value() -> None:
    for unknown in (None, Share(None)):
        assert "ibar-value" not in ui.interval_bar(unknown)


def test_interval_is_left_out_where_there_is_none() -> None:
    assert ui.interval(Share(0.4, None, None, 3)) == ""
    assert ui.interval(None) == ""
    assert ui.interval(Share(0.4, 0.2, 0.6, 30)) == "20\u201360%"


def test_bars_stay_inside_their_track() -> None:
    assert 'width="100.00%"' in ui.share_bar(0.9, of=0.3)
    assert 'width="0.00%"' in ui.share_bar(None)
    assert "nan" not in ui.stacked_bar(0, 0, 0)


def test_icon_is_hidden_from_screen_readers() -> None:
    assert 'aria-hidden="true"' in ui.icon("search")


def test_icon_name_cannot_leave_its_folder() -> None:
    with pytest.raises(ValueError, match="No icon is called"):
        ui.icon("../../../manage")


@pytest.mark.parametrize(
    ("written", "figures"),
    [
        (lambda: ui.interval(Share(0.4, 0.31, 0.47, 80)), "31\u201347%"),
        (lambda: ui.percent(0.001), "<1%"),
        (lambda: ui.percent(0.42), "42%"),
        (lambda: ui.money(Decimal("0.5")), "$0.50"),
    ],
)
def test_figures_keep_their_order_among_words_that_are_read_from_the_right(
    written: Callable[[], str], figures: str
) -> None:
    assert written() == figures
    with translation.override("he"):
        told = written()
        assert (told[0], told[-1]) == ("\u2066", "\u2069")
        assert told.translate(dict.fromkeys((0x2066, 0x2069))) == figures


HEBREW = "\u05dc\u05d5\u05de\u05df"


def test_a_name_keeps_its_direction_to_itself() -> None:
    assert ui.isolated("Lumen & Co 7") == "Lumen & Co 7"
    assert ui.isolated(HEBREW) == f"\u2068{HEBREW}\u2069"
    with translation.override("he"):
        assert ui.isolated("Lumen") == "\u2068Lumen\u2069"


@pytest.mark.parametrize("mark", [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))])
def test_no_name_breaks_out_of_its_place(mark: str) -> None:
    assert formats.isolated(f"Lu{mark}men") == "\u2068Lumen\u2069"


@time_machine.travel("2026-11-22T09:30:00Z", tick=False)
@pytest.mark.parametrize(
    ("ends", "written"),
    [
        ("2026-11-22T09:31:00", "09:31"),
        ("2026-11-22T21:29:00", "21:29"),
        ("2026-11-23T00:00:00", "23 Nov, 00:00"),
        ("2026-11-24T09:30:00", "24 Nov, 09:30"),
        ("2026-11-22T09:29:00", "09:29"),
    ],
)
def test_what_does_not_end_within_hours_ends_on_a_day(ends: str, written: str) -> None:
    assert ui.until(datetime.fromisoformat(ends).replace(tzinfo=UTC)) == written
