"""Answers that wait because batches hold what is left of a budget: ever longer, and no longer than that.

Claimed calls give back what they hold within seconds. A batch holds it for hours, and whoever looked again every other
second would claim and put back the same answers all that time.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from orgs.scoping import org_scope

HELD = "budget_held"  # the error_kind of an answer that waits so
SHORTEST, LONGEST = 2.0, 60.0  # seconds until it looks again; meanwhile, a tenth of the time since it was to be asked

_WAIT = """
UPDATE scans_answer SET status = 'pending', lease_token = NULL, lease_until = NULL, attempts = attempts - 1,
  error_kind = %(kind)s, error = '', due_at = now() + interval '1 second'
    * least(%(longest)s, greatest(%(shortest)s, extract(epoch FROM now() - created_at) / 10))
WHERE id = ANY(%(ids)s)
"""
# Whoever measures what is held does so under this lock: who has seen the batch's hold has put its answers back by now,
# and who comes later sees that it is gone.
_LOCK = """
SELECT id FROM prompts_spending
WHERE org_id = %(org)s AND month = (date_trunc('month', now(), 'UTC') AT TIME ZONE 'UTC')::date
ORDER BY org_id, project_id NULLS FIRST FOR NO KEY UPDATE
"""
# What is locked is being claimed at this moment, and measured after us.
_RELEASE = """
WITH waiting AS MATERIALIZED (
  SELECT id FROM scans_answer
  WHERE status = 'pending' AND batch_job_id IS NULL AND org_id = %(org)s AND error_kind = %(kind)s AND due_at > now()
  ORDER BY id FOR UPDATE SKIP LOCKED
)
UPDATE scans_answer a SET due_at = now() FROM waiting WHERE a.id = waiting.id
"""


def put_back(ids: Sequence[int]) -> None:
    """In the transaction that has claimed and measured them."""
    with connection.cursor() as cursor:
        cursor.execute(_WAIT, {"ids": list(ids), "kind": HELD, "shortest": SHORTEST, "longest": LONGEST})


def release(org_id: int) -> int:
    """Something was given back, or a budget was raised: who waits for that looks again now. Outside any scope, once
    what was given back is committed; how many answers that are."""
    with org_scope(org_id), connection.cursor() as cursor:
        cursor.execute(_LOCK, {"org": org_id})
        cursor.execute(_RELEASE, {"org": org_id, "kind": HELD})
        released: int = cursor.rowcount
        return released
