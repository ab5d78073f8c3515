"""The end of a scan: reached once, when no answer of it is open, and told once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Now

from orgs.events import emit
from orgs.scoping import org_scope
from scans.models import Answer, Scan


def finish_scans(org_id: int, scan_ids: Iterable[int]) -> list[int]:
    """End those of one organization's scans that have nothing open. Call it after the answers are committed: whoever
    commits last sees them all. Returns the ids that ended now."""
    return [pk for pk in sorted(set(scan_ids)) if _finish(org_id, pk)]


def _answers(org_id: int, statuses: Iterable[str]) -> QuerySet[Answer]:
    return Answer.objects.for_org(org_id).filter(scan_id=OuterRef("pk"), status__in=list(statuses))


def _finish(org_id: int, pk: int) -> bool:
    failed = Exists(_answers(org_id, [Answer.Status.FAILED]))
    succeeded = Exists(_answers(org_id, [Answer.Status.SUCCEEDED]))
    with org_scope(org_id):
        ended = (
            Scan.objects.for_org(org_id)
            .filter(pk=pk, status__in=Scan.OPEN)
            .exclude(Exists(_answers(org_id, Answer.OPEN)))
            .update(
                finished_at=Now(),
                status=Case(
                    When(budget_stop__isnull=False, then=Value(Scan.Status.PARTIAL)),  # resumed, it goes on
                    When(~succeeded, then=Value(Scan.Status.FAILED)),
                    When(failed, then=Value(Scan.Status.PARTIAL)),
                    default=Value(Scan.Status.DONE),
                ),
            )
        )
        if ended:
            scan = Scan.objects.for_org(org_id).select_related("project").get(pk=pk)
            emit(org_id, "scan.finished", target=scan, data=_summary(scan))
    return bool(ended)


def _summary(scan: Scan) -> dict[str, Any]:
    counts = (
        Answer.objects.for_org(scan.org_id)
        .filter(scan=scan)
        .aggregate(
            succeeded=Count("pk", filter=Q(status=Answer.Status.SUCCEEDED)),
            failed=Count("pk", filter=Q(status=Answer.Status.FAILED)),
        )
    )
    project = {"project": scan.project_id, "project_name": scan.project.name, "project_slug": scan.project.slug}
    stopped = {"budget_stop": scan.budget_stop} if scan.budget_stop else {}
    return {"status": scan.status, "total": scan.total, **project, **counts, **stopped}
