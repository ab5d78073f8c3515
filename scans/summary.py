"""What there is to tell of a scan that has ended: for the letter to members and for their own systems."""

from __future__ import annotations

from dataclasses import dataclass

from prompts.models import Brand
from scans.live import Board, board_of
from scans.models import Scan
from scans.overview import FINISHED
from scans.tallies import Estimate, own_visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """`visibility` is the own brand's in unbranded answers; `previous` the last scan before it that asked the same
    engines as really or as simulated, and what that one found. Whether the two differ is not said by them."""

    scan: Scan
    board: Board
    brand: Brand | None
    visibility: Estimate | None
    previous: Scan | None
    previous_visibility: Estimate | None


def summary_of(scan: Scan) -> Summary:
    """Expects the scan's project. Six queries at most."""
    brand = Brand.objects.for_org(scan.org_id).filter(project_id=scan.project_id, is_own=True).first()
    previous = _previous(scan) if brand else None
    seen = own_visibility(scan.org_id, [one.pk for one in (scan, previous) if one]) if brand else {}
    return Summary(
        scan=scan,
        board=board_of(scan),
        brand=brand,
        visibility=seen.get(scan.pk),
        previous=previous,
        previous_visibility=seen.get(previous.pk) if previous else None,
    )


def _previous(scan: Scan) -> Scan | None:
    same = {"project_id": scan.project_id, "simulated": scan.simulated, "engines__contains": scan.engines}
    others = Scan.objects.for_org(scan.org_id).filter(**same, engines__contained_by=scan.engines, status__in=FINISHED)
    return others.filter(created_at__lt=scan.created_at).order_by("-created_at", "-pk").first()
