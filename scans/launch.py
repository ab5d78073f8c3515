"""Starting, cancelling and retrying a scan: rows first, in one transaction, and a nudge once it has committed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Max, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_noop

from billing import meter
from orgs.events import emit
from orgs.telling import Explained, Sentence
from prompts import budgets
from prompts.gateway import EngineUnavailable, Lane, lane_for
from prompts.models import Project, Prompt
from scans import allowance, batch_jobs, late, room, stopping
from scans.models import Answer, Scan
from scans.tasks import nudge

if TYPE_CHECKING:
    from datetime import date, datetime

    from accounts.models import User

BATCH = 1_000
MAX_SAMPLES = 10


class CannotStart(Explained):
    """A scan cannot start or be retried. `code` is one of archived, no_prompts, no_engines,
    samples, engine_unavailable, already_running (`scan` is the one that runs), done (the batch has its scan), quota,
    budget."""

    def __init__(self, sentence: Sentence | str, *, code: str, scan: Scan | None = None, **values: Any) -> None:
        super().__init__(sentence, **values)
        self.code = code
        self.scan = scan


def start_scan(
    project: Project,
    *,
    source: str,
    actor: User | None = None,
    engines: Sequence[str] | None = None,
    samples: int | None = None,
    batch: str = "",
    economy: bool = False,
) -> Scan:
    """Ask every active prompt of every engine; call it inside the organization's scope. Raises `CannotStart`. Of two
    at once, and of two for one `batch`, the database lets one through. With `economy` the providers' batches are given
    what they can answer."""
    if project.archived_at is not None:
        raise _archived()
    samples = project.samples if samples is None else samples
    if not 1 <= samples <= MAX_SAMPLES:
        raise CannotStart(
            gettext_noop("A prompt can be asked 1 to %(most)s times in a scan, not %(samples)s."),
            code="samples",
            most=MAX_SAMPLES,
            samples=samples,
        )
    lanes = _lanes(project.org_id, project.engines if engines is None else engines)
    scan = Scan(
        org_id=project.org_id,
        project=project,
        source=source,
        batch=batch,
        economy=economy,
        engines=[lane.engine.key for lane in lanes],
        samples=samples,
        total=1,
        simulated=any(lane.simulated for lane in lanes),
        started_by=actor,
    )
    _refuse_used_up(project, lanes)
    with transaction.atomic():
        _refuse_archived(project.org_id, project.pk)
        _insert(scan)
        _insert_answers(scan, lanes)
        if economy:
            batch_jobs.hand_over(scan, lanes)
        _reserve(scan, scan.total, month=meter.month_of(scan.created_at))
        emit(scan.org_id, "scan.started", actor=actor, target=scan, data=_told(scan))
        transaction.on_commit(nudge)
    return scan


def cancel_scan(scan: Scan, *, actor: User | None) -> bool:
    """Ask nothing more, and refuse answers that are under way. False when the scan had ended already."""
    now = timezone.now()
    with transaction.atomic():
        rows = Scan.objects.for_org(scan.org_id).filter(pk=scan.pk, status__in=Scan.OPEN)
        if not rows.update(status=Scan.Status.CANCELLED, finished_at=now):
            return False
        batch_jobs.stop_jobs(scan)  # before the answers, as those who collect a batch lock them
        answers = Answer.objects.for_org(scan.org_id).filter(scan=scan, status__in=Answer.OPEN)
        months = _lock(answers)
        cancelled = answers.update(
            status=Answer.Status.CANCELLED, finished_at=Now(), lease_token=None, lease_until=None, **late.KEPT
        )
        scan.refresh_from_db(from_queryset=Scan.objects.for_org(scan.org_id))
        emit(scan.org_id, "scan.cancelled", actor=actor, target=scan, data={**_told(scan), "cancelled": cancelled})
        allowance.release(scan.org_id, months, created_at=scan.created_at)
    return True


def retry_failed(scan: Scan, *, actor: User | None) -> int:
    """Ask the failed answers of an ended scan again, and open it again. How many; raises `CannotStart`. What a budget
    stopped has not failed: it is resumed."""
    return _again(scan, ~Q(error_kind=stopping.BUDGET), event="scan.retried", actor=actor)


def resume_scan(scan: Scan, *, actor: User | None) -> int:
    """Go on with a scan that a budget stopped: ask what it did not. How many; raises `CannotStart`."""
    return _again(scan, Q(error_kind=stopping.BUDGET), event="scan.resumed", actor=actor)


def _again(scan: Scan, which: Q, *, event: str, actor: User | None) -> int:
    failed = Answer.objects.for_org(scan.org_id).filter(which, scan=scan, status=Answer.Status.FAILED)
    engines = sorted(failed.order_by().values_list("engine", flat=True).distinct())
    lanes = {lane.engine.key: lane for lane in _lanes(scan.org_id, engines)} if engines else {}
    if lanes:
        _refuse_used_up(scan.project, list(lanes.values()))
    with transaction.atomic():
        _refuse_archived(scan.org_id, scan.project_id)
        if not lanes or not _reopen(scan):
            return 0
        _lock(failed)
        month = meter.month_of()  # whenever it was started, it is asked now
        reopened = sum(_ask_again(failed.filter(engine=key), lane, month=month) for key, lane in lanes.items())
        if event == "scan.resumed":
            Scan.objects.for_org(scan.org_id).filter(pk=scan.pk).update(budget_stop=None)
            scan.budget_stop = None
        emit(scan.org_id, event, actor=actor, target=scan, data={**_told(scan), "retried": reopened})
        _reserve(scan, reopened, month=month)
        transaction.on_commit(nudge)
    return reopened


def _refuse_archived(org_id: int, project_id: int) -> None:
    """Holds the project's row: whoever archives it at this moment comes before, or waits and finds the scan."""
    rows = Project.objects.for_org(org_id).select_for_update(no_key=True)
    if rows.values_list("archived_at", flat=True).get(pk=project_id) is not None:
        raise _archived()


def _refuse_used_up(project: Project, lanes: Sequence[Lane]) -> None:
    if found := room.blocked(budgets.levels(project.org_id, project=project), lanes):
        level, limit = found
        raise CannotStart(budgets.refusal(level, limit=limit), code="budget")


def _archived() -> CannotStart:
    return CannotStart(gettext_noop("This project is archived."), code="archived")


def _lanes(org_id: int, engines: Sequence[str]) -> list[Lane]:
    """One lane an engine, in the order given."""
    if not engines:
        raise CannotStart(gettext_noop("No engine is chosen. Choose at least one."), code="no_engines")
    try:
        return [lane_for(org_id, key) for key in dict.fromkeys(engines)]
    except EngineUnavailable as unavailable:
        raise CannotStart(unavailable.said, code="engine_unavailable") from unavailable


def _insert(scan: Scan) -> None:
    try:
        with transaction.atomic():
            scan.save(force_insert=True)
    except IntegrityError as error:
        if scan.batch and Scan.objects.for_org(scan.org_id).filter(batch=scan.batch).exists():
            raise CannotStart(gettext_noop("The scan of this slot has been started already."), code="done") from error
        raise _already_running(scan) from error


def _already_running(scan: Scan) -> CannotStart:
    others = Scan.objects.for_org(scan.org_id).filter(project_id=scan.project_id, status__in=Scan.OPEN)
    return CannotStart(
        gettext_noop("A scan of this project is already running."), code="already_running", scan=others.first()
    )


def _insert_answers(scan: Scan, lanes: Sequence[Lane]) -> None:
    """Engines alternate within the turns, so that every lane starts at once; samples come one round after another."""
    turn, due_at = 0, _database_now()
    last = _active(scan).aggregate(last=Max("pk"))["last"] or 0  # every round asks the same prompts
    for sample in range(1, scan.samples + 1):
        for page in _pages(scan, last=last):
            pairs = [(prompt, lane) for prompt in page for lane in lanes]
            answers = [
                _answer(scan, prompt, lane, sample=sample, turn=turn + nth, due_at=due_at)
                for nth, (prompt, lane) in enumerate(pairs)
            ]
            Answer.objects.for_org(scan.org_id).bulk_create(answers, batch_size=BATCH)
            turn += len(answers)
    if not turn:
        raise CannotStart(gettext_noop("There are no active prompts to ask. Add some first."), code="no_prompts")
    scan.total = turn
    Scan.objects.for_org(scan.org_id).filter(pk=scan.pk).update(total=turn)


def _answer(scan: Scan, prompt: Prompt, lane: Lane, *, sample: int, turn: int, due_at: datetime) -> Answer:
    return Answer(
        org_id=scan.org_id,
        scan_id=scan.pk,
        project_id=scan.project_id,
        prompt_id=prompt.pk,
        prompt_text=prompt.text,
        country=prompt.country,
        language=prompt.language,
        engine=lane.engine.key,
        surface=lane.engine.surface,
        simulated=lane.simulated,
        lane=lane.key,
        sample=sample,
        turn=turn,
        due_at=due_at,
        created_at=scan.created_at,  # names the month that its quota is settled in
    )


def _active(scan: Scan) -> QuerySet[Prompt]:
    return Prompt.objects.for_org(scan.org_id).filter(project_id=scan.project_id, is_active=True, archived_at=None)


def _pages(scan: Scan, *, last: int) -> Iterator[list[Prompt]]:
    prompts = _active(scan).filter(pk__lte=last).order_by("pk").only("text", "country", "language")
    after = 0
    while page := list(prompts.filter(pk__gt=after)[:BATCH]):
        yield page
        after = page[-1].pk


def _reserve(scan: Scan, amount: int, *, month: date) -> None:
    try:
        meter.reserve(scan.org_id, meter.ANSWERS, amount, at=month)
    except meter.QuotaExceeded as exceeded:
        raise CannotStart(exceeded.said, code="quota") from exceeded


def _reopen(scan: Scan) -> bool:
    ended = Scan.objects.for_org(scan.org_id).filter(pk=scan.pk, status__in=[Scan.Status.PARTIAL, Scan.Status.FAILED])
    try:
        with transaction.atomic():
            reopened = ended.update(status=Scan.Status.RUNNING, finished_at=None)
    except IntegrityError as error:
        raise _already_running(scan) from error
    scan.refresh_from_db(from_queryset=Scan.objects.for_org(scan.org_id))
    return bool(reopened)


def _ask_again(failed: QuerySet[Answer], lane: Lane, *, month: date) -> int:
    return failed.update(
        status=Answer.Status.PENDING,
        lane=lane.key,
        simulated=lane.simulated,
        due_at=_database_now(),
        batch_job=None,
        quota_month=month,
        attempts=0,
        lost_leases=0,
        error_kind="",
        error="",
        error_values={},
        finished_at=None,
    )


def _lock(answers: QuerySet[Answer]) -> list[date | None]:
    """In the order of their ids, as the runner does: no two wait for each other in a circle. Their quota's months."""
    return list(answers.order_by("pk").select_for_update().values_list("quota_month", flat=True))


def _told(scan: Scan) -> dict[str, object]:
    """The project's name and slug as well: what tells of the scan later needs no other row."""
    project = {"project": scan.project_id, "project_name": scan.project.name, "project_slug": scan.project.slug}
    return {**project, "total": scan.total, "source": str(scan.source)}


def _database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
        return now
