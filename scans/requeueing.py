"""Giving stuck answers back: those an operator chose, or all whose worker is gone. Each organization is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import transaction

from orgs.events import emit
from orgs.scoping import org_scope
from scans import claims, sweeping
from scans.models import Answer, Scan
from scans.tasks import nudge

if TYPE_CHECKING:
    from accounts.models import User


def requeue(answers: Iterable[Answer], *, actor: User) -> int:
    """Take leased answers from whoever holds them, to be asked again; a late result of the former holder is refused.
    How many were still leased."""
    returned = Counter((org_id, scan_id) for org_id, scan_id in claims.take_back([one.pk for one in answers]))
    for (org_id, scan_id), count in sorted(returned.items()):
        with org_scope(org_id):
            scan = Scan.objects.for_org(org_id).get(pk=scan_id)
            data = {"project": scan.project_id, "count": count}
            emit(org_id, "scan.requeued", actor=actor, target=scan, data=data)
    if returned:
        transaction.on_commit(nudge)
    return returned.total()


def return_expired() -> int:
    """What the sweep does every few seconds where beat and a worker run. How many answers nobody held any more."""
    recovered = sweeping.recover()
    nudge()
    return recovered
