"""Schedules: slots that are due start one scan each, whoever sweeps, and what stands in their way is told."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from billing.models import Usage
from orgs.models import Event, Organization
from orgs.scoping import org_scope
from prompts import library
from prompts.models import Project, Prompt
from scans import schedule as schedules
from scans.launch import cancel_scan
from scans.models import Scan, Schedule
from scans.schedule import ScheduleFields
from scans.timetable import BadTimetable, Spread, parse
from tests.cast import make_prompt

# Half a day from now, so that no slot of its own comes while a test runs.
DAILY = ScheduleFields(
    cadence="daily",
    time_of_day=time((datetime.now(UTC).hour + 12) % 24),
    weekday=0,
    cron="",
    time_zone="UTC",
    jitter_minutes=0,
)
OTHER_TIME = replace(DAILY, time_of_day=time((datetime.now(UTC).hour + 10) % 24))


@pytest.fixture(autouse=True)
def _simulated(settings: Any) -> None:
    settings.SIMULATOR_URL = "http://127.0.0.1:1"


@pytest.fixture
def schedule(org: Organization, project: Project, prompt: Prompt, member: User) -> Schedule:
    with org_scope(org):
        return schedules.save_schedule(project, DAILY, actor=member)


def due(schedule: Schedule, *, ago: timedelta = timedelta(minutes=1)) -> datetime:
    """As if its next slot had been `ago`."""
    slot = (timezone.now() - ago).replace(second=0, microsecond=0)
    with org_scope(schedule.org_id):
        rows = Schedule.objects.for_org(schedule.org_id).filter(pk=schedule.pk)
        rows.update(next_slot_at=slot, next_start_at=slot)
    return slot


def let_start(schedule: Schedule) -> None:
    """As if the time until its start had passed."""
    with org_scope(schedule.org_id):
        rows = Schedule.objects.for_org(schedule.org_id).filter(pk=schedule.pk)
        rows.update(next_start_at=timezone.now() - timedelta(minutes=1))


def fresh(schedule: Schedule) -> Schedule:
    with org_scope(schedule.org_id):
        return Schedule.objects.for_org(schedule.org_id).get(pk=schedule.pk)


def scans(schedule: Schedule) -> list[Scan]:
    with org_scope(schedule.org_id):
        return list(Scan.objects.for_org(schedule.org_id).filter(project_id=schedule.project_id).order_by("pk"))


def events(schedule: Schedule, name: str) -> list[Event]:
    with org_scope(schedule.org_id):
        return list(Event.objects.for_org(schedule.org_id).filter(name=name).order_by("pk"))


def test_a_saved_schedule_knows_its_next_slot_and_starts_nothing_before_it(schedule: Schedule) -> None:
    assert schedule.next_slot_at is not None
    assert timezone.now() < schedule.next_slot_at <= timezone.now() + timedelta(days=1)
    assert schedule.next_slot_at.astimezone(UTC).minute == 0
    assert (schedules.start_due(), scans(schedule)) == (0, [])


def test_a_due_slot_starts_one_scan_of_the_schedule_however_often_it_is_swept(schedule: Schedule) -> None:
    slot = due(schedule)
    assert [schedules.start_due() for _ in range(3)] == [1, 0, 0]
    [scan] = scans(schedule)
    assert (scan.source, scan.total, scan.started_by) == ("schedule", 1, None)
    assert scan.batch.startswith(f"schedule {schedule.pk} ")
    later = fresh(schedule)
    assert later.last_slot_at == slot
    assert later.next_slot_at is not None
    assert later.next_slot_at > timezone.now()


def test_slots_that_nobody_was_there_to_start_make_one_scan(schedule: Schedule) -> None:
    due(schedule, ago=timedelta(days=10))
    assert [schedules.start_due() for _ in range(2)] == [1, 0]
    later = fresh(schedule)
    assert later.last_slot_at is not None
    assert timezone.now() - later.last_slot_at < timedelta(days=1, hours=1)
    assert len(scans(schedule)) == 1


def test_a_slot_whose_scan_is_there_is_not_filled_again(schedule: Schedule) -> None:
    """As when a clock was set back: the batch says that the slot was used."""
    slot = due(schedule)
    schedules.start_due()
    with org_scope(schedule.org_id):
        cancel_scan(scans(schedule)[0], actor=None)
        rows = Schedule.objects.for_org(schedule.org_id).filter(pk=schedule.pk)
        rows.update(next_slot_at=slot, next_start_at=slot)
    assert schedules.start_due() == 0
    assert len(scans(schedule)) == 1
    assert fresh(schedule).next_slot_at > timezone.now()  # type: ignore[operator]


def test_a_slot_that_finds_a_scan_running_waits_for_it(schedule: Schedule) -> None:
    with org_scope(schedule.org_id):
        running = schedules.run_now(schedule, schedule.project, actor=None)  # type: ignore[arg-type]
    slot = due(schedule)
    assert schedules.start_due() == 0
    waiting = fresh(schedule)
    assert waiting.next_slot_at == slot
    assert waiting.next_start_at > timezone.now()  # type: ignore[operator]
    assert (events(schedule, "schedule.skipped"), waiting.last_problem) == ([], "")
    with org_scope(schedule.org_id):
        cancel_scan(running, actor=None)
        Schedule.objects.for_org(schedule.org_id).filter(pk=schedule.pk).update(next_start_at=slot)
    assert schedules.start_due() == 1
    assert len(scans(schedule)) == 2


def test_a_slot_without_quota_is_skipped_and_says_why(schedule: Schedule, settings: Any) -> None:
    settings.MONTHLY_ANSWERS = 1
    with org_scope(schedule.org_id):
        Usage.objects.for_org(schedule.org_id).create(
            org_id=schedule.org_id, metric="answers", month=timezone.now().date().replace(day=1), used=1, allowance=1
        )
    due(schedule)
    assert (schedules.start_due(), scans(schedule)) == (0, [])
    [skipped] = events(schedule, "schedule.skipped")
    assert skipped.data["code"] == "quota"
    assert "month" in fresh(schedule).failure
    assert fresh(schedule).next_slot_at > timezone.now()  # type: ignore[operator]


def test_a_scan_that_starts_again_forgets_the_old_problem(schedule: Schedule) -> None:
    with org_scope(schedule.org_id):
        Schedule.objects.for_org(schedule.org_id).update(last_problem="There was no key.")
    due(schedule)
    schedules.start_due()
    assert fresh(schedule).last_problem == ""


def test_paused_schedules_start_nothing_and_make_nothing_good(schedule: Schedule, member: User) -> None:
    due(schedule, ago=timedelta(days=2))
    with org_scope(schedule.org_id):
        assert schedules.pause(schedule.project, actor=member)
        assert not schedules.pause(schedule.project, actor=member)
    assert (schedules.start_due(), fresh(schedule).next_slot_at) == (0, None)
    with org_scope(schedule.org_id):
        assert schedules.resume(schedule.project, actor=member)
        assert not schedules.resume(schedule.project, actor=member)
    assert (schedules.start_due(), scans(schedule)) == (0, [])
    assert fresh(schedule).next_slot_at > timezone.now()  # type: ignore[operator]


def test_an_archived_project_is_not_scanned_and_not_complained_about(schedule: Schedule, member: User) -> None:
    with org_scope(schedule.org_id):
        library.archive_project(schedule.project, actor=member)
    due(schedule)
    assert (schedules.start_due(), scans(schedule), events(schedule, "schedule.skipped")) == (0, [], [])


@pytest.mark.parametrize("closed", ["disabled_at", "deletion_due_at", "deleted_at"])
def test_a_closed_organization_is_not_scanned(schedule: Schedule, org: Organization, closed: str) -> None:
    due(schedule)
    Organization.objects.filter(pk=org.pk).update(**{closed: timezone.now()})
    assert (schedules.start_due(), scans(schedule)) == (0, [])


def test_an_edit_counts_from_the_next_slot_on(schedule: Schedule, project: Project, member: User) -> None:
    with org_scope(schedule.org_id):
        make_prompt(project, "Which board suits a school?")
        weekly = ScheduleFields(
            cadence="weekly", time_of_day=time(5, 30), weekday=6, cron="", time_zone="UTC", samples=3, jitter_minutes=0
        )
        saved = schedules.save_schedule(project, weekly, actor=member)
    assert saved.pk == schedule.pk
    assert saved.next_slot_at is not None
    assert (saved.next_slot_at.weekday(), saved.next_slot_at.hour, saved.next_slot_at.minute) == (6, 5, 30)
    changed = events(schedule, "schedule.saved")[-1]
    assert (changed.before["expression"], changed.after["expression"]) == (
        f"0 {DAILY.time_of_day.hour} * * *",
        "30 5 * * 0",
    )  # type: ignore[index]
    due(saved)
    schedules.start_due()
    assert [(scan.samples, scan.total) for scan in scans(schedule)] == [(3, 6)]


def test_a_slot_that_has_come_survives_an_edit_and_starts_as_edited(
    schedule: Schedule, project: Project, member: User
) -> None:
    """Inside its spread: the scan starts when it would have, and what follows goes by the edit."""
    slot = due(schedule, ago=timedelta(minutes=3))
    soon = timezone.now() + timedelta(minutes=4)
    with org_scope(schedule.org_id):
        Schedule.objects.for_org(schedule.org_id).update(next_start_at=soon)
        saved = schedules.save_schedule(project, replace(OTHER_TIME, samples=2), actor=member)
    assert (saved.next_slot_at, saved.next_start_at) == (slot, soon)
    assert schedules.start_due() == 0
    let_start(schedule)
    assert [schedules.start_due() for _ in range(2)] == [1, 0]
    assert [scan.samples for scan in scans(schedule)] == [2]
    later = fresh(schedule)
    assert later.last_slot_at == slot
    assert later.next_slot_at is not None
    assert later.next_slot_at > timezone.now()
    assert later.next_slot_at.time() == OTHER_TIME.time_of_day


def test_a_slot_that_waits_for_a_running_scan_survives_an_edit(
    schedule: Schedule, project: Project, member: User
) -> None:
    with org_scope(schedule.org_id):
        running = schedules.run_now(schedule, project, actor=member)
    slot = due(schedule)
    assert schedules.start_due() == 0
    with org_scope(schedule.org_id):
        schedules.save_schedule(project, replace(OTHER_TIME, samples=3), actor=member)
        cancel_scan(running, actor=None)
    assert fresh(schedule).next_slot_at == slot
    let_start(schedule)
    assert schedules.start_due() == 1
    assert [scan.samples for scan in scans(schedule)] == [1, 3]


def test_an_edit_that_puts_a_slot_before_this_moment_does_not_make_a_second_scan(
    schedule: Schedule, project: Project, member: User
) -> None:
    """One waits already, and its start is not put off by the new one's spread."""
    due(schedule, ago=timedelta(hours=2))
    now = timezone.now()
    passed = (now - timedelta(minutes=30)).time().replace(second=0, microsecond=0)
    with org_scope(schedule.org_id):
        edited = replace(DAILY, time_of_day=passed, jitter_minutes=schedules.MAX_JITTER)
        saved = schedules.save_schedule(project, edited, actor=member)
    assert saved.next_slot_at is not None
    assert timedelta(minutes=29) < now - saved.next_slot_at < timedelta(minutes=32)
    assert [schedules.start_due() for _ in range(2)] == [1, 0]
    assert fresh(schedule).next_slot_at == saved.next_slot_at + timedelta(days=1)


def test_pausing_drops_a_slot_that_has_come_and_an_edit_does_not_bring_it_back(
    schedule: Schedule, project: Project, member: User
) -> None:
    due(schedule)
    with org_scope(schedule.org_id):
        schedules.pause(project, actor=member)
        assert schedules.save_schedule(project, OTHER_TIME, actor=member).next_slot_at is None
        schedules.resume(project, actor=member)
    assert (schedules.start_due(), scans(schedule)) == (0, [])


def test_a_slot_that_starts_late_leaves_the_next_one_to_its_own_start(
    schedule: Schedule, project: Project, member: User
) -> None:
    """The next has come, too, but its own spread is not over."""
    spread = Spread(seed=f"project {project.pk}", within=timedelta(minutes=59))
    now = timezone.now().replace(second=0, microsecond=0)
    tables = [parse(f"{(now - timedelta(minutes=ago)).minute} * * * *", "UTC") for ago in range(45)]
    came = ((table, now - timedelta(minutes=ago)) for ago, table in enumerate(tables))
    table, this = next((t, slot) for t, slot in came if t.start_of(slot, spread) > now + timedelta(minutes=5))
    with org_scope(schedule.org_id):
        hourly = replace(DAILY, cadence="cron", cron=table.expression, jitter_minutes=59)
        schedules.save_schedule(project, hourly, actor=member)
        late = this - timedelta(hours=1)
        Schedule.objects.for_org(schedule.org_id).update(next_slot_at=late, next_start_at=table.start_of(late, spread))
    assert schedules.start_due() == 1
    later = fresh(schedule)
    assert (later.last_slot_at, later.next_slot_at, later.next_start_at) == (late, this, table.start_of(this, spread))


@pytest.mark.parametrize("paused", [False, True])
def test_a_spread_that_reaches_the_next_slot_is_refused(
    schedule: Schedule, project: Project, member: User, paused: bool
) -> None:
    hourly = replace(DAILY, cadence="cron", cron="0 * * * *")
    with org_scope(schedule.org_id):
        if paused:
            schedules.pause(project, actor=member)
        with pytest.raises(BadTimetable, match="59 minutes") as refused:
            schedules.save_schedule(project, replace(hourly, jitter_minutes=60), actor=member)
        assert refused.value.field == "jitter_minutes"
        assert schedules.save_schedule(project, replace(hourly, jitter_minutes=59), actor=member).jitter_minutes == 59


def test_one_broken_schedule_stops_none_of_the_others(
    schedule: Schedule, other_org: Organization, caplog: pytest.LogCaptureFixture
) -> None:
    with org_scope(other_org):
        project = Project.objects.for_org(other_org).create(
            org=other_org, name="Other", slug="other", engines=["openai:gpt-5-mini/web_search"]
        )
        make_prompt(project, "Which board is best?")
        broken = schedules.save_schedule(project, DAILY, actor=None)
        Schedule.objects.for_org(other_org).filter(pk=broken.pk).update(cadence="cron", cron="no cron")
    due(broken, ago=timedelta(minutes=5))
    due(schedule)
    assert schedules.start_due() == 1
    assert f"schedule {broken.pk} of organization {other_org.pk}" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_two_beats_at_once_start_one_scan(schedule: Schedule) -> None:
    due(schedule)
    together, started = Barrier(2), []

    def sweep() -> None:
        try:
            together.wait(10)
            started.append(schedules.start_due())
        finally:
            connection.close()

    threads = [Thread(target=sweep) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(started) == [0, 1]
    assert len(scans(schedule)) == 1
