"""When a schedule's slots are: five cron fields read in a time zone, over clock changes as Debian's cron does it.

Pure. Every moment in and out is an aware datetime; slots come out in UTC. A time of day that a clock change leaves out
happens right after the gap; one that it repeats happens once, the first time. Fields with `*` for hours or minutes go
by elapsed time instead, as in cron. Source: cron(8) of Debian; evaluated by cronsim.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from django.utils.translation import gettext as _

MAX_EXPRESSION = 100
SHORTEST_GAP = timedelta(hours=1)
_LOOKED_AT = 50  # slots whose distances are checked
_SOME_DAY = datetime(2024, 1, 1, tzinfo=UTC)  # always the same: what is accepted does not depend on when it is written


class BadTimetable(ValueError):
    """An expression or a time zone that names no time. The message is for people; `field` is `cron` or `time_zone`."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """The names of all time zones."""
    return frozenset(available_timezones())


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How far starts lie behind their slots, so that schedules of one minute do not all start at once."""

    seed: str
    within: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """`expression` has five fields: minute, hour, day of the month, month, day of the week. `zone` is an IANA name."""

    expression: str
    zone: str

    def after(self, moment: datetime) -> datetime:
        """The first slot later than `moment`. Raises `BadTimetable` when there is none within fifty years."""
        for slot in self._slots(moment):
            return slot
        raise BadTimetable(_("This expression never comes true."), field="cron")

    def upcoming(self, moment: datetime, *, count: int) -> list[datetime]:
        """The next `count` slots after `moment`, earliest first."""
        return list(islice(self._slots(moment), count))

    def latest(self, *, since: datetime, until: datetime) -> datetime:
        """The last slot not later than `until`; `since` is a slot itself, and what comes out where no later one was."""
        ticks = CronSim(self.expression, _local(until + timedelta(seconds=1), self.zone), reverse=True)
        for local in islice(ticks, 3):
            slot = local.astimezone(UTC)
            if since < slot <= until:
                return slot
        return since

    def start_of(self, slot: datetime, spread: Spread) -> datetime:
        """The same whenever it is asked for, and before the next slot, however near a clock change moves that."""
        within = min(spread.within, self.after(slot) - slot)
        return slot + jitter(seed=spread.seed, slot=slot, within=within)

    def last_started(self, *, since: datetime, until: datetime, spread: Spread) -> datetime:
        """As `latest`, of the slots whose starts have come."""
        slot = self.latest(since=since, until=until)
        if slot > since and self.start_of(slot, spread) > until:
            return self.latest(since=since, until=slot - timedelta(seconds=1))
        return slot

    @property
    def shortest_gap(self) -> timedelta:
        return _shortest(self.upcoming(_SOME_DAY, count=_LOOKED_AT))

    def _slots(self, moment: datetime) -> Iterator[datetime]:
        previous = moment
        for local in CronSim(self.expression, _local(moment, self.zone)):
            slot = local.astimezone(UTC)
            if slot > previous:  # two times of day that a gap leaves out are one moment
                yield slot
                previous = slot


def parse(expression: str, zone: str) -> Timetable:
    """Raises `BadTimetable`: what makes no sense, never comes true, or comes more than once an hour."""
    if zone not in zones():
        raise BadTimetable(_("There is no time zone “%(zone)s”.") % {"zone": zone[:64]}, field="time_zone")
    fields = expression.split()
    if len(fields) != 5 or len(expression) > MAX_EXPRESSION:
        raise BadTimetable(
            _("Write five fields: minute, hour, day of the month, month, day of the week. For example: 0 2 * * 1-5"),
            field="cron",
        )
    table = Timetable(expression=" ".join(fields), zone=zone)
    _check(table)
    return table


def daily(*, hour: int, minute: int) -> str:
    return f"{minute} {hour} * * *"


def weekly(*, weekday: int, hour: int, minute: int) -> str:
    """`weekday` counts from Monday, which is 0, as Python does."""
    return f"{minute} {hour} * * {(weekday + 1) % 7}"


def jitter(*, seed: str, slot: datetime, within: timedelta) -> timedelta:
    """A delay below `within`, the same whenever it is asked for: schedules of one minute do not all start at once."""
    seconds = int(within.total_seconds())
    if seconds < 1:
        return timedelta(0)
    digest = hashlib.sha256(f"{seed} {slot.astimezone(UTC).isoformat()}".encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:8], "big") % seconds)


def _check(table: Timetable) -> None:
    try:
        slots = table.upcoming(_SOME_DAY, count=_LOOKED_AT)
    except CronSimError as error:
        raise BadTimetable(_("This is no cron expression: %(reason)s.") % {"reason": error}, field="cron") from None
    if not slots:
        raise BadTimetable(_("This expression never comes true."), field="cron")
    if _shortest(slots) < SHORTEST_GAP:
        raise BadTimetable(_("A schedule can start a scan once an hour at most."), field="cron")


def _shortest(slots: Sequence[datetime]) -> timedelta:
    return min((later - earlier for earlier, later in pairwise(slots)), default=timedelta.max)


def _local(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone))
