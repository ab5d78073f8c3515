"""Organizations, projects and scans of a benchmark, and the simulator's controls over HTTP."""

import json
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from honcho.environ import parse_procfile

from config.embedded.place import BASE_DIR
from config.supervisor import child_environment
from tests.benchmarks import stack

if TYPE_CHECKING:
    from prompts.models import Project
    from scans.models import Scan

PATIENCE = 3_600


def control(port: int, name: str, body: Any = None) -> Any:
    """`_sim/<name>` of the simulator: read, or set where there is a body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/_sim/{name}", data=data)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@contextmanager
def workers(count: int, *, simulator: int, **environment: str) -> Iterator[None]:
    """So many workers of the Procfile, each with one runner, until the block ends."""
    from django.conf import settings

    settings.SIMULATOR_URL = f"http://127.0.0.1:{simulator}"
    entry = parse_procfile((BASE_DIR / "Procfile").read_text(encoding="utf-8")).processes["worker"]
    given = {"SIMULATOR_URL": settings.SIMULATOR_URL, "WORKER_CONCURRENCY": "2", "LOG_LEVEL": "WARNING", **environment}
    with ExitStack() as running:
        for number in range(count):
            command = ["/bin/sh", "-c", f"exec {entry} --hostname=bench-{number}@%h"]
            log = stack.LOCAL / "logs" / f"worker-{number}.log"
            running.enter_context(stack.running(command, ready="", environment=child_environment(**given), log=log))
        _wait_for(count)
        yield


def _wait_for(count: int) -> None:
    from celery import current_app

    deadline = time.monotonic() + 120
    while len(current_app.control.inspect(timeout=1.0).ping() or {}) < count:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{count} workers never answered; their logs are in {stack.LOCAL / 'logs'}")


def project(name: str, *, prompts: int, engines: Sequence[str], samples: int = 1) -> "Project":
    """In an organization of its own."""
    from accounts.models import User
    from orgs.founding import found_organization

    user = User.objects.create_user(f"{name}@prompter.example")
    return beside(found_organization(user, name=name), name, prompts=prompts, engines=engines, samples=samples)


def beside(org: Any, name: str, *, prompts: int, engines: Sequence[str], samples: int = 1) -> "Project":
    """One more project of an organization."""
    from orgs.scoping import org_scope
    from prompts import library
    from prompts.csv_import import parse_paste
    from prompts.models import Project

    with org_scope(org):
        made = library.create_project(org, library.ProjectFields(name=name), actor=None)
        library.save_brand(made, library.BrandFields(name="Lumenboard", is_own=True), actor=None)
        for start in range(0, prompts, 1_000):
            lines = [
                f"Which tool is the best one for team number {n}?" for n in range(start, min(start + 1_000, prompts))
            ]
            library.add_prompts(made, parse_paste("\n".join(lines)).rows, actor=None)
        library.choose_engines(made, list(engines), actor=None)
        Project.objects.for_org(org).filter(pk=made.pk).update(samples=samples)
        made.refresh_from_db(from_queryset=Project.objects.for_org(org))
    return made


def start(of: "Project") -> "Scan":
    from orgs.scoping import org_scope
    from scans.launch import start_scan
    from scans.models import Scan

    with org_scope(of.org_id):
        return start_scan(of, source=Scan.Source.COMMAND)


def reread(scan: "Scan") -> "Scan":
    from orgs.scoping import org_scope
    from scans.models import Scan

    with org_scope(scan.org_id):
        return Scan.objects.for_org(scan.org_id).get(pk=scan.pk)


def cancel(scan: "Scan") -> None:
    from orgs.scoping import org_scope
    from scans.launch import cancel_scan

    with org_scope(scan.org_id):
        cancel_scan(reread(scan), actor=None)


def ended(scans: Sequence["Scan"]) -> list["Scan"]:
    """Wait until all of them have."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = [reread(scan) for scan in scans]
        if not any(scan.is_open for scan in found):
            return found
        if time.monotonic() > deadline:
            raise RuntimeError(f"the scans never ended; the workers' logs are in {stack.LOCAL / 'logs'}")
        time.sleep(0.2)
