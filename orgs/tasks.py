"""Wiring: organizations whose days of grace have passed, events that members are told of, and webhooks."""

from __future__ import annotations

import logging
from typing import Any

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.dispatch import receiver
from kombu.exceptions import OperationalError

from orgs import closing, digests, notify
from orgs.events import declared, event_committed
from orgs.webhooks import queue, sending
from orgs.webhooks.offers import is_offered

logger = logging.getLogger("prompter.notify")

WEBHOOK_BUDGET = 240  # seconds of new requests in one task; the last of them then have a while to end
BATCHES = 200  # of rows, a run; the next run goes on


@shared_task(ignore_result=True, time_limit=600, soft_time_limit=590)
def purge_organizations() -> None:
    for org_id in closing.due_organizations():
        try:
            closing.purge(org_id, batches=BATCHES)
        except SoftTimeLimitExceeded:
            raise
        except Exception:  # one that cannot be emptied must not hold up those behind it
            logger.exception("organization %s could not be emptied; the next run tries again", org_id)


# Not an org_task: an organization that closes is what some events tell of.
@shared_task(ignore_result=True, time_limit=120, soft_time_limit=110)
def announce(org_id: int, event_id: int) -> None:
    notify.announce(org_id, event_id)


@shared_task(ignore_result=True, time_limit=120, soft_time_limit=110)
def announce_waiting() -> None:
    for org_id, event_id in notify.waiting():
        send_announcement(org_id, event_id)
    digests.send_gathered()


@receiver(event_committed, dispatch_uid="orgs.notify")
def on_event(*, event_id: int, org_id: int, name: str, **_: Any) -> None:
    if declared()[name].notifies:
        send_announcement(org_id, event_id)
    if is_offered(name):
        nudge_webhooks()


@shared_task(ignore_result=True, acks_late=False, time_limit=WEBHOOK_BUDGET + 60, soft_time_limit=WEBHOOK_BUDGET + 40)
def deliver_webhooks() -> None:
    if sending.send_due(budget_seconds=WEBHOOK_BUDGET):
        nudge_webhooks()


@shared_task(ignore_result=True, time_limit=300, soft_time_limit=280)
def prune_webhooks() -> None:
    while queue.prune():
        pass


def nudge_webhooks() -> None:
    """Losing the message loses nothing: the rows are due, and beat asks again."""
    try:
        deliver_webhooks.apply_async(expires=30, retry=False)
    except OperationalError:
        logger.warning("the task queue cannot be reached; the next sweep sends webhooks")


def nudge_webhooks_soon() -> None:
    """Once the caller's transaction has committed."""
    transaction.on_commit(nudge_webhooks)


def send_announcement(org_id: int, event_id: int) -> None:
    """Losing the message loses nothing: the event stays pending, and the sweep announces it."""
    try:
        announce.apply_async((org_id, event_id), retry=False)
    except OperationalError:
        logger.warning("the task queue cannot be reached; the next sweep announces event %s", event_id)
