"""Scans that a budget stops: what they have not asked ends at once, and is asked when somebody resumes them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.db.models.functions import Now

from orgs.scoping import org_scope
from prompts.budgets import sentence_of
from prompts.models import Budget
from prompts.spending import mark_reached
from scans import allowance
from scans.ending import finish_scans
from scans.models import Answer, Scan

BUDGET = "budget"  # the error_kind of an answer that was not asked for want of a budget


def stop_scans(stops: dict[tuple[int, int], dict[str, Any]]) -> None:
    """(organization, scan) -> the budget that has no room left. Outside any scope; doing it again changes nothing."""
    for (org_id, scan_id), stop in sorted(stops.items()):
        with org_scope(org_id):
            stopped = _stop(org_id, scan_id, stop)
        if stopped:
            finish_scans(org_id, [scan_id])


def _stop(org_id: int, scan_id: int, stop: dict[str, Any]) -> bool:
    """Answers under way go on; those that come back to be asked again are stopped when they are claimed."""
    budget = Budget.objects.for_org(org_id).select_related("project").filter(project_id=stop["project"]).first()
    scans = Scan.objects.for_org(org_id).filter(pk=scan_id, status__in=Scan.OPEN)
    if budget is None or not scans.update(budget_stop=stop):
        return False  # removed or cancelled meanwhile
    waiting = Answer.objects.for_org(org_id).filter(scan_id=scan_id, status=Answer.Status.PENDING)
    # What a batch has been given is paid for; its hold is counted already.
    waiting = waiting.exclude(
        batch_job__isnull=False, held_month__isnull=False, due_at__gt=Now() + timedelta(minutes=1)
    )
    months = dict(waiting.order_by("pk").select_for_update().values_list("pk", "quota_month"))
    why = sentence_of(stop)
    waiting.filter(pk__in=months).update(
        status=Answer.Status.FAILED, error_kind=BUDGET, error=why.text, error_values=why.values, finished_at=Now()
    )
    mark_reached(org_id, budget, month=date.fromisoformat(stop["month"]))
    created_at = scans.values_list("created_at", flat=True).get()
    allowance.release(org_id, months.values(), created_at=created_at)
    return True
