"""One worker process through a large scan, beside a bare loop over the same SDK clients that stores nothing."""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from honcho.environ import parse_procfile

from config.embedded.place import BASE_DIR
from config.supervisor import child_environment
from tests.benchmarks import stack
from tests.benchmarks.bare import QUESTION
from tests.benchmarks.first_scan import set_latency, wait_for_worker
from tests.benchmarks.processes import below, cpu_seconds, peak_memory
from tests.benchmarks.report import Goal, Report

if TYPE_CHECKING:
    from prompts.models import Project

ENGINES = (
    "openai:gpt-5-mini/web_search",
    "anthropic:claude-haiku-4-5/web_search",
    "google:gemini-3.5-flash/web_search",
    "perplexity:sonar/web_search",
)
PATIENCE = 1_800


@dataclass(frozen=True, kw_only=True)
class Run:
    """Answers, wall and CPU seconds of the asking process and its children, its most memory in MB."""

    answers: int
    wall: float
    cpu: float
    memory: float

    @property
    def rate(self) -> float:
        return self.answers / self.wall

    @property
    def cpu_ms(self) -> float:
        return self.cpu / self.answers * 1000


def bench(arguments: list[str]) -> Report:
    parser = argparse.ArgumentParser(prog="make bench B=throughput")
    parser.add_argument("--answers", type=int, default=10_000)
    parser.add_argument("--latency", type=float, default=1.0)
    parser.add_argument("--concurrency", type=int, default=400)
    options = parser.parse_args(arguments)
    stack.prepare()
    environment = {
        "SIMULATED_REQUESTS_PER_MINUTE": "6000000",
        "SIMULATED_TOKENS_PER_MINUTE": "2000000000",
        "SCAN_CONCURRENCY": str(options.concurrency),
        "WORKER_CONCURRENCY": "2",  # one of the two is the runner
        "LOG_LEVEL": "WARNING",
    }
    with stack.shipped("simulator") as ports:
        set_latency(ports["simulator"], latency=options.latency)
        bare = _bare_beside(options, ports["simulator"])
        ours = _ours(options, ports["simulator"], environment)
    return _report(ours, bare, options)


def _ours(options: argparse.Namespace, simulator: int, environment: dict[str, str]) -> Run:
    from django.conf import settings

    settings.SIMULATOR_URL = f"http://127.0.0.1:{simulator}"
    project = _project(options.answers // len(ENGINES))
    given = environment | {"SIMULATOR_URL": settings.SIMULATOR_URL}
    entries = parse_procfile((BASE_DIR / "Procfile").read_text()).processes
    log = stack.LOCAL / "logs" / "worker.log"
    command = ["/bin/sh", "-c", f"exec {entries['worker']}"]
    with stack.running(command, ready="", environment=child_environment(**given), log=log):
        wait_for_worker()
        family = below(os.getpid(), named="celery")
        _scan(project, warm_up=True)
        before = cpu_seconds(family)
        began = time.monotonic()
        answers = _scan(project)
        wall = time.monotonic() - began
        return Run(answers=answers, wall=wall, cpu=cpu_seconds(family) - before, memory=max(map(peak_memory, family)))


def _project(prompts: int) -> "Project":
    from accounts.models import User
    from orgs.founding import found_organization
    from orgs.scoping import org_scope
    from prompts import library
    from prompts.csv_import import parse_paste

    user = User.objects.create_user("bench@prompter.example")
    org = found_organization(user, name="Bench")
    with org_scope(org):
        project = library.create_project(org, library.ProjectFields(name="Lumenboard"), actor=user)
        for name in ("Lumenboard", "Taskwell", "Flowdeck", "Planorama", "Boardly"):
            library.save_brand(
                project,
                library.BrandFields(name=name, domains=[f"{name.lower()}.example"], is_own=name == "Lumenboard"),
                actor=user,
            )
        for start in range(0, prompts, 1_000):
            lines = "\n".join(QUESTION.format(n) for n in range(start, min(start + 1_000, prompts)))
            library.add_prompts(project, parse_paste(lines).rows, actor=user)
        library.choose_engines(project, list(ENGINES), actor=user)
    return project


def _scan(project: "Project", *, warm_up: bool = False) -> int:
    """From the start of the scan until it has ended; the warm-up asks 20 prompts."""
    from django.db import connection

    from orgs.scoping import org_scope
    from prompts.models import Prompt
    from scans.launch import start_scan
    from scans.models import Scan

    with org_scope(project.org_id):
        rows = Prompt.objects.for_org(project.org_id)
        first = list(rows.order_by("pk").values_list("pk", flat=True)[:20])
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


def _bare_beside(options: argparse.Namespace, simulator: int) -> Run:
    command = [sys.executable, "-m", "tests.benchmarks.bare", f"http://127.0.0.1:{simulator}", *ENGINES]
    for name in ("answers", "concurrency"):
        command += [f"--{name}", str(getattr(options, name))]
    done = subprocess.run(command, cwd=BASE_DIR, stdout=subprocess.PIPE, text=True, check=True)
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def _report(ours: Run, bare: Run, options: argparse.Namespace) -> Report:
    rows = [
        [
            name,
            f"{run.answers:,}",
            f"{run.wall:.1f} s",
            f"{run.rate:.0f}",
            f"{run.cpu_ms:.2f} ms",
            f"{run.memory:.0f} MB",
        ]
        for name, run in (("prompter", ours), ("bare loop, stores nothing", bare))
    ]
    return Report(
        bench="throughput",
        title=f"A scan of {ours.answers:,} answers, one worker process",
        columns=["who", "answers", "time", "answers/s", "CPU per answer", "most memory"],
        rows=rows,
        figures={
            "answers_per_second": ours.rate,
            "rate_ratio": ours.rate / bare.rate,
            "cpu_ms_per_answer": ours.cpu_ms,
            "cpu_ratio": ours.cpu_ms / bare.cpu_ms,
            "memory_mb": ours.memory,
        },
        goals={"rate_ratio": Goal(at_least=0.6)},
        notes=[
            f"Simulated providers answer in {options.latency:g} s without limits; {options.concurrency} calls at a"
            " time; four engines in turn. Ours from the start of the scan to its end, rows created and stored, after a"
            " scan of 20 prompts to warm up. The simulator's CPU is in neither figure, but it shares the machine."
        ],
    )
