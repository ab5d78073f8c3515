"""Schedules: set, paused, resumed, and swept for slots that are due.

A slot starts one scan, whoever sweeps and how often: the schedule's row is locked and moved on in the transaction that
creates the scan, and the scan carries the slot as its `batch`, which the database holds unique. Slots that nobody was
there to start when they should have make one scan, for the last of them. Every time is the database's clock.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from orgs.events import emit
from orgs.scoping import all_orgs_scope, org_scope
from orgs.telling import NOTHING
from prompts.models import Project
from scans.launch import CannotStart, start_scan
from scans.models import Scan, Schedule
from scans.timetable import BadTimetable, Spread, Timetable

if TYPE_CHECKING:
    from accounts.models import User

logger = logging.getLogger("prompter.scans")

MOST_AT_ONCE = 200  # schedules that one sweep starts
WAIT = timedelta(minutes=5)  # until a slot that found a scan running looks again
MAX_JITTER = 120  # minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleFields:
    """`engines` empty and `samples` None: the project's at the time of each slot."""

    cadence: str
    time_of_day: time
    weekday: int
    cron: str
    time_zone: str
    engines: tuple[str, ...] = ()
    samples: int | None = None
    jitter_minutes: int = 10
    economy: bool = False


def schedule_of(project: Project) -> Schedule | None:
    return Schedule.objects.for_org(project.org_id).filter(project=project).first()


def save_schedule(project: Project, fields: ScheduleFields, *, actor: User | None) -> Schedule:
    """Counts from the next scan on: a slot that has come and is not started yet keeps its start. One that is paused
    stays so. Raises `BadTimetable`."""
    with transaction.atomic():
        # Whoever else saves this project's first schedule comes before, or waits and finds it.
        Project.objects.for_org(project.org_id).select_for_update(no_key=True).get(pk=project.pk)
        schedule = _locked(project) or Schedule(org_id=project.org_id, project=project)
        before = _told(schedule) if schedule.pk else None
        for name, value in asdict(fields).items():
            setattr(schedule, name, list(value) if isinstance(value, tuple) else value)
        refuse_swallowing(schedule.timetable, schedule.jitter_minutes)  # while paused, too
        if not schedule.is_paused:
            _plan_anew(schedule, now=_now())
        schedule.save()
        emit(project.org_id, "schedule.saved", actor=actor, target=project, before=before, after=_told(schedule))
    return schedule


def refuse_swallowing(timetable: Timetable, jitter_minutes: int) -> None:
    """Every slot has started before the next one comes. Raises `BadTimetable`."""
    most = timetable.shortest_gap // timedelta(minutes=1) - 1
    if jitter_minutes > most:
        raise BadTimetable(
            _("With this timetable it can be %(most)s minutes at most, so that a scan starts before the next is due.")
            % {"most": most},
            field="jitter_minutes",
        )


def pause(project: Project, *, actor: User | None) -> bool:
    with transaction.atomic():
        schedule = _locked(project)
        if schedule is None or schedule.is_paused:
            return False
        schedule.paused_at, schedule.next_slot_at, schedule.next_start_at = _now(), None, None
        schedule.save(update_fields=["paused_at", "next_slot_at", "next_start_at"])
        emit(project.org_id, "schedule.paused", actor=actor, target=project)
    return True


def resume(project: Project, *, actor: User | None) -> bool:
    """From the next slot on: what was missed meanwhile was meant to be."""
    with transaction.atomic():
        schedule = _locked(project)
        if schedule is None or not schedule.is_paused:
            return False
        schedule.paused_at = None
        _plan(schedule, after=_now())
        schedule.save(update_fields=["paused_at", "next_slot_at", "next_start_at"])
        emit(project.org_id, "schedule.resumed", actor=actor, target=project)
    return True


def run_now(schedule: Schedule, project: Project, *, actor: User, source: str = Scan.Source.BROWSER) -> Scan:
    """What a slot would start, without being one. Raises `CannotStart`."""
    return start_scan(
        project,
        source=source,
        actor=actor,
        engines=schedule.engines or None,
        samples=schedule.samples,
        economy=schedule.economy,
    )


def start_due() -> int:
    """Start what is due in every organization; how many scans. One that fails stops none of the others."""
    with all_orgs_scope("schedules that are due"):
        due = list(_due().values_list("org_id", "pk")[:MOST_AT_ONCE])
    started = 0
    for org_id, pk in due:
        try:
            with org_scope(org_id):
                started += _start(org_id, pk)
        except Exception:
            logger.exception("schedule %s of organization %s could not be started", pk, org_id)
    return started


def _due() -> Any:
    open_orgs = {"org__disabled_at": None, "org__deletion_due_at": None, "org__deleted_at": None}
    return Schedule.all_orgs.filter(next_start_at__lte=_now(), **open_orgs).order_by("next_start_at", "pk")


def _start(org_id: int, pk: int) -> bool:
    """In the caller's transaction: the slot is over if and only if its scan is there, or was refused."""
    now = _now()
    rows = Schedule.objects.for_org(org_id).select_related("project").select_for_update(of=("self",), skip_locked=True)
    schedule = rows.filter(pk=pk, next_start_at__lte=now).first()
    if schedule is None or schedule.next_slot_at is None:
        return False  # another sweep has it
    slot = schedule.timetable.last_started(since=schedule.next_slot_at, until=now, spread=_spread(schedule))
    problem = _fill(schedule, slot)
    if problem is not None and problem.code == "already_running":
        schedule.next_slot_at, schedule.next_start_at = slot, now + WAIT
    else:
        said = problem.said if problem else NOTHING
        schedule.last_slot_at = slot
        schedule.last_problem, schedule.last_problem_values = said.text[:300], dict(said.values)
        _plan(schedule, after=slot)
    told = ["last_slot_at", "last_problem", "last_problem_values"]
    schedule.save(update_fields=["next_slot_at", "next_start_at", *told])
    return problem is None


def _fill(schedule: Schedule, slot: datetime) -> CannotStart | None:
    project = schedule.project
    try:
        with transaction.atomic():
            start_scan(
                project,
                source=Scan.Source.SCHEDULE,
                engines=schedule.engines or None,
                samples=schedule.samples,
                economy=schedule.economy,
                batch=f"schedule {schedule.pk} {slot.astimezone(UTC):%Y-%m-%dT%H:%MZ}",
            )
    except CannotStart as problem:
        if problem.code not in ("already_running", "archived", "done"):
            told = {"slot": slot.isoformat(), "code": problem.code, "reason": problem.message}
            emit(schedule.org_id, "schedule.skipped", target=project, data=told)
        return problem
    return None


def _plan(schedule: Schedule, *, after: datetime) -> None:
    slot = schedule.timetable.after(after)
    schedule.next_slot_at = slot
    schedule.next_start_at = schedule.timetable.start_of(slot, _spread(schedule))


def _plan_anew(schedule: Schedule, *, now: datetime) -> None:
    if schedule.next_slot_at is None or schedule.next_slot_at > now:
        _plan(schedule, after=now)
    else:  # no slot that the edit puts before this moment is still to come
        schedule.next_slot_at = schedule.timetable.latest(since=schedule.next_slot_at, until=now)


def _spread(schedule: Schedule) -> Spread:
    return Spread(seed=f"project {schedule.project_id}", within=timedelta(minutes=schedule.jitter_minutes))


def _locked(project: Project) -> Schedule | None:
    return Schedule.objects.for_org(project.org_id).select_for_update().filter(project=project).first()


def _told(schedule: Schedule) -> dict[str, Any]:
    return {
        "expression": schedule.timetable.expression,
        "time_zone": schedule.time_zone,
        "engines": list(schedule.engines),
        "samples": schedule.samples,
        "jitter_minutes": schedule.jitter_minutes,
        "economy": schedule.economy,
    }


def _now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
        return now
