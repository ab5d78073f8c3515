"""Wiring: nudges to the runner, and the sweep that makes every lost message good."""

from __future__ import annotations

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from scans import claims, sweeping
from scans.process import run_here

logger = logging.getLogger("prompter.scans")

BUDGET = 8 * 60  # seconds of new work in one task; answers under way then have until the time limit
EXPIRES = 30  # an older nudge tells nothing: the sweep repeats it


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


def nudge() -> None:
    """Ask for a runner. Losing the message loses nothing: the sweep nudges while anything is due."""
    try:
        run_answers.apply_async(expires=EXPIRES, retry=False)
    except OperationalError:
        logger.warning("the task queue cannot be reached; the next sweep starts what is due")
