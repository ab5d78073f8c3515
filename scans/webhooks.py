"""What an organization's own systems are told of scans and schedules (docs/webhooks.md)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.urls import reverse

from accounts.mail import site_link
from orgs.webhooks.offers import offer
from prompts.budgets import sentence_of
from scans.live import Board, Lane
from scans.models import Scan
from scans.summary import Summary, summary_of
from scans.tallies import Estimate

if TYPE_CHECKING:
    from datetime import datetime

    from orgs.models import Event

_CONFIDENCE = 0.95
_UNKNOWN = Estimate(value=None, low=None, high=None, n=0, hits=0)


def started(event: Event) -> dict[str, Any]:
    scan = _scan_of(event)
    return {"project": _project(event), "scan": _scan(event, scan) if scan else {"id": event.target_id}}


def ended(event: Event) -> dict[str, Any]:
    """Only what the event itself says where the scan has been deleted since."""
    scan = _scan_of(event)
    if scan is None:
        kept = {name: event.data[name] for name in ("status", "total") if name in event.data}
        return {"project": _project(event), "scan": {"id": event.target_id, **kept}}
    summary = summary_of(scan)
    return {
        "project": _project(event),
        "scan": {
            **_scan(event, scan),
            **_results(summary.board),
            "budget_stop": _stop(event),
            "engines": [_engine(lane) for lane in summary.board.lanes],
            "failures": [
                {"engine": one.engine, "kind": one.kind, "reason": one.reason, "answers": one.count}
                for one in summary.board.failures
            ],
        },
        "visibility": _visibility(summary),
    }


def skipped(event: Event) -> dict[str, Any]:
    project = {"id": event.target_id, "name": event.target_label}
    told = {name: event.data.get(name) for name in ("slot", "code", "reason")}
    return {"project": project, "schedule": told}


def _scan_of(event: Event) -> Scan | None:
    rows = Scan.objects.for_org(event.org_id).select_related("project")
    return rows.filter(pk=event.target_id or 0).first()


def _project(event: Event) -> dict[str, Any]:
    told = event.data
    return {"id": told.get("project"), "slug": told.get("project_slug"), "name": told.get("project_name")}


def _scan(event: Event, scan: Scan) -> dict[str, Any]:
    return {
        "id": scan.pk,
        "status": event.data.get("status", scan.status),
        "source": scan.source,
        "simulated": scan.simulated,
        "samples": scan.samples,
        "created_at": _moment(scan.created_at),
        "started_at": _moment(scan.started_at),
        "finished_at": _moment(scan.finished_at),
        "url": site_link(reverse("scan", args=[event.org.slug, scan.project.slug, scan.pk])),
    }


def _results(board: Board) -> dict[str, Any]:
    answers = {
        "total": board.total,
        "succeeded": board.succeeded,
        "failed": board.failures_of_asking,
        "not_asked": board.unasked,
        "cancelled": board.cancelled,
    }
    return {"answers": answers, "cost_usd": _money(board.cost)}


def _stop(event: Event) -> dict[str, Any] | None:
    """The budget that stopped it, as the API tells it."""
    stop = event.data.get("budget_stop")
    if not stop:
        return None
    told = {name: stop[name] for name in ("project", "limit", "amount", "month", "starts_anew")}
    return {**told, "reason": str(sentence_of(stop))}


def _engine(lane: Lane) -> dict[str, Any]:
    return {
        "key": lane.key,
        "total": lane.total,
        "succeeded": lane.succeeded,
        "failed": lane.failed,
        "not_asked": lane.unasked,
        "visibility": _estimate(lane.visibility),
    }


def _visibility(summary: Summary) -> dict[str, Any] | None:
    if summary.brand is None:
        return None
    previous = summary.previous
    before = {"scan": previous.pk, **_estimate(summary.previous_visibility)} if previous else None
    brand = {"id": summary.brand.pk, "name": summary.brand.name}
    return {"brand": brand, **_estimate(summary.visibility), "previous": before}


def _estimate(estimate: Estimate | None) -> dict[str, Any]:
    estimate = estimate or _UNKNOWN
    interval = {"low": estimate.low, "high": estimate.high, "confidence": _CONFIDENCE}
    return {"value": estimate.value, **interval, "n": estimate.n, "hits": estimate.hits}


def _money(cost: Decimal | None) -> str | None:
    return None if cost is None else f"{cost:f}"


def _moment(value: datetime | None) -> str | None:
    return value.isoformat() if value else None


offer("scan.finished", data=ended)
offer("scan.started", data=started)
offer("scan.cancelled", data=ended)
offer("schedule.skipped", data=skipped)
