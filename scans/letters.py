"""What a letter says of a scan that has ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prompts.budgets import sentence_of
from scans.live import Failure
from scans.models import Scan
from scans.summary import summary_of

if TYPE_CHECKING:
    from orgs.models import Event

SHOWN_FAILURES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """The most frequent reasons; `more` answers failed for others."""

    shown: tuple[Failure, ...]
    more: int


def details_of(event: Event) -> dict[str, Any]:
    """Nothing where the scan is gone, and the status at the time of the event where it was asked again since. `stop` is
    the sentence about the budget that stopped it."""
    scan = Scan.objects.for_org(event.org_id).select_related("project").filter(pk=event.target_id or 0).first()
    if scan is None:
        return {}
    summary = summary_of(scan)
    shown = summary.board.failures[:SHOWN_FAILURES]
    more = summary.board.failures_of_asking - sum(failure.count for failure in shown)
    status = Scan.Status(event.data.get("status", scan.status)).label
    stop = str(sentence_of(event.data["budget_stop"])) if event.data.get("budget_stop") else ""
    return {"summary": summary, "status": status, "stop": stop, "failures": Failures(shown=shown, more=more)}
