"""Two beats at once, as when one was started before the other was gone: a slot starts one scan all the same."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

import pytest
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config.celery import CODE_PREFIX
from orgs.scoping import org_scope
from prompts.models import Brand, Project
from scans import schedule as schedules
from scans.models import Scan, Schedule
from scans.schedule import ScheduleFields
from tests.chaos.installation import Installation
from tests.chaos.workers import Running
from tests.scans.running import ENGINES, add_prompts

AHEAD = 60.0  # seconds
ENTRY = f"{CODE_PREFIX}start scheduled scans"
SENT, DONE = f"Sending due task {ENTRY}", "Task scans.tasks.start_scheduled["


@pytest.fixture
def schedule(installation: Installation, project: Project, own_brand: Brand) -> Schedule:
    """Every day, half a day from now, so that no slot of its own comes meanwhile."""
    installation.crew.end()
    add_prompts(project, 1)
    daily = ScheduleFields(
        cadence="daily",
        time_of_day=time((datetime.now(UTC).hour + 12) % 24),
        weekday=0,
        cron="",
        time_zone="UTC",
        engines=ENGINES[:1],
        jitter_minutes=0,
    )
    with org_scope(project.org_id):
        return schedules.save_schedule(project, daily, actor=None)


def make_due(schedule: Schedule, slot: datetime) -> None:
    with org_scope(schedule.org_id):
        rows = Schedule.objects.for_org(schedule.org_id).filter(pk=schedule.pk)
        rows.update(next_slot_at=slot, next_start_at=slot)


def scans_of(schedule: Schedule) -> list[Scan]:
    with org_scope(schedule.org_id):
        return list(Scan.objects.for_org(schedule.org_id).filter(project_id=schedule.project_id).order_by("pk"))


def forget_last_runs() -> None:
    """A beat that starts has something to send as soon as it is there."""
    every, _ = IntervalSchedule.objects.get_or_create(every=20, period=IntervalSchedule.SECONDS)
    long_ago = timezone.now() - timedelta(days=1)
    told = {"task": "scans.tasks.start_scheduled", "interval": every, "last_run_at": long_ago}
    PeriodicTask.objects.update_or_create(name=ENTRY, defaults=told)


def start_both(installation: Installation) -> list[Running]:
    """The second's clock is ahead, so that it has something to send at once, too, though the first has sent it."""
    return [installation.crew.beat(), installation.crew.beat("second", clock_off_by=AHEAD)]


def let_both_send(installation: Installation, worker: Running) -> None:
    """The worker stands still until both have, and then finds what each sent."""
    before = worked_off(worker)
    worker.freeze()
    beats = start_both(installation)
    installation.crew.wait_until(lambda: all(SENT in beat.output() for beat in beats), what="both beats to send")
    worker.thaw()
    installation.crew.wait_until(lambda: worked_off(worker) >= before + 2, what="both messages to be worked off")


def worked_off(worker: Running) -> int:
    return sum(DONE in line and " succeeded in " in line for line in worker.output().splitlines())


def slots(scans: Sequence[Scan]) -> list[str]:
    return [scan.batch.rpartition(" ")[2] for scan in scans]


def told(slot: datetime) -> str:
    return f"{slot:%Y-%m-%dT%H:%MZ}"


def test_two_beats_start_one_scan_for_a_slot_and_one_for_all_that_were_missed(
    installation: Installation, schedule: Schedule
) -> None:
    worker = installation.crew.worker()
    slot = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=1)
    make_due(schedule, slot)
    forget_last_runs()
    let_both_send(installation, worker)
    assert slots(scans_of(schedule)) == [told(slot)]
    installation.wait_until_ended(scans_of(schedule)[0])

    for beat in start_both(installation):
        beat.kill()
    make_due(schedule, slot - timedelta(days=3))
    forget_last_runs()
    installation.crew.replace()
    let_both_send(installation, worker)
    missed = schedule.timetable.latest(since=slot - timedelta(days=3), until=slot)
    assert slots(scans_of(schedule)) == [told(slot), told(missed)]
