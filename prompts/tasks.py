"""What a worker that calls models does before it starts, and the suggestions that it answers."""

from __future__ import annotations

import gc
import logging
from typing import Any

from celery import shared_task
from celery.signals import worker_init
from kombu.exceptions import OperationalError

from prompts import costs, gateway, suggesting

logger = logging.getLogger("prompter.prompts")

_GARBAGE = (20_000, 20, 20)
EXPIRES = 60  # an older nudge tells nothing: the sweep repeats it


@worker_init.connect(weak=False)
def _preload(**_: Any) -> None:
    """In the parent, so that its children share the memory and none of them pays for it again."""
    gateway.preload()
    # What is here now stays: looking through it for garbage again and again took a sixth of an answer's CPU.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE)


@shared_task(ignore_result=True, time_limit=140, soft_time_limit=130)
def answer_suggestion(org_id: int, pk: int) -> None:
    suggesting.work(org_id, pk)


@shared_task(ignore_result=True, time_limit=60, soft_time_limit=50)
def sweep_suggestions() -> None:
    for org_id, pk in suggesting.recover():
        nudge_suggestion(org_id, pk)


@shared_task(ignore_result=True, time_limit=120, soft_time_limit=110)
def sum_up_costs() -> None:
    while costs.sum_up() == costs.HOURS_AT_ONCE:
        pass


def nudge_suggestion(org_id: int, pk: int) -> None:
    """Losing the message loses nothing: the sweep sends another."""
    try:
        answer_suggestion.apply_async((org_id, pk), expires=EXPIRES, retry=False)
    except OperationalError:
        logger.warning("the task queue cannot be reached; suggestion %s waits for the next sweep", pk)
