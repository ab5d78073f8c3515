"""A scan of 2,000 answers through 20 random kills: nothing lost or doubled, the books exact, soon on its way."""

import argparse
import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from config.embedded.place import BASE_DIR
from config.supervisor import child_environment
from tests.benchmarks import stack
from tests.benchmarks.report import Goal, Report, percentile
from tests.benchmarks.scanned import ENGINES, _project
from tests.chaos.stores import OWN_SESSIONS, Services, running_services

if TYPE_CHECKING:
    from scans.models import Scan
    from tests.chaos.exactness import Exactness
    from tests.chaos.faults import Done
    from tests.chaos.installation import Installation
    from tests.chaos.recovery import Watch

POLL = 0.1
PATIENCE = 1_800


def bench(arguments: list[str]) -> Report:
    parser = argparse.ArgumentParser(prog="make bench B=chaos")
    parser.add_argument("--answers", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--latency", type=float, default=1.0)
    parser.add_argument("--rate", type=int, default=150, help="calls a minute and engine")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}", flush=True)
    with _installation(options) as installation:
        return _report(options, *_run(installation, options))


@contextmanager
def _installation(options: argparse.Namespace) -> Iterator["Installation"]:
    """The product as shipped, durable services too, behind proxies."""
    with ExitStack() as opened:
        services = opened.enter_context(running_services(stack.LOCAL / "chaos", fast=False, anew=True))
        _prepare(services)
        from prompts.llm.simulator.server import serve_in_thread
        from tests.chaos.installation import Installation
        from tests.chaos.proxy import Proxy
        from tests.chaos.workers import crew

        simulator = opened.enter_context(serve_in_thread())
        simulator.options(latency=options.latency)
        host, port = simulator.root_url.removeprefix("http://").split(":")
        providers = opened.enter_context(Proxy((host, int(port))).serving())
        environment = child_environment(
            DATABASE_URL=services.database_url,
            REDIS_URL=services.redis_url,
            SIMULATOR_URL=f"http://127.0.0.1:{providers.port}",
            SIMULATED_REQUESTS_PER_MINUTE=str(options.rate),
        )
        logs = stack.LOCAL / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        found = opened.enter_context(crew(environment=environment, logs=logs))
        yield Installation(services=services, providers=providers, crew=found, simulator=simulator)


def _prepare(services: Services) -> None:
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": f"{services.direct_database_url}&application_name={OWN_SESSIONS}",
        "DATABASE_POOL": "false",
        "REDIS_URL": services.direct_redis_url,
        "SIMULATOR_URL": "http://127.0.0.1:1",  # this process asks nothing
        "SECRET_KEY": "chaos" * 12,
        "SITE_URL": "http://localhost:8000",
    }
    os.environ.pop("PROMPTER_TEST", None)
    os.chdir(BASE_DIR)
    import django

    from config.startup import load_settings

    load_settings()
    django.setup()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)


def _run(
    installation: "Installation", options: argparse.Namespace
) -> tuple["Exactness", list["Done"], list["Watch"], int, float]:
    from tests.chaos.exactness import exactness_of
    from tests.chaos.faults import all_ready, drawn, strike
    from tests.chaos.recovery import Recoveries

    all_ready(installation)
    dice = random.Random(options.seed)
    scan = _started(options.answers // len(ENGINES))
    began, recoveries, done = time.monotonic(), Recoveries(scan), []
    for nth, kind in enumerate(drawn(options.kills, dice), 1):
        # Evenly over the scan, give or take a little; the last one still has something to break.
        share = (nth - 0.5 + dice.uniform(-0.4, 0.4)) / (options.kills + 0.5)
        _look_until(lambda reached=share: recoveries.look() >= reached * scan.total, scan)
        _look_until(lambda: recoveries.look() >= 0 and installation.crew.all_ready(), scan)
        recoveries.begin(kind)
        done.append(strike(kind, installation, scan, dice))
        print(f"{time.monotonic() - began:6.1f} s  {kind}, {done[-1].in_flight} calls under way", flush=True)
    _look_until(lambda: recoveries.look() == scan.total, scan)
    ended = installation.wait_until_ended(scan)
    wall = time.monotonic() - began
    return exactness_of(ended), done, recoveries.watches, installation.asked() - scan.total, wall


def _started(prompts: int) -> "Scan":
    from orgs.scoping import org_scope
    from scans.launch import start_scan
    from scans.models import Scan

    project = _project(prompts)
    with org_scope(project.org_id):
        return start_scan(project, source=Scan.Source.COMMAND)


def _look_until(reached, scan: "Scan") -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + PATIENCE
    while not reached():
        if time.monotonic() > deadline:
            raise RuntimeError(f"scan {scan.pk} stands still; the logs are in .local/bench/logs")
        time.sleep(POLL)


def _report(
    options: argparse.Namespace,
    found: "Exactness",
    done: list["Done"],
    watches: list["Watch"],
    excess: int,
    wall: float,
) -> Report:
    stored = [watch.stored_again for watch in watches if watch.stored_again is not None]
    asked = [watch.asked_again for watch in watches if watch.asked_again is not None]
    in_flight = sum(one.in_flight for one in done)
    rows = [
        [watch.kind, str(one.in_flight), _seconds(watch.stored_again), _seconds(watch.asked_again)]
        for watch, one in zip(watches, done, strict=True)
    ]
    goals = {name: Goal(at_most=0) for name in ("lost", "doubled", "ledger_difference", "quota_difference")}
    goals |= {"excess_over_in_flight": Goal(at_most=0), "failed": Goal(at_most=0)}
    goals |= {name: Goal(at_most=30) for name in ("stored_again_p99", "asked_again_p99")}
    return Report(
        bench="chaos",
        title=f"{found.total:,} answers through {len(done)} faults, in {wall:.0f} s",
        columns=["what happened", "calls under way", "answers stored again", "held ones asked again"],
        rows=rows,
        figures={
            "lost": found.lost,
            "doubled": found.doubled,
            "failed": found.statuses["failed"],
            "ledger_difference": float(found.unbooked),
            "quota_difference": found.quota,
            "excess_calls": excess,
            "in_flight_at_kills": in_flight,
            "excess_over_in_flight": max(0, excess - in_flight),
            "stored_again_p99": percentile(stored, 0.99),
            "asked_again_p99": percentile(asked, 0.99),
            "ends_told": found.ends,
        },
        goals={**goals, "ends_told": Goal(at_least=1, at_most=1)},
        notes=[
            f"Seed {options.seed}. Two workers, a beat, Postgres and Redis of their own behind proxies; simulated"
            f" providers answer in {options.latency:g} s at {options.rate} calls a minute each. Seconds from the fault:"
            " until any answer was stored, and until all that were leased when it struck are asked again or stored."
        ],
    )


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"
