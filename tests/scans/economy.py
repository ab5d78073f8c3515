"""Scans in economy mode, and looking after their batches as the worker does."""

from typing import Any

from django.db import connection

from orgs.scoping import all_orgs_scope, org_scope
from prompts.llm.simulator.server import Running
from prompts.models import Project
from scans import batch_work
from scans.models import BatchJob, Scan
from tests.scans.running import run, started

CLAUDE = "anthropic:claude-haiku-4-5/web_search"
GPT = "openai:gpt-5.4-mini/model"
GEMINI = "google:gemini-3.8-flash/web_search"
SEARCHING_GPT = "openai:gpt-5-mini/web_search"
BATCHED = (GPT, CLAUDE, GEMINI)


def economy_scan(project: Project, *engines: str, **options: Any) -> Scan:
    return started(project, engines=list(engines or BATCHED), economy=True, **options)


def look_after(*, nudged: list[int] | None = None) -> int:
    """Everything that is due, as one run of the task does."""
    told = [] if nudged is None else nudged
    return batch_work.look_after_due(budget_seconds=30.0, nudge=lambda: told.append(1))


def ask_live() -> None:
    """Everything that is due, however long the machine takes."""
    while run():
        pass


def jobs_of(scan: Scan) -> list[BatchJob]:
    with org_scope(scan.org_id):
        return list(BatchJob.objects.for_org(scan.org_id).filter(scan=scan).order_by("pk"))


def states(scan: Scan) -> list[str]:
    return [job.state for job in jobs_of(scan)]


def make_due(scan: Scan) -> None:
    """As if the time until somebody looks again had passed."""
    _set(scan, "next_poll_at = now() WHERE next_poll_at IS NOT NULL AND scan_id = %s")


def past_deadline(scan: Scan) -> None:
    _set(scan, "deadline_at = now(), next_poll_at = now() WHERE next_poll_at IS NOT NULL AND scan_id = %s")


def change_jobs(scan: Scan, **fields: Any) -> None:
    with org_scope(scan.org_id):
        BatchJob.objects.for_org(scan.org_id).filter(scan=scan).update(**fields)


def _set(scan: Scan, sql: str) -> None:
    with all_orgs_scope("test"), connection.cursor() as cursor:
        cursor.execute(f"UPDATE scans_batchjob SET {sql}", [scan.pk])


def let_answers_be_due(scan: Scan) -> None:
    with all_orgs_scope("test"), connection.cursor() as cursor:
        cursor.execute("UPDATE scans_answer SET due_at = now(), batch_job_id = NULL WHERE scan_id = %s", [scan.pk])


def batched_at(simulator: Running) -> int:
    """Questions that the simulated providers took in with batches."""
    return sum(lane["batched"] for lane in simulator.stats()["lanes"])


def end_batches(simulator: Running) -> None:
    """As if the simulated providers had answered all that they hold by now."""
    for job in list(simulator.simulator.desk.jobs.values()):
        job.seconds = 0.0
