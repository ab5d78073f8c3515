"""The scheduler of beat, when clocks are wrong or the database is away."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config.beat import Scheduler
from config.celery import app


@pytest.fixture
def task(db: None) -> PeriodicTask:
    every, _ = IntervalSchedule.objects.get_or_create(every=10, period="seconds")
    return PeriodicTask.objects.create(name="probe", task="scans.tasks.sweep", interval=every)


def scheduler() -> Scheduler:
    found = Scheduler(app=app, lazy=True)
    found._finalize.cancel()  # it would write to the tests' database when that is gone
    return found


def entry_of(task: PeriodicTask, *, ran: timedelta) -> Any:
    task.last_run_at = datetime.now(UTC) + ran
    return Scheduler.Entry(task, app=app)


def test_what_ran_a_moment_ago_waits_its_time(task: PeriodicTask) -> None:
    assert not entry_of(task, ran=timedelta(seconds=-2)).is_due().is_due


def test_what_ran_long_ago_is_due(task: PeriodicTask) -> None:
    assert entry_of(task, ran=timedelta(seconds=-20)).is_due().is_due


def test_what_is_said_to_have_run_in_an_hour_is_due_now(task: PeriodicTask) -> None:
    entry = entry_of(task, ran=timedelta(hours=1))
    assert entry.is_due().is_due
    assert not next(entry).is_due().is_due


def test_a_clock_put_back_makes_nothing_wait_for_it(task: PeriodicTask, redis: Any) -> None:
    beat = scheduler()
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1), tick=True) as traveller:
        task.last_run_at = datetime.now(UTC) - timedelta(seconds=20)
        beat._schedule, beat._initial_read = {"probe": Scheduler.Entry(task, app=app)}, False
        beat._last_full_sync = datetime.now()
        beat.tick()
        assert redis.llen("default") == 1
        assert beat.tick() > 1  # seconds until it is due again
        traveller.shift(timedelta(hours=-1))
        beat.tick()
        assert redis.llen("default") == 2


def test_the_schedule_outlives_the_database(
    task: PeriodicTask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    beat = scheduler()
    known = beat._schedule = {"probe": Scheduler.Entry(task, app=app)}

    def away(_: Any) -> Any:
        raise OperationalError

    monkeypatch.setattr(Scheduler, "enabled_models", away)
    assert beat.all_as_schedule() == known
    assert "the schedule stays as it was" in caplog.text
    beat._schedule = None
    with pytest.raises(OperationalError):
        beat.all_as_schedule()
