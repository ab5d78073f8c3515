"""Wiring: nudges to the runner, the sweep that makes every lost message good, and looking through answers again."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from celery import shared_task
from django.db import transaction
from django.dispatch import receiver
from kombu.exceptions import OperationalError

from orgs.access import org_task
from orgs.events import event_committed, event_written
from orgs.models import Event, Organization
from scans import budget_waits, claims, rematch, sweeping
from scans.process import run_here

logger = logging.getLogger("prompter.scans")

BUDGETS_CHANGED = frozenset({"budget.saved", "budget.removed", "project_budget.saved", "project_budget.removed"})
AGEING = 60  # seconds of deleting what is too old, every ten minutes
BUDGET = 8 * 60  # seconds of new work in one task; answers under way then have until the time limit


# Acknowledged early, unlike others: the rows hold the work, and a message that came back would only be a second nudge.
@shared_task(ignore_result=True, acks_late=False, time_limit=BUDGET + 240, soft_time_limit=BUDGET + 210)
def run_answers() -> None:
    if run_here(budget_seconds=BUDGET):
        nudge()


@shared_task(ignore_result=True, time_limit=120, soft_time_limit=110)
def sweep() -> None:
    sweeping.recover()
    waiting = claims.next_due_in()
    if waiting is not None and waiting <= 0:
        nudge()


@shared_task(ignore_result=True, time_limit=AGEING + 120, soft_time_limit=AGEING + 110)
def age_answers() -> None:
    from scans import retention  # only this needs it

    aged = retention.sweep(seconds=AGEING)
    if aged.answers or aged.scans:
        logger.info("retention: %d answers of %d scans deleted%s", aged.answers, aged.scans, ", more to do" * aged.more)


@shared_task(ignore_result=True, time_limit=300, soft_time_limit=280)
def start_scheduled() -> None:
    from scans import schedule  # it starts scans, which nudge

    schedule.start_due()


@shared_task(ignore_result=True, time_limit=BUDGET + 240, soft_time_limit=BUDGET + 210)
def look_after_batches() -> None:
    from scans import batch_work

    batch_work.look_after_due(budget_seconds=BUDGET, nudge=nudge)


@org_task(time_limit=300, soft_time_limit=280)
def rematch_answers(org: Organization, change: int) -> None:
    """One page in one transaction, then the next."""
    if rematch.rematch_next(org.pk, change):
        transaction.on_commit(partial(send_rematch, org.pk, change))


@shared_task(ignore_result=True, time_limit=120, soft_time_limit=110)
def sweep_rematches() -> None:
    for org_id, change in rematch.take_up_due():
        send_rematch(org_id, change)


@receiver(event_written, dispatch_uid="scans.rematch.remember")
def on_event_written(*, event: Event, **_: Any) -> None:
    if event.name in rematch.EVENTS:
        rematch.remember(event)


@receiver(event_committed, dispatch_uid="scans.rematch")
def on_event(*, event_id: int, org_id: int, name: str, **_: Any) -> None:
    if name in rematch.EVENTS:
        send_rematch(org_id, event_id)
    if name in BUDGETS_CHANGED and budget_waits.release(org_id):
        nudge()


def send_rematch(org_id: int, change: int) -> None:
    """Losing the message loses nothing: the row is there, and the sweep takes it up."""
    try:
        rematch_answers.apply_async((org_id, change), retry=False)
    except OperationalError:
        logger.warning("the task queue cannot be reached; the next sweep looks through answers after change %s", change)


def nudge() -> None:
    """Ask for a runner. Losing the message loses nothing: the sweep nudges while anything is due. It does not expire:
    that would be by the worker's clock against ours, and one message too many ends at once."""
    try:
        run_answers.apply_async(retry=False)
    except OperationalError:
        logger.warning("the task queue cannot be reached; the next sweep starts what is due")
