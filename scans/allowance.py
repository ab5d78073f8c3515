"""Which month's allowance holds an answer that is still open: the one in which it was last reserved.

That is the month in which its scan started, until somebody has it asked again; then its row names the month. All open
answers of a scan are mostly of one month, but nothing here relies on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime

from billing import meter


def month_of(quota_month: date | None, created_at: datetime) -> date:
    return quota_month or meter.month_of(created_at)


def release(org_id: int, months: Iterable[date | None], *, created_at: datetime) -> None:
    """What these answers of one scan have reserved is not needed: a `quota_month` each, and when the scan started.
    Locks the months' rows, earliest first, until the caller's transaction ends."""
    freed = Counter(month_of(month, created_at) for month in months)
    for month, amount in sorted(freed.items()):
        meter.release(org_id, meter.ANSWERS, amount, at=month)
