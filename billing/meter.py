"""Quota: reserve before work starts, settle what succeeded, release what did not; exact under concurrency.

Call these inside an `org_scope`: what they change stands or falls with the caller's transaction. They lock the month's
row until that transaction ends, so call them last in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_noop

from billing.models import Usage
from orgs.telling import Explained, Sentence, day, ngettext_noop, number

ANSWERS = "answers"


class QuotaExceeded(Explained):
    """The month's allowance does not hold this much more."""

    def __init__(self, sentence: Sentence, *, metric: str, wanted: int, allowed: int, left: int) -> None:
        super().__init__(sentence)
        self.metric = metric
        self.wanted = wanted
        self.allowed = allowed
        self.left = left


class NotReserved(RuntimeError):
    """More was settled or released than had been reserved: a mistake of the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What one metric of one month stands at; `allowed` and `left` are None where there is no limit."""

    month: date
    used: int
    reserved: int
    allowed: int | None

    @property
    def left(self) -> int | None:
        return None if self.allowed is None else max(0, self.allowed - self.used - self.reserved)


def month_of(at: date | datetime | None = None) -> date:
    """The first day of the calendar month (UTC) of `at`, of now when None."""
    at = timezone.now() if at is None else at
    day = at.astimezone(UTC).date() if isinstance(at, datetime) else at
    return day.replace(day=1)


def reserve(org_id: int, metric: str, amount: int, *, at: date | datetime | None = None) -> date:
    """Promise `amount` to work that starts now; returns the month to settle it in. Raises `QuotaExceeded`."""
    _positive(amount)
    month = month_of(at)
    rows = _rows(org_id, metric, month)
    fits = Q(allowance=None) | Q(allowance__gte=F("used") + F("reserved") + amount)
    if rows.filter(fits).update(reserved=F("reserved") + amount):
        return month
    # ON CONFLICT DO NOTHING: of two first reservations of a month, both see one row.
    Usage.objects.for_org(org_id).bulk_create([_new(org_id, metric, month)], ignore_conflicts=True)
    if not rows.filter(fits).update(reserved=F("reserved") + amount):
        raise _exceeded(level(org_id, metric, at=month), metric=metric, wanted=amount)
    return month


def settle(org_id: int, metric: str, amount: int = 1, *, at: date | datetime | None = None) -> None:
    """`amount` of what was reserved in the month of `at` has been used. Raises `NotReserved`."""
    _positive(amount)
    changed = _rows(org_id, metric, month_of(at)).filter(reserved__gte=amount)
    if not changed.update(reserved=F("reserved") - amount, used=F("used") + amount):
        raise NotReserved(f"{amount} {metric} settled in {month_of(at):%Y-%m} without having been reserved")


def release(org_id: int, metric: str, amount: int = 1, *, at: date | datetime | None = None) -> None:
    """`amount` of what was reserved in the month of `at` is not needed. Raises `NotReserved`."""
    _positive(amount)
    changed = _rows(org_id, metric, month_of(at)).filter(reserved__gte=amount)
    if not changed.update(reserved=F("reserved") - amount):
        raise NotReserved(f"{amount} {metric} released in {month_of(at):%Y-%m} without having been reserved")


def level(org_id: int, metric: str, *, at: date | datetime | None = None) -> Level:
    """Where the month of `at` stands; a month without any use yet stands at nothing used."""
    month = month_of(at)
    row = _rows(org_id, metric, month).first() or _new(org_id, metric, month)
    return Level(month=month, used=row.used, reserved=row.reserved, allowed=row.allowance)


def allowance(metric: str) -> int | None:
    """What a month starts with; None is no limit."""
    return settings.MONTHLY_ANSWERS or None if metric == ANSWERS else None


def _rows(org_id: int, metric: str, month: date):
    return Usage.objects.for_org(org_id).filter(metric=metric, month=month)


def _new(org_id: int, metric: str, month: date) -> Usage:
    return Usage(org_id=org_id, metric=metric, month=month, allowance=allowance(metric))


def _exceeded(now: Level, *, metric: str, wanted: int) -> QuotaExceeded:
    allowed, left = now.allowed or 0, now.left or 0
    following = (now.month.replace(day=28) + timedelta(days=7)).replace(day=1)
    needs = ngettext_noop(
        "This needs %(wanted)s answer, but %(left)s of this month's %(allowed)s are left.",
        "This needs %(wanted)s answers, but %(left)s of this month's %(allowed)s are left.",
        wanted,
        wanted=number(wanted),
        left=number(left),
        allowed=number(allowed),
    )
    anew = Sentence(gettext_noop("The allowance starts anew on %(day)s."), {"day": day(following)})
    both = Sentence("%(needs)s %(anew)s", {"needs": needs.inside, "anew": anew.inside})
    return QuotaExceeded(both, metric=metric, wanted=wanted, allowed=allowed, left=left)


def _positive(amount: int) -> None:
    if amount < 1:
        raise ValueError(f"amount must be at least 1, not {amount}")
