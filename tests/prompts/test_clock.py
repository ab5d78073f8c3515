"""The database's clock in the ledger's rows, whatever this machine's clock says."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from prompts import clock, ledger


@pytest.fixture(autouse=True)
def unread() -> Iterator[None]:
    clock.forget()
    yield
    clock.forget()


def test_unread_it_is_this_machines() -> None:
    with time_machine.travel(datetime(2026, 3, 1, tzinfo=UTC), tick=False):
        assert clock.now() == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.django_db
def test_read_it_stays_right_when_this_machines_clock_is_moved() -> None:
    clock.learn()
    right = clock.now()
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1), tick=True):
        entry = ledger.entry_of(1, {})
    assert abs(entry.at - right) < timedelta(minutes=5)


@pytest.mark.django_db
def test_it_is_read_once_a_minute(django_assert_num_queries: pytest.FixtureRequest) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        clock.learn()
        clock.learn()
