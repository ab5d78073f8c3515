from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from threading import Barrier

import pytest
import time_machine
from django.db import connection

from billing import meter
from billing.meter import NotReserved, QuotaExceeded
from billing.models import Usage
from orgs.scoping import org_scope
from tests.cast import make_org


@pytest.fixture(autouse=True)
def _allowance(settings):
    settings.MONTHLY_ANSWERS = 10


def figures(org_id, *, at=None):
    now = meter.level(org_id, meter.ANSWERS, at=at)
    return now.reserved, now.used, now.left


def test_reserved_then_settled_is_used(in_org):
    meter.reserve(in_org.pk, meter.ANSWERS, 4)
    assert figures(in_org.pk) == (4, 0, 6)
    meter.settle(in_org.pk, meter.ANSWERS, 3)
    assert figures(in_org.pk) == (1, 3, 6)


def test_reserved_then_released_is_free_again(in_org):
    meter.reserve(in_org.pk, meter.ANSWERS, 10)
    meter.release(in_org.pk, meter.ANSWERS, 10)
    assert figures(in_org.pk) == (0, 0, 10)


def test_a_month_without_use_stands_at_its_whole_allowance(in_org):
    assert figures(in_org.pk) == (0, 0, 10)
    assert not Usage.objects.for_org(in_org).exists()


def test_the_last_one_fits_and_the_next_does_not(in_org):
    meter.reserve(in_org.pk, meter.ANSWERS, 9)
    meter.reserve(in_org.pk, meter.ANSWERS, 1)
    with pytest.raises(QuotaExceeded):
        meter.reserve(in_org.pk, meter.ANSWERS, 1)
    assert figures(in_org.pk) == (10, 0, 0)


@time_machine.travel("2026-12-15T12:00:00Z", tick=False)
def test_a_refusal_says_what_is_left_and_when_it_starts_anew(in_org):
    meter.reserve(in_org.pk, meter.ANSWERS, 8)
    with pytest.raises(QuotaExceeded) as caught:
        meter.reserve(in_org.pk, meter.ANSWERS, 5)
    assert (caught.value.allowed, caught.value.left, caught.value.wanted) == (10, 2, 5)
    assert caught.value.message == (
        "This needs 5 answers, but 2 of this month's 10 are left. The allowance starts anew on 1 January 2027."
    )


def test_without_an_allowance_there_is_no_limit(in_org, settings):
    settings.MONTHLY_ANSWERS = 0
    meter.reserve(in_org.pk, meter.ANSWERS, 10**9)
    assert figures(in_org.pk) == (10**9, 0, None)


def test_only_answers_have_an_allowance(in_org):
    meter.reserve(in_org.pk, "calls", 1_000)
    assert meter.level(in_org.pk, "calls").allowed is None


def test_work_begun_before_midnight_is_settled_in_its_own_month(in_org):
    begun = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)
    with time_machine.travel(begun, tick=False):
        month = meter.reserve(in_org.pk, meter.ANSWERS, 2)
    with time_machine.travel(begun + timedelta(seconds=2), tick=False):
        meter.settle(in_org.pk, meter.ANSWERS, 1, at=begun)
        meter.release(in_org.pk, meter.ANSWERS, 1, at=month)
        assert figures(in_org.pk) == (0, 0, 10)
    assert figures(in_org.pk, at=begun) == (0, 1, 9)


def test_months_are_those_of_utc():
    new_york = timezone(timedelta(hours=-5))
    assert meter.month_of(datetime(2026, 1, 31, 20, tzinfo=new_york)) == date(2026, 2, 1)


@pytest.mark.parametrize("end", [meter.settle, meter.release])
def test_more_than_was_reserved_is_a_mistake_that_changes_nothing(in_org, end):
    meter.reserve(in_org.pk, meter.ANSWERS, 1)
    with pytest.raises(NotReserved):
        end(in_org.pk, meter.ANSWERS, 2)
    assert figures(in_org.pk) == (1, 0, 9)


@pytest.mark.parametrize("call", [meter.reserve, meter.settle, meter.release])
@pytest.mark.parametrize("amount", [0, -1])
def test_amounts_are_positive(in_org, call, amount):
    with pytest.raises(ValueError, match="at least 1"):
        call(in_org.pk, meter.ANSWERS, amount)


def test_organizations_have_each_their_own(in_org, other_org):
    meter.reserve(in_org.pk, meter.ANSWERS, 10)
    with org_scope(other_org):
        assert figures(other_org.pk) == (0, 0, 10)


def test_what_is_rolled_back_was_never_reserved(org):
    class Undo(Exception):
        pass

    with pytest.raises(Undo), org_scope(org):
        meter.reserve(org.pk, meter.ANSWERS, 10)
        raise Undo
    with org_scope(org):
        assert figures(org.pk) == (0, 0, 10)


def together(count, work):
    """Run `work(number)` in `count` threads that start at the same moment; what each returned."""
    barrier = Barrier(count)

    def run(number):
        try:
            barrier.wait(timeout=20)
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


@pytest.mark.django_db(transaction=True)
def test_many_at_once_reserve_exactly_the_allowance(settings):
    settings.MONTHLY_ANSWERS = 50
    org = make_org("Acme", "acme")

    def reserve_three(_):
        granted = 0
        for _ in range(5):
            try:
                with org_scope(org):
                    meter.reserve(org.pk, meter.ANSWERS, 3)
                granted += 3
            except QuotaExceeded:
                pass
        return granted

    assert sum(together(8, reserve_three)) == 48
    with org_scope(org):
        assert figures(org.pk) == (48, 0, 2)


@pytest.mark.django_db(transaction=True)
def test_many_ends_at_once_add_up():
    org = make_org("Acme", "acme")
    with org_scope(org):
        meter.reserve(org.pk, meter.ANSWERS, 10)

    def end_one(number):
        with org_scope(org):
            (meter.settle if number % 2 else meter.release)(org.pk, meter.ANSWERS)

    together(8, end_one)
    with org_scope(org):
        assert figures(org.pk) == (2, 4, 4)
