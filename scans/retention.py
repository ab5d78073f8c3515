"""How answers age: scans that are older than their organization keeps them go, a few answers at a time.

Every transaction deletes some hundreds of answers by their ids, so that nobody waits for it; killed anywhere, the next
one goes on. A project's latest scan with answers stays, whatever its age: it is what the overview shows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from orgs.events import emit
from orgs.scoping import all_orgs_scope, org_scope
from scans.models import Answer, Scan

BATCH = 500  # answers in one transaction, with their mentions and citations
_REASON = "retention"

# Along scans_scan_ended, from the oldest on.
_DUE = """
SELECT scan.org_id, scan.id FROM scans_scan scan JOIN orgs_organization org ON org.id = scan.org_id
WHERE scan.finished_at < now() AND scan.status NOT IN ('queued', 'running')
  AND coalesce(org.retention_months, %(months)s) > 0
  AND scan.finished_at < now() - make_interval(months => coalesce(org.retention_months, %(months)s)::int)
  AND EXISTS (
    SELECT 1 FROM scans_scan later WHERE later.org_id = scan.org_id AND later.project_id = scan.project_id
      AND later.status IN ('done', 'partial') AND later.finished_at > scan.finished_at
      AND EXISTS (SELECT 1 FROM scans_answer a WHERE a.scan_id = later.id AND a.status = 'succeeded')
  )
ORDER BY scan.finished_at, scan.id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aged:
    """What one sweep deleted; `more` when its time was up before the work was done."""

    answers: int = 0
    scans: int = 0
    more: bool = False


def sweep(*, seconds: float) -> Aged:
    """Delete what is too old, oldest first, for about so many seconds."""
    deadline, answers, scans = time.monotonic() + seconds, 0, 0
    for org_id, scan_id in _oldest():
        while gone := age_some(org_id, scan_id, limit=BATCH):
            answers += gone
            if time.monotonic() > deadline:
                return Aged(answers=answers, scans=scans, more=True)
        scans += 1
    return Aged(answers=answers, scans=scans)


def _oldest() -> Iterator[tuple[int, int]]:
    """What is due, until nothing is."""
    while found := due(limit=100):
        yield from found


def due(*, limit: int) -> list[tuple[int, int]]:
    """(organization, scan) of the oldest scans that are past their organization's months."""
    with all_orgs_scope(_REASON), connection.cursor() as cursor:
        cursor.execute(_DUE, {"months": settings.RETENTION_MONTHS, "limit": limit})
        return [(org_id, scan_id) for org_id, scan_id in cursor.fetchall()]


def age_some(org_id: int, scan_id: int, *, limit: int) -> int:
    """Delete at most so many answers of an ended scan, and the scan itself once none is left. How many answers."""
    with org_scope(org_id):
        scans = Scan.objects.for_org(org_id).filter(pk=scan_id).exclude(status__in=Scan.OPEN)
        scan = scans.select_for_update(no_key=True, of=("self",)).select_related("project").first()
        if scan is None:
            return 0
        answers = Answer.objects.for_org(org_id)
        ids = list(answers.filter(scan_id=scan_id).order_by("pk").values_list("pk", flat=True)[:limit])
        if ids:
            answers.filter(pk__in=ids).only("pk").delete()  # the texts need not be read for it
            return len(ids)
        emit(org_id, "scan.aged", target=scan, data={"project_name": scan.project.name, "total": scan.total})
        scan.delete()
        return 0
