"""Wiring: letters that wait, exports, and sessions that are over."""

from __future__ import annotations

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from accounts import exporting, mail, sessions

logger = logging.getLogger("prompter.mail")


@shared_task(ignore_result=True, time_limit=100, soft_time_limit=90)
def deliver_letter(letter_id: int) -> None:
    mail.deliver(letter_id)


@shared_task(ignore_result=True, time_limit=600, soft_time_limit=590)
def deliver_letters() -> None:
    mail.deliver_waiting()


def send_letter(letter_id: int) -> None:
    """Losing the message loses nothing: the sweep sends what waits."""
    try:
        deliver_letter.apply_async((letter_id,), retry=False)
    except OperationalError:
        logger.warning("the task queue cannot be reached; the next sweep sends letter %s", letter_id)


@shared_task(ignore_result=True, time_limit=300, soft_time_limit=280)
def build_export(export_id: int) -> None:
    exporting.build(export_id)


@shared_task(ignore_result=True, time_limit=600, soft_time_limit=590)
def sweep_exports() -> None:
    exporting.sweep()


@shared_task(ignore_result=True, time_limit=600, soft_time_limit=590)
def forget_sessions() -> None:
    sessions.forget_expired()


def send_export(export_id: int) -> None:
    """Losing the message loses nothing: the sweep builds what waits."""
    try:
        build_export.apply_async((export_id,), retry=False)
    except OperationalError:
        logger.warning("the task queue cannot be reached; the next sweep builds export %s", export_id)
