"""Whether a scan came out exact: every answer once, in one terminal state, and the books agree with it to the cent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from billing import meter
from orgs.models import Event
from orgs.scoping import org_scope
from prompts.models import LlmCall
from scans.models import Answer, Mention, Scan

TERMINAL = frozenset({Answer.Status.SUCCEEDED, Answer.Status.FAILED, Answer.Status.CANCELLED})
OK = "ok"


@dataclass(frozen=True, kw_only=True)
class Exactness:
    """`lost` are not in a terminal state, `doubled` are there, or booked, more than once; `unbooked` is money between
    the answers and their calls in the ledger, `quota` answers between them and the month's row."""

    total: int
    statuses: Counter[str]
    lost: int
    doubled: int
    unbooked: Decimal
    quota: int
    ends: int

    @property
    def whole(self) -> bool:
        return not (self.lost or self.doubled or self.unbooked or self.quota) and self.ends == 1


def exactness_of(scan: Scan) -> Exactness:
    """Of an organization's only scan."""
    with org_scope(scan.org_id):
        answers = list(Answer.objects.for_org(scan.org_id).filter(scan=scan))
        calls = list(LlmCall.objects.for_org(scan.org_id).filter(outcome=OK))
        spans = list(Mention.objects.for_org(scan.org_id).values_list("answer_id", "start", "brand_id"))
        ends = Event.objects.for_org(scan.org_id).filter(name="scan.finished", target_id=scan.pk).count()
        level = meter.level(scan.org_id, meter.ANSWERS)
    statuses = Counter(answer.status for answer in answers)
    identities = Counter((a.prompt_id, a.engine, a.sample) for a in answers)
    bringing = {(call.reference, call.request_id): call.cost for call in calls}
    booked = Counter((call.reference, call.attempt, call.request_id) for call in calls)
    return Exactness(
        total=scan.total,
        statuses=statuses,
        lost=scan.total - sum(statuses[status] for status in TERMINAL),
        doubled=sum(n - 1 for n in (*identities.values(), *booked.values(), *Counter(spans).values())),
        unbooked=sum((_difference(answer, bringing) for answer in _succeeded(answers)), Decimal(0)),
        quota=abs(level.used - statuses[Answer.Status.SUCCEEDED]) + level.reserved,
        ends=ends,
    )


def calls_in_ledger(scan: Scan) -> int:
    """Every call that is accounted for, however it ended."""
    with org_scope(scan.org_id):
        return LlmCall.objects.for_org(scan.org_id).count()


def _succeeded(answers: list[Answer]) -> list[Answer]:
    return [answer for answer in answers if answer.status == Answer.Status.SUCCEEDED]


def _difference(answer: Answer, bringing: dict[tuple[str, str], Decimal | None]) -> Decimal:
    """Between an answer's cost and that of the call that brought it; all of it where that call is not booked."""
    booked = bringing.get((f"answer:{answer.pk}", answer.request_id))
    return abs((answer.cost or Decimal(0)) - (booked or Decimal(0)))
