"""How far a scan has come, for its page and for the list of scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, Min, Q, QuerySet, Sum
from django.utils import timezone

from prompts.budgets import sentence_of
from prompts.engine_names import full_name
from scans.economy import Standing, standing_of
from scans.models import Answer, Scan
from scans.overview import engine_name
from scans.pace import paces_of
from scans.pauses import STOPS, Pause, pauses_by_scan, pauses_of
from scans.reasons import reason_of
from scans.stopping import BUDGET
from scans.tallies import Estimate, own_visibility, own_visibility_by_engine

SHOWN_FAILURES = 20
_RETRYABLE = (Scan.Status.PARTIAL, Scan.Status.FAILED)
_COUNTS: dict[str, Any] = {
    "succeeded": Count("pk", filter=Q(status=Answer.Status.SUCCEEDED)),
    "failed": Count("pk", filter=Q(status=Answer.Status.FAILED)),
    "cancelled": Count("pk", filter=Q(status=Answer.Status.CANCELLED)),
    "unasked": Count("pk", filter=Q(status=Answer.Status.FAILED, error_kind=BUDGET)),
    "cost": Sum("cost"),
    "due_at": Min("due_at", filter=Q(status__in=Answer.OPEN)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One engine of the scan. `visibility` is the own brand's, once the scan has ended; `unasked` answers were stopped
    by a budget and count in neither `failed` nor `open`. `pace` is in answers a second, where that can be told."""

    key: str
    label: str
    surface_label: str
    total: int
    succeeded: int
    failed: int
    unasked: int
    open: int
    visibility: Estimate | None = None
    pause: Pause | None = None
    pace: float | None = None

    @property
    def full_name(self) -> str:
        return full_name(self.label, self.surface_label)

    @property
    def remaining(self) -> float | None:
        """Seconds at its pace of late, after the pause that it is told of."""
        if not self.pace or (self.pause and self.pause.kind in STOPS):
            return None
        until = self.pause.until if self.pause else None
        rest = max(0.0, (until - timezone.now()).total_seconds()) if until else 0.0
        return rest + self.open / self.pace

    @property
    def percent(self) -> int:
        return _percent(self.total - self.open, self.total)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Failed answers of one engine that failed for the same reason; `answer_pk` is one of them."""

    engine: str
    kind: str
    reason: str
    count: int
    answer_pk: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """`unasked` answers are those that a budget stopped, `stop` is the sentence about it; they count in `failed`."""

    total: int
    succeeded: int
    failed: int
    unasked: int
    stop: str
    cancelled: int
    cost: Decimal | None
    elapsed: float
    finished: bool
    failed_retryable: int
    lanes: tuple[Lane, ...]
    failures: tuple[Failure, ...]
    economy: Standing | None = None

    @property
    def every(self) -> int:
        """Seconds until the page looks again: while all that is left is in batches there is little to see."""
        waiting = self.economy.waiting if self.economy else 0
        return 15 if waiting and waiting >= self.open else 1

    @property
    def failures_of_asking(self) -> int:
        return self.failed - self.unasked

    @property
    def paused(self) -> list[Lane]:
        return [lane for lane in self.lanes if lane.pause]

    @property
    def open(self) -> int:
        return self.total - self.done

    @property
    def done(self) -> int:
        return self.succeeded + self.failed + self.cancelled

    @property
    def percent(self) -> int:
        return _percent(self.done, self.total)

    @property
    def remaining(self) -> float | None:
        """Seconds until the slowest engine is through, at its pace of late; None while that cannot be told."""
        left = [lane.remaining for lane in self.lanes if lane.open]
        known = [seconds for seconds in left if seconds is not None]
        in_batches = self.economy is not None and self.economy.waiting
        return None if self.finished or in_batches or len(known) < len(left) else max(known, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanLine:
    scan: Scan
    total: int
    succeeded: int
    failed: int
    unasked: int
    cost: Decimal | None
    visibility: Estimate | None
    waits: tuple[str, ...]  # why engines of it are paused


def board_of(scan: Scan) -> Board:
    """Four queries while the scan runs, for what pauses and how fast the rest goes; three once it has ended, for what
    it says of the own brand. Economy's own come on top."""
    answers = Answer.objects.for_org(scan.org_id).filter(scan=scan)
    counts = {row["engine"]: row for row in answers.values("engine").annotate(total=Count("pk"), **_COUNTS)}
    seen = {} if scan.is_open else own_visibility_by_engine(scan.org_id, scan.pk)
    pauses = pauses_of(scan)
    paces = paces_of(answers, due={key: row["due_at"] for key, row in counts.items() if row["due_at"]})
    lanes = tuple(
        _lane(key, counts[key], seen.get(key), pauses.get(key), paces.get(key)) for key in _in_order(scan, counts)
    )
    failed = sum(row["failed"] for row in counts.values())
    unasked = sum(row["unasked"] for row in counts.values())
    return Board(
        total=sum(row["total"] for row in counts.values()),
        succeeded=sum(row["succeeded"] for row in counts.values()),
        failed=failed,
        unasked=unasked,
        stop=str(sentence_of(scan.budget_stop)) if scan.budget_stop else "",
        cancelled=sum(row["cancelled"] for row in counts.values()),
        cost=_total_cost(counts.values()),
        elapsed=_elapsed(scan),
        finished=not scan.is_open,
        failed_retryable=failed - unasked if scan.status in _RETRYABLE else 0,
        lanes=lanes,
        failures=_failures(answers),
        economy=standing_of(scan),
    )


def scan_lines(org_id: int, scans: Sequence[Scan]) -> list[ScanLine]:
    """Two queries, and one for what pauses where a scan is open."""
    answers = Answer.objects.for_org(org_id).filter(scan__in=[scan.pk for scan in scans])
    counts = {row["scan_id"]: row for row in answers.values("scan_id").annotate(**_COUNTS)}
    seen = own_visibility(org_id, [scan.pk for scan in scans])
    nothing = {"succeeded": 0, "failed": 0, "unasked": 0, "cost": None}
    pauses = pauses_by_scan(org_id, scans)
    return [
        _scan_line(scan, counts.get(scan.pk, nothing), seen.get(scan.pk), pauses.get(scan.pk, {})) for scan in scans
    ]


def _scan_line(scan: Scan, counts: dict[str, Any], visibility: Estimate | None, pauses: dict[str, Pause]) -> ScanLine:
    return ScanLine(
        scan=scan,
        total=scan.total,
        succeeded=counts["succeeded"],
        failed=counts["failed"] - counts["unasked"],
        unasked=counts["unasked"],
        cost=counts["cost"],
        visibility=None if scan.is_open else visibility,
        waits=tuple(dict.fromkeys(pause.reason for pause in pauses.values())),
    )


def _lane(
    key: str, counts: dict[str, Any], visibility: Estimate | None, pause: Pause | None, pace: float | None
) -> Lane:
    name = engine_name(key)
    ended = counts["succeeded"] + counts["failed"] + counts["cancelled"]
    return Lane(
        key=key,
        label=name.label,
        surface_label=name.surface_label,
        total=counts["total"],
        succeeded=counts["succeeded"],
        failed=counts["failed"] - counts["unasked"],
        unasked=counts["unasked"],
        open=counts["total"] - ended,
        visibility=visibility,
        pause=pause,
        pace=pace,
    )


def _in_order(scan: Scan, found: dict[str, Any]) -> list[str]:
    return [key for key in scan.engines if key in found]


def _failures(answers: QuerySet[Answer]) -> tuple[Failure, ...]:
    failed = answers.filter(status=Answer.Status.FAILED).exclude(error_kind=BUDGET)
    reasons = failed.values("engine", "error_kind", "error", "error_values")
    grouped = reasons.annotate(count=Count("pk"), example=Min("pk")).order_by("-count", "example")[:SHOWN_FAILURES]
    return tuple(
        Failure(
            engine=engine_name(row["engine"]).label,
            kind=row["error_kind"],
            reason=reason_of(row["error_kind"], row["error"], row["error_values"]),
            count=row["count"],
            answer_pk=row["example"],
        )
        for row in grouped
    )


def _total_cost(rows: Any) -> Decimal | None:
    known = [row["cost"] for row in rows if row["cost"] is not None]
    return sum(known, Decimal(0)) if known else None


def _elapsed(scan: Scan) -> float:
    end: datetime = scan.finished_at or timezone.now()
    return max(0.0, (end - scan.created_at).total_seconds())


def _percent(done: int, total: int) -> int:
    """100 only when all is done."""
    return 100 * done // total if total else 0
