"""Two machines in miniature: workers in two network namespaces, one database, one Redis (root, Linux)."""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from honcho.environ import parse_procfile

from config.embedded.place import BASE_DIR
from config.supervisor import child_environment
from tests.benchmarks import stack
from tests.benchmarks.relay import Relay
from tests.benchmarks.report import Goal, Report
from tests.benchmarks.scanning import control, ended, project, start

if TYPE_CHECKING:
    from scans.models import Scan

ENGINE = "openai:gpt-5-mini/model"
MACHINES = 2
NETWORK = "10.231"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A namespace, held by a process; this side of its cable has `address`."""

    number: int
    holder: int

    @property
    def address(self) -> str:
        return f"{NETWORK}.{self.number}.1"

    def inside(self, command: str) -> list[str]:
        return ["nsenter", f"--net=/proc/{self.holder}/ns/net", "/bin/sh", "-c", command]


def bench(arguments: list[str]) -> Report:
    parser = argparse.ArgumentParser(prog="make bench B=namespaces")
    parser.add_argument("--answers", type=int, default=1_000)
    parser.add_argument("--limit", type=int, default=1_200, help="requests a minute that the simulator allows")
    parser.add_argument("--latency", type=float, default=1.0)
    options = parser.parse_args(arguments)
    _require()
    stack.prepare()
    with stack.shipped("simulator") as ports, ExitStack() as opened:
        machines = [opened.enter_context(_machine(number)) for number in range(MACHINES)]
        relays = [opened.enter_context(_relayed(machine, ports["simulator"])) for machine in machines]
        control(ports["simulator"], "options", {"latency": options.latency})
        control(ports["simulator"], "options", {"limits": {"openai": {"requests": options.limit}}})
        for machine, relay in zip(machines, relays, strict=True):
            opened.enter_context(_worker(machine, relay, limit=options.limit))
        for machine in machines:
            _wait_for(f"machine-{machine.number}@", _log(machine))
        scan, seconds = _scan(options.answers)
        return _report(scan, seconds, relays, control(ports["simulator"], "stats")["totals"], options)


def _require() -> None:
    """Says what is missing, and how to come by it."""
    missing = []
    if not sys.platform.startswith("linux"):
        missing.append("Linux")
    missing += [f"the program {name}" for name in ("ip", "unshare", "nsenter") if shutil.which(name) is None]
    if hasattr(os, "geteuid") and os.geteuid() != 0:
        missing.append("root")
    if not missing and subprocess.run(["unshare", "--net", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        missing.append("the right to make network namespaces (a container needs --cap-add SYS_ADMIN,NET_ADMIN)")
    if missing:
        sys.exit(f"bench namespaces cannot run here; it needs {', '.join(missing)}")


@contextmanager
def _machine(number: int) -> Iterator[Machine]:
    """A namespace with a cable to this one; both ends go with the process that holds it."""
    holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    machine = Machine(number=number, holder=holder.pid)
    here, there = f"prompter{number}h", f"prompter{number}n"
    try:
        _wait_for_own_network(holder.pid)
        _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", str(holder.pid))
        _ip("addr", "add", f"{machine.address}/24", "dev", here)
        _ip("link", "set", here, "up")
        inside = f"ip addr add {NETWORK}.{number}.2/24 dev {there} && ip link set {there} up && ip link set lo up"
        subprocess.run(machine.inside(inside), check=True)
        yield machine
    finally:
        holder.terminate()
        holder.wait(timeout=10)


def _wait_for_own_network(pid: int) -> None:
    ours, deadline = Path("/proc/self/ns/net").readlink(), time.monotonic() + 10
    while Path(f"/proc/{pid}/ns/net").readlink() == ours:
        if time.monotonic() > deadline:
            raise RuntimeError("the namespace was never made")
        time.sleep(0.01)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


@dataclass(frozen=True, kw_only=True)
class Relays:
    """What a machine reaches through its cable."""

    postgres: Relay
    redis: Relay
    simulator: Relay


@contextmanager
def _relayed(machine: Machine, simulator: int) -> Iterator[Relays]:
    from django.conf import settings

    redis, database = urlsplit(settings.REDIS_URL), settings.DATABASES["default"]
    folder = database["HOST"] or database["OPTIONS"]["host"]
    socket = Path(folder) / f".s.PGSQL.{database['PORT'] or 5432}"
    with (
        Relay(machine.address, socket).serving() as postgres,
        Relay(machine.address, (str(redis.hostname), int(redis.port or 6379))).serving() as broker,
        Relay(machine.address, ("127.0.0.1", simulator)).serving() as provider,
    ):
        yield Relays(postgres=postgres, redis=broker, simulator=provider)


@contextmanager
def _worker(machine: Machine, relays: Relays, *, limit: int) -> Iterator[None]:
    from django.conf import settings

    at = machine.address
    password = urlsplit(settings.REDIS_URL).password
    environment = {
        "DATABASE_URL": f"postgresql://{settings.DATABASES['default']['USER']}@{at}:{relays.postgres.port}/prompter",
        "REDIS_URL": f"redis://{f':{password}@' if password else ''}{at}:{relays.redis.port}/0",
        "SIMULATOR_URL": f"http://{at}:{relays.simulator.port}",
        "SECRET_KEY": settings.SECRET_KEY,
        "SITE_URL": "https://prompter.example.com",
        "SIMULATED_REQUESTS_PER_MINUTE": str(limit),
        "SIMULATED_TOKENS_PER_MINUTE": "2000000000",
        "WORKER_CONCURRENCY": "2",
        "LOG_LEVEL": "WARNING",
    }
    entry = parse_procfile((BASE_DIR / "Procfile").read_text(encoding="utf-8")).processes["worker"]
    command = machine.inside(f"exec {entry} --hostname=machine-{machine.number}@%h")
    with stack.running(command, ready="", environment=child_environment(**environment), log=_log(machine)):
        yield


def _log(machine: Machine) -> Path:
    return stack.LOCAL / "logs" / f"machine-{machine.number}.log"


def _wait_for(name: str, log: Path) -> None:
    from celery import current_app

    deadline = time.monotonic() + 120
    while not any(one.startswith(name) for one in current_app.control.inspect(timeout=1.0).ping() or {}):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} never answered:\n{log.read_text(errors='replace')[-2000:]}")


def _scan(answers: int) -> "tuple[Scan, float]":
    from django.conf import settings

    settings.SIMULATOR_URL = "http://127.0.0.1:1"  # this process asks nothing; the workers know their own way
    scan, began = start(project("machines", prompts=answers // 10, engines=[ENGINE], samples=10)), time.monotonic()
    _nudge_all()
    [scan] = ended([scan])
    return scan, time.monotonic() - began


def _nudge_all() -> None:
    """One runner a machine, as the sweep's next ticks would bring."""
    from scans.tasks import nudge

    for _ in range(MACHINES):
        nudge()


def _report(
    scan: "Scan", seconds: float, relays: list[Relays], totals: dict[str, int], options: argparse.Namespace
) -> Report:
    from orgs.scoping import org_scope
    from prompts.models import LlmCall
    from scans.models import Answer

    with org_scope(scan.org_id):
        stored = Answer.objects.for_org(scan.org_id).filter(scan=scan, status="succeeded").count()
        booked = LlmCall.objects.for_org(scan.org_id).count()
    asked = [relay.simulator.sent for relay in relays]
    rows = [
        [f"machine {number}", f"{sent / sum(asked):.0%}", f"{relay.postgres.sent / 1e6:.1f} MB"]
        for number, (sent, relay) in enumerate(zip(asked, relays, strict=True))
    ]
    return Report(
        bench="namespaces",
        title=f"{stored:,} answers by workers on {MACHINES} networks, {options.limit:,} a minute allowed",
        columns=["", "of the asking", "sent to Postgres"],
        rows=rows,
        figures={
            "violations": float(totals["violations"]),
            "calls_per_answer": totals["requests"] / scan.total,
            "booked_per_answer": booked / scan.total,
            "stored_share": stored / scan.total,
            "least_share": min(asked) / sum(asked),
            "used": totals["requests"] / (options.limit / 60 * seconds),
        },
        goals={
            "violations": Goal(at_most=0),
            "calls_per_answer": Goal(at_least=1, at_most=1),
            "booked_per_answer": Goal(at_least=1, at_most=1),
            "stored_share": Goal(at_least=1),
            "least_share": Goal(at_least=0.05),
        },
        notes=[
            f"Each worker in a network namespace of its own, which reaches Postgres, Redis and the simulator only by a"
            f" cable (veth) to {NETWORK}.x.1; the scan took {seconds:.0f} s. Nothing is doubled where calls and ledger"
            " rows are as many as answers."
        ],
    )
