"""`manage.py demo`: the whole product on this machine, with an organization to look at."""

import fcntl
import os
import signal
import sys
import time
import urllib.request
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from config import embedded
from config.embedded.place import BASE_DIR, find_place
from config.startup import demo_ports
from config.supervisor import LogFiles, Supervisor, child_environment

READY_SECONDS = 90


class Command(BaseCommand):
    help = "Start everything, fill a demo organization, run its first scan, and serve until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--story", action="store_true", help="only the part that fills and scans; used internally")
        parser.add_argument("--until-ready", action="store_true", help="stop as soon as the first scan is done")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["story"]:
                self._tell_story()
            else:
                self._serve(until_ready=options["until_ready"])
        except KeyboardInterrupt:
            sys.exit(130)

    def _serve(self, *, until_ready: bool) -> None:
        port, simulator = demo_ports()
        with _only_one(find_place().local / "demo.lock"):
            self._say("Preparing the database")
            call_command("migrate", interactive=False, verbosity=0)
            _leave_database()
            code = self._supervise(port=port, simulator=simulator, until_ready=until_ready)
            embedded.release()
        self._say("Stopped.")
        sys.exit(code)

    def _supervise(self, *, port: int, simulator: int, until_ready: bool) -> int:
        logs = LogFiles(find_place().local / "logs")
        root = f"http://127.0.0.1:{simulator}"
        environment = child_environment(PORT=str(port), SIMULATOR_PORT=str(simulator), SIMULATOR_URL=root)
        story = [sys.executable, "manage.py", "demo", "--story"]
        supervisor = Supervisor(logs=logs, environment=environment, foreground=story, stop_after=until_ready)
        self._say(f"Starting web, worker, beat and simulator (output in {_short(logs.folder)})")
        code = supervisor.run(BASE_DIR / "Procfile")
        for name in supervisor.crashed():
            self.stderr.write(f"prompter: {name} stopped unexpectedly; its last words ({_short(logs.path(name))}):")
            self.stderr.write("\n".join(f"  {line}" for line in logs.last_words(name)))
        return code

    def _tell_story(self) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        from scans.demo import seed_demo

        _wait_until_ready(f"{settings.SIMULATOR_URL}/_sim/health", name="simulator")
        demo = seed_demo()
        port, _ = demo_ports()
        site = f"http://localhost:{port}"
        _wait_until_ready(f"http://127.0.0.1:{port}/readyz", name="web")
        if _needs_scan(demo.project):
            self._first_scan(demo.org.slug, demo.project)
        self.stdout.write("")
        self.stdout.write(self.style.SUCCESS(f"  Prompter is ready:  {site}/o/{demo.org.slug}/p/{demo.project.slug}/"))
        self.stdout.write(f"  Sign in with        {demo.email}  /  {demo.password}")
        self.stdout.write("  Ctrl-C stops everything; the data stays for the next `make demo`.\n")

    def _first_scan(self, org: str, project: Any) -> None:
        from config.first_scan import first_scan

        plan = first_scan(project)
        if plan.warning:
            self._say(plan.warning)
        if plan.engines:
            self._say(f"Running the first scan ({len(plan.engines)} simulated engines)")
            _scan(org, project.slug, engines=plan.engines)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Two demos would share one database and nudge each other's scans. The kernel forgets the lock with its holder."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise CommandError("a demo of this checkout is running already; stop it with Ctrl-C first") from None
    try:
        yield
    finally:
        os.close(fd)


def _leave_database() -> None:
    """Connections and pool threads must not be carried into the forked processes."""
    for connection in connections.all():
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()


def _wait_until_ready(url: str, *, name: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(url):
        if time.monotonic() > deadline:
            raise CommandError(f"{name} did not answer within {READY_SECONDS} seconds at {url}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - a loopback address of ours
            return bool(response.status == 200)
    except OSError:  # urllib's own error is one
        return False


def _needs_scan(project: Any) -> bool:
    from orgs.scoping import org_scope
    from scans.models import Scan

    with org_scope(project.org_id):
        finished = Scan.objects.for_org(project.org_id).filter(project=project, finished_at__isnull=False)
        return not finished.exists()


def _scan(org: str, project: str, *, engines: tuple[str, ...]) -> None:
    """Answers that failed are for the screens to tell; the demo goes on."""
    try:
        call_command("scan", project, organization=org, engines=list(engines), wait=True)
    except SystemExit:
        return


def _short(path: Path) -> str:
    return str(path.relative_to(BASE_DIR)) if path.is_relative_to(BASE_DIR) else str(path)
