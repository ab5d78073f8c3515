"""One scan through a worker as the Procfile starts it, with everything that it took."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from honcho.environ import parse_procfile

from config.embedded.place import BASE_DIR
from config.supervisor import child_environment
from tests.benchmarks import stack
from tests.benchmarks.bare import QUESTION
from tests.benchmarks.first_scan import wait_for_worker
from tests.benchmarks.processes import below, cpu_seconds, peak_memory, server_cpu_seconds
from tests.benchmarks.yardstick import yardstick

if TYPE_CHECKING:
    from prompts.models import Project

ENGINES = (
    "openai:gpt-5-mini/web_search",
    "anthropic:claude-haiku-4-5/web_search",
    "google:gemini-3.5-flash/web_search",
    "perplexity:sonar/web_search",
)
BRANDS = ("Lumenboard", "Taskwell", "Flowdeck", "Planorama", "Boardly")
PATIENCE = 3_600
_WARM_UP = 20  # prompts


@dataclass(frozen=True, kw_only=True)
class Run:
    """Answers, wall and CPU seconds of the asking process and its children, its most memory in MB; CPU seconds of the
    servers beside it, commands that Redis ran, bytes that the answers take in the database, and what the yardstick cost
    meanwhile."""

    answers: int
    wall: float
    cpu: float
    memory: float
    postgres: float = 0.0
    redis: float = 0.0
    commands: int = 0
    stored: int = 0
    yardstick_ms: float = 0.0

    @property
    def rate(self) -> float:
        return self.answers / self.wall

    @property
    def cpu_ms(self) -> float:
        return self.cpu / self.answers * 1000

    @property
    def whole_cpu_ms(self) -> float:
        return (self.cpu + self.postgres + self.redis) / self.answers * 1000


def scanned(answers: int, *, simulator: int, concurrency: int) -> Run:
    """A fresh worker process through a scan of so many answers, after a small one to warm up."""
    from django.conf import settings

    settings.SIMULATOR_URL = f"http://127.0.0.1:{simulator}"
    project = _project(answers // len(ENGINES))
    with _worker(concurrency) as family:
        _scan(project, warm_up=True)
        before, began = _meters(family), time.monotonic()
        with yardstick() as machine:
            stored = _scan(project)
        wall, after = time.monotonic() - began, _meters(family)
        memory = max(map(peak_memory, family))
    cpu, postgres, redis, commands, size = (new - old for new, old in zip(after, before, strict=True))
    return Run(
        answers=stored,
        wall=wall,
        cpu=cpu,
        memory=memory,
        postgres=postgres,
        redis=redis,
        commands=int(commands),
        stored=int(size),
        yardstick_ms=machine.ms,
    )


@contextmanager
def _worker(concurrency: int) -> Iterator[list[int]]:
    """The processes of a worker of its own."""
    from django.conf import settings

    environment = {
        "SIMULATOR_URL": settings.SIMULATOR_URL,
        "SIMULATED_REQUESTS_PER_MINUTE": "6000000",
        "SIMULATED_TOKENS_PER_MINUTE": "2000000000",
        "SCAN_CONCURRENCY": str(concurrency),
        "WORKER_CONCURRENCY": "2",  # one of the two is the runner
        "LOG_LEVEL": "WARNING",
    }
    entries = parse_procfile((BASE_DIR / "Procfile").read_text()).processes
    log = stack.LOCAL / "logs" / "worker.log"
    command = ["/bin/sh", "-c", f"exec {entries['worker']}"]
    with stack.running(command, ready="", environment=child_environment(**environment), log=log):
        wait_for_worker()
        yield below(os.getpid(), named="celery")


def _meters(family: list[int]) -> tuple[float, ...]:
    import redis
    from django.conf import settings
    from django.db import connection

    with redis.Redis.from_url(settings.REDIS_URL) as client:
        commands = client.info("stats")["total_commands_processed"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
            " WHERE relname IN ('scans_answer', 'scans_mention', 'scans_citation', 'prompts_llmcall')"
        )
        stored = cursor.fetchone()[0]
    connection.close()
    postgres = server_cpu_seconds(stack.LOCAL, named="postgres")
    return cpu_seconds(family), postgres, server_cpu_seconds(stack.LOCAL, named="valkey"), commands, int(stored)


def _project(prompts: int) -> "Project":
    from accounts.models import User
    from orgs.founding import found_organization
    from orgs.scoping import org_scope
    from prompts import library
    from prompts.csv_import import parse_paste

    user, _ = User.objects.get_or_create(email="bench@prompter.example")
    org = found_organization(user, name=f"Bench {prompts}")
    with org_scope(org):
        project = library.create_project(org, library.ProjectFields(name=BRANDS[0]), actor=user)
        for name in BRANDS:
            library.save_brand(
                project,
                library.BrandFields(name=name, domains=[f"{name.lower()}.example"], is_own=name == BRANDS[0]),
                actor=user,
            )
        for start in range(0, prompts, 1_000):
            lines = "\n".join(QUESTION.format(n) for n in range(start, min(start + 1_000, prompts)))
            library.add_prompts(project, parse_paste(lines).rows, actor=user)
        library.choose_engines(project, list(ENGINES), actor=user)
    return project


def _scan(project: "Project", *, warm_up: bool = False) -> int:
    """From the start of the scan until it has ended; the warm-up asks a few prompts."""
    from django.db import connection

    from orgs.scoping import org_scope
    from prompts.models import Prompt
    from scans.launch import start_scan
    from scans.models import Scan

    with org_scope(project.org_id):
        rows = Prompt.objects.for_org(project.org_id)
        first = list(rows.order_by("pk").values_list("pk", flat=True)[:_WARM_UP])
        rows.exclude(pk__in=first).update(is_active=not warm_up)
    with org_scope(project.org_id):
        scan = start_scan(project, source=Scan.Source.COMMAND)
    deadline = time.monotonic() + PATIENCE
    while scan.is_open:
        if time.monotonic() > deadline:
            raise RuntimeError("the scan never ended; the worker's log is .local/bench/logs/worker.log")
        time.sleep(0.2)
        with org_scope(project.org_id):
            scan = Scan.objects.for_org(project.org_id).get(pk=scan.pk)
    connection.close()
    if scan.status != Scan.Status.DONE:
        raise RuntimeError(f"the scan ended as {scan.status}")
    return scan.total
