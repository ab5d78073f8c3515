"""The longest that a scan may take: what it has not asked by then ends, so that no pause lasts for ever."""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from orgs.scoping import all_orgs_scope, org_scope
from scans import allowance
from scans.ending import finish_scans
from scans.models import Answer, Scan

logger = logging.getLogger("prompter.scans")

DEADLINE = "deadline"  # the error_kind of an answer that was not asked in time
_WHY = gettext_noop(
    "The scan had taken %(hours)s hours when this was still to be asked. Retry the failed answers to ask it."
)
MOST = 1_000  # answers in one transaction

# Asked again, a scan has as long as at first.
_OVERDUE = """
SELECT org_id, id FROM scans_scan s
WHERE status IN ('queued', 'running') AND created_at < clock_timestamp() - %(hours)s * interval '1 hour'
  AND EXISTS (SELECT 1 FROM scans_answer a WHERE a.scan_id = s.id AND a.status = 'pending')
  AND NOT EXISTS (
    SELECT 1 FROM orgs_event e WHERE e.org_id = s.org_id AND e.name IN ('scan.retried', 'scan.resumed')
      AND e.target_id = s.id AND e.created_at > clock_timestamp() - %(hours)s * interval '1 hour')
ORDER BY org_id, id LIMIT 100
"""


def end_overdue() -> int:
    """Outside any scope; doing it again changes nothing. How many answers were given up; what is under way goes on."""
    with all_orgs_scope("scan deadlines"), connection.cursor() as cursor:
        cursor.execute(_OVERDUE, {"hours": settings.SCAN_DEADLINE_HOURS})
        overdue: list[tuple[int, int]] = cursor.fetchall()
    total = 0
    for org_id, scan_id in overdue:
        ended = _give_up(org_id, scan_id)
        finish_scans(org_id, [scan_id])
        logger.warning("scan %s is over its time: %d answers given up", scan_id, ended)
        total += ended
    return total


def _give_up(org_id: int, scan_id: int) -> int:
    total = 0
    while ended := _give_up_some(org_id, scan_id):
        total += ended
    return total


def _give_up_some(org_id: int, scan_id: int) -> int:
    with org_scope(org_id):
        waiting = Answer.objects.for_org(org_id).filter(scan_id=scan_id, status=Answer.Status.PENDING)
        # In the order of their ids, as the runner locks them.
        locked = waiting.order_by("pk").select_for_update(skip_locked=True)
        months = dict(locked.values_list("pk", "quota_month")[:MOST])
        values = {"hours": settings.SCAN_DEADLINE_HOURS}
        ended = waiting.filter(pk__in=months).update(
            status=Answer.Status.FAILED, error_kind=DEADLINE, error=_WHY, error_values=values, finished_at=Now()
        )
        created_at = Scan.objects.for_org(org_id).values_list("created_at", flat=True).get(pk=scan_id)
        allowance.release(org_id, months.values(), created_at=created_at)
    return ended
