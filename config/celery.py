"""The task queue: the row is the truth and a message is only a nudge, so losing one must cost no more than a tick."""

import os
import sys
from typing import Any

from celery import Celery, signals
from celery.loaders.app import AppLoader

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from config.startup import load_settings, require_services, set_up

load_settings()

from django.conf import settings  # noqa: E402

VISIBILITY_TIMEOUT = 15 * 60
TIME_LIMIT = 12 * 60
CODE_PREFIX = "code: "

# Static schedule; organizations' own schedules are rows that a swept task reads. Seconds between runs.
BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    f"{CODE_PREFIX}purge organizations": {
        "task": "orgs.tasks.purge_organizations",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    f"{CODE_PREFIX}sweep scans": {"task": "scans.tasks.sweep", "schedule": 5.0, "options": {"expires": 30}},
    f"{CODE_PREFIX}sweep rematches": {"task": "scans.tasks.sweep_rematches", "schedule": 10.0},
    f"{CODE_PREFIX}start scheduled scans": {
        "task": "scans.tasks.start_scheduled",
        "schedule": 20.0,
        "options": {"expires": 60},
    },
    f"{CODE_PREFIX}look after batches": {
        "task": "scans.tasks.look_after_batches",
        "schedule": 15.0,
        "options": {"expires": 30},
    },
    f"{CODE_PREFIX}age answers": {"task": "scans.tasks.age_answers", "schedule": 600.0, "options": {"expires": 600}},
    f"{CODE_PREFIX}announce events": {
        "task": "orgs.tasks.announce_waiting",
        "schedule": 15.0,
        "options": {"expires": 30},
    },
    f"{CODE_PREFIX}deliver webhooks": {
        "task": "orgs.tasks.deliver_webhooks",
        "schedule": 10.0,
        "options": {"expires": 30},
    },
    f"{CODE_PREFIX}prune webhooks": {
        "task": "orgs.tasks.prune_webhooks",
        "schedule": 3_600.0,
        "options": {"expires": 600},
    },
    f"{CODE_PREFIX}sweep suggestions": {
        "task": "prompts.tasks.sweep_suggestions",
        "schedule": 10.0,
        "options": {"expires": 30},
    },
    f"{CODE_PREFIX}sum up costs": {
        "task": "prompts.tasks.sum_up_costs",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    f"{CODE_PREFIX}sweep exports": {
        "task": "accounts.tasks.sweep_exports",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    f"{CODE_PREFIX}forget sessions": {
        "task": "accounts.tasks.forget_sessions",
        "schedule": 86_400.0,
        "options": {"expires": 3_600},
    },
    f"{CODE_PREFIX}send letters": {
        "task": "accounts.tasks.deliver_letters",
        "schedule": 20.0,
        "options": {"expires": 30},
    },
}


class CheckedLoader(AppLoader):
    """Workers and beat check the services before anything else."""

    def init_worker(self) -> None:
        require_services()
        set_up()
        super().init_worker()


app = Celery("prompter", loader="config.celery:CheckedLoader")
app.conf.update(
    broker_url=settings.REDIS_URL,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # however long Redis is away
    broker_transport_options={
        "visibility_timeout": VISIBILITY_TIMEOUT,
        # A killed worker's messages come back after the visibility timeout plus at most this.
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        # A page that nudges waits this long for Redis, not six seconds: its rows are there, and the sweep nudges again.
        "max_retries": 1,
        "interval_start": 0.1,
        "socket_connect_timeout": 2,
        # Nor for ever where Redis takes the message and says nothing. Longer than a worker's question for work (1 s).
        "socket_timeout": 3,
    },
    result_backend=None,
    result_expires=None,
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=TIME_LIMIT,
    task_soft_time_limit=TIME_LIMIT - 30,
    worker_pool="config.pool:TaskPool",
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    worker_soft_shutdown_timeout=10.0,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    task_default_queue="default",
    task_routes={"scans.tasks.run_answers": {"queue": "scans"}},
    task_serializer="json",
    accept_content=["json"],
    timezone="UTC",
    beat_scheduler="config.beat:Scheduler",
    beat_schedule=BEAT_SCHEDULE,
    beat_max_loop_interval=5,
)
app.autodiscover_tasks()


@signals.beat_init.connect(weak=False)
def _forget_removed_entries(**_: Any) -> None:
    """The scheduler only adds what the code names; what the code no longer names would run for ever."""
    from django_celery_beat.models import PeriodicTask

    PeriodicTask.objects.filter(name__startswith=CODE_PREFIX).exclude(name__in=BEAT_SCHEDULE).delete()


if __name__ == "__main__":
    from config.celery import app as canonical

    canonical.start(sys.argv[1:])
