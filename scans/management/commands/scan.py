"""`manage.py scan <project>`: start a scan, and with --wait watch it and say how it went."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import IO, Any, cast

from celery import current_app
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Sum
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from orgs.models import Organization
from orgs.scoping import all_orgs_scope, org_scope
from prompts.engine_names import full_name
from prompts.models import Project
from scans.launch import CannotStart, start_scan
from scans.live import Board, Lane, board_of
from scans.models import Answer, Scan
from scans.tallies import Estimate

DONE, PARTIAL, FAILED = 0, 1, 2
POLL = 0.25
WORKER_PATIENCE = 60.0  # seconds without any sign of a worker
ASK_WORKER = 5.0


class Command(BaseCommand):
    help = "Start a scan of a project. Ends with 0 when all answers came, 1 when some failed, 2 when none did."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("--org", "--organization", dest="organization", help="the organization's slug")
        parser.add_argument("--engines", nargs="+", metavar="ENGINE", help="instead of those chosen for the project")
        parser.add_argument("--samples", type=int, help="how often each prompt is asked")
        parser.add_argument("--wait", action="store_true", help="watch until it ends, then show the results")

    def handle(self, *args: Any, **options: Any) -> None:
        project = _project(options["project"], organization=options["organization"])
        scan = self._start(project, engines=options["engines"], samples=options["samples"], wait=options["wait"])
        if not options["wait"]:
            self.stdout.write(f"Scan {scan.pk} of {project.name} started: {scan.total} answers to come.")
            return
        console = Console(file=cast("IO[str]", self.stdout._out), highlight=False)  # the wrapper adds line ends
        board = _watch(scan, console)
        _show(scan, board, console)
        code = _verdict(scan)
        if code:
            self.stderr.write(_last_line(scan, board))
            sys.exit(code)

    def _start(self, project: Project, *, engines: list[str] | None, samples: int | None, wait: bool) -> Scan:
        try:
            with org_scope(project.org_id):
                return start_scan(project, source=Scan.Source.COMMAND, engines=engines, samples=samples)
        except CannotStart as refused:
            if refused.scan is None or not wait:
                raise CommandError(refused.message, returncode=FAILED) from None
            self.stdout.write(f"Scan {refused.scan.pk} of {project.name} is running already; watching it.")
            return refused.scan


def _project(slug: str, *, organization: str | None) -> Project:
    with all_orgs_scope("manage.py scan"):
        found = Project.all_orgs.filter(slug=slug, archived_at=None).select_related("org")
        if organization:
            if not Organization.objects.filter(slug=organization).exists():
                raise CommandError(f"There is no organization {organization!r}.", returncode=FAILED)
            found = found.filter(org__slug=organization)
        projects = list(found.order_by("pk")[:20])
    if not projects:
        raise CommandError(f"There is no project {slug!r}.", returncode=FAILED)
    if len(projects) > 1:
        owners = ", ".join(project.org.slug for project in projects)
        raise CommandError(f"Several organizations have a project {slug!r}: add --org ({owners}).", returncode=FAILED)
    return projects[0]


def _watch(scan: Scan, console: Console) -> Board:
    patience, tasks = _Patience(), dict[str, TaskID]()
    with _bars(console) as progress:
        while True:
            board = _look(scan)
            for lane in board.lanes:
                task = tasks.get(lane.key)
                task = tasks[lane.key] = progress.add_task(_name(lane), note="") if task is None else task
                note = _note(lane)
                progress.update(task, total=lane.total, completed=lane.total - lane.open, note=note)
            if board.finished:
                return board
            patience.check(sign=(scan.status, board.done), excused=bool(board.paused))
            time.sleep(POLL)


def _look(scan: Scan) -> Board:
    with org_scope(scan.org_id):
        scan.refresh_from_db(from_queryset=Scan.objects.for_org(scan.org_id))
        return board_of(scan)


def _note(lane: Lane) -> str:
    if lane.pause:
        return lane.pause.reason + (f" at {lane.pause.until:%H:%M:%S} UTC" if lane.pause.until else "")
    return f"{lane.failed} failed" if lane.failed else ""


class _Patience:
    """Runs out when nothing moves and no worker answers."""

    def __init__(self) -> None:
        self._sign: object = None
        self._moved_at = self._asked_at = time.monotonic()

    def check(self, *, sign: object, excused: bool) -> None:
        now = time.monotonic()
        if sign != self._sign or excused:
            self._sign, self._moved_at = sign, now
        if now - self._moved_at < ASK_WORKER or now - self._asked_at < ASK_WORKER:
            return
        if _worker_answers():
            self._moved_at = time.monotonic()
        elif now - self._moved_at > WORKER_PATIENCE:
            raise CommandError(
                "No worker answers. The scan waits and starts with the next one: celery -A config worker -Q scans",
                returncode=FAILED,
            )
        self._asked_at = time.monotonic()


def _worker_answers() -> bool:
    """Whether a worker that takes scans is there."""
    try:
        queues = current_app.control.inspect(timeout=1.0).active_queues() or {}
    except (OperationalError, OSError, RedisError):  # RedisError: a connection that broke meanwhile
        return False
    return any(queue["name"] == "scans" for taken in queues.values() for queue in taken)


@contextmanager
def _bars(console: Console) -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Progress(*columns, console=console, refresh_per_second=8) as progress:
        yield progress


def _show(scan: Scan, board: Board, console: Console) -> None:
    table = Table(title=f"Scan {scan.pk}: {scan.get_status_display().lower()}", title_justify="left")
    table.add_column("engine")
    for heading in ("answered", "failed", "visibility", "cost"):
        table.add_column(heading, justify="right")
    costs = _costs(scan)
    for lane in board.lanes:
        cost = costs.get(lane.key)
        table.add_row(
            _name(lane),
            f"{lane.succeeded}/{lane.total}",
            str(lane.failed),
            _visibility(lane.visibility),
            "" if cost is None else f"${cost:.4f}",
        )
    console.print(table)
    if scan.simulated:
        console.print("[dim]Simulated: no provider was asked.[/dim]")
    for failure in board.failures:
        console.print(f"{failure.count} x {failure.engine}: {failure.reason}", markup=False)


def _costs(scan: Scan) -> dict[str, Decimal | None]:
    with org_scope(scan.org_id):
        answers = Answer.objects.for_org(scan.org_id).filter(scan=scan)
        return dict(answers.values_list("engine").annotate(cost=Sum("cost")))


def _visibility(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return ""
    bounds = "" if estimate.low is None else f" ({estimate.low:.0%} to {estimate.high:.0%})"
    return f"{estimate.value:.0%}{bounds}"


def _name(lane: Lane) -> str:
    return full_name(lane.label, lane.surface_label.lower())


def _verdict(scan: Scan) -> int:
    return {Scan.Status.DONE: DONE, Scan.Status.PARTIAL: PARTIAL}.get(Scan.Status(scan.status), FAILED)


def _last_line(scan: Scan, board: Board) -> str:
    if scan.status == Scan.Status.CANCELLED:
        return f"Scan {scan.pk} was cancelled."
    if board.stop:
        return f"Scan {scan.pk} stopped, {board.unasked} of {board.total} answers were not asked. {board.stop}"
    return f"Scan {scan.pk}: {board.failed} of {board.total} answers failed."
