"""Wiring: organizations whose days of grace have passed."""

from __future__ import annotations

from celery import shared_task

from orgs import closing

BATCHES = 200  # of rows, a run; the next run goes on


@shared_task(ignore_result=True, time_limit=600, soft_time_limit=590)
def purge_organizations() -> None:
    for org_id in closing.due_organizations():
        closing.purge(org_id, batches=BATCHES)
