"""What economy mode is doing for a scan, what it has saved, and what it would save."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal

from django.db.models import Sum

from billing.meter import month_of
from prompts.estimates import answer_cost
from prompts.llm import catalog
from prompts.llm.types import Provider
from scans.forecast import Forecast, Range
from scans.models import BatchJob, Scan
from scans.overview import EngineName, engine_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Answers of one engine that are in a batch: with the provider `since` then (None: still to be handed over), asked
    live after `until`. `done` is what the provider says of them, None where it does not."""

    engine: EngineName
    provider: str
    answers: int
    done: int | None
    since: datetime | None
    until: datetime
    stopping: bool
    key_removed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a scan's batches stand: `answered` through them, `saved` in USD; `cut_off` are those that have ended because
    their key was removed, so that what they did not bring is asked live."""

    waits: tuple[Wait, ...]
    cut_off: tuple[Wait, ...]
    answered: int
    saved: Decimal

    @property
    def waiting(self) -> int:
        return sum(wait.answers for wait in self.waits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Of one scan's answers, `batched` can go through batches, which saves about `saved` (USD, None where a price is
    not known)."""

    batched: int
    saved: Decimal | None


def standing_of(scan: Scan) -> Standing | None:
    """None unless the scan is in economy mode. One query."""
    if not scan.economy:
        return None
    jobs = list(BatchJob.objects.for_org(scan.org_id).filter(scan=scan).order_by("pk"))
    cut_off = [job for job in jobs if not job.is_open and job.key_removed_at and job.answered < job.total]
    return Standing(
        waits=tuple(_wait(job) for job in jobs if job.is_open and scan.is_open),
        cut_off=tuple(_wait(job) for job in cut_off if scan.status != Scan.Status.CANCELLED),
        answered=sum(job.answered for job in jobs),
        saved=sum((job.saved for job in jobs), Decimal(0)),
    )


def _wait(job: BatchJob) -> Wait:
    provider = job.engine.partition(":")[0]
    return Wait(
        engine=engine_name(job.engine),
        provider=Provider(provider).label,
        answers=job.total - job.answered,
        done=job.progress,
        since=job.submitted_at,
        until=job.deadline_at,
        stopping=job.state == BatchJob.State.STOPPING,
        key_removed=job.key_removed_at is not None,
    )


def expected(engines: Sequence[str], asked: int, *, forecast: Forecast | None = None) -> Expected:
    """For `asked` answers of each engine: of what they are forecast to cost live, else of what the catalogue says."""
    known = [engine for engine in map(_known, engines) if engine is not None and engine.batches]
    costs = {part.engine.key: part.cost for part in forecast.parts} if forecast else {}
    each = [_saving(engine, asked, costs.get(engine.key)) for engine in known]
    savings = [saving for saving in each if saving is not None]
    return Expected(
        batched=asked * len(known),
        saved=sum(savings, Decimal(0)) if len(savings) == len(known) else None,
    )


def _saving(engine: catalog.Engine, asked: int, cost: Range | None) -> Decimal | None:
    live, batch = answer_cost(engine), answer_cost(engine, batch=True)
    if live is None or batch is None:
        return None
    if cost is None or not live:
        return (live - batch) * asked
    return Decimal(cost.likely) * (live - batch) / live


def saved_this_month(org_id: int, *, project_id: int) -> Decimal:
    """By the batches that were planned in the running month (UTC). One query."""
    begin = datetime.combine(month_of(), time.min, tzinfo=UTC)
    jobs = BatchJob.objects.for_org(org_id).filter(created_at__gte=begin, scan__project_id=project_id)
    return jobs.aggregate(saved=Sum("saved"))["saved"] or Decimal(0)


def _known(key: str) -> catalog.Engine | None:
    try:
        return catalog.get(key)
    except catalog.UnknownEngine:
        return None
