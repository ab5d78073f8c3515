"""Requests a second of an ordinary screen: the shipped server beside gunicorn's threads."""

import argparse
import os
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from config.supervisor import child_environment
from tests.benchmarks import stack
from tests.benchmarks.load import Load, press
from tests.benchmarks.report import Goal, Report, percentile

CONNECTIONS = 16
SHIPPED, BASELINE = "shipped: uvicorn worker, dispatcher", "baseline: gunicorn gthread, WSGI"


def bench(arguments: list[str]) -> Report:
    parser = argparse.ArgumentParser(prog="make bench B=web")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args(arguments)
    stack.prepare()
    path, cookie = _demo_screen()
    workers, threads = min(4, os.cpu_count() or 1), 8
    with _servers(workers=workers, threads=threads) as ports:
        measured = _alternate(ports, path=path, cookie=cookie, rounds=options.rounds, seconds=options.seconds)
    return _report(measured, path=path, workers=workers, threads=threads, options=options)


@dataclass(frozen=True, kw_only=True)
class Round:
    """One server under load once; `cpu` is what its processes used, in seconds."""

    load: Load
    cpu: float

    @property
    def milliseconds(self) -> float:
        """CPU of the server for one answer."""
        return 1000 * self.cpu / len(self.load.latencies)


def _demo_screen() -> tuple[str, str]:
    from django.test import Client

    from accounts.models import User
    from scans.demo import seed_demo

    demo = seed_demo()
    client = Client()
    backend = "allauth.account.auth_backends.AuthenticationBackend"
    client.force_login(User.objects.get(email=demo.email), backend=backend)
    return f"/o/{demo.org.slug}/p/{demo.project.slug}/prompts/", f"sessionid={client.cookies['sessionid'].value}"


@contextmanager
def _servers(*, workers: int, threads: int) -> Iterator[dict[str, int]]:
    shared = {"WEB_CONCURRENCY": str(workers), "WEB_THREADS": str(threads)}
    port = stack.free_port()
    command = [sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--workers", str(workers)]
    command += ["--threads", str(threads), "--bind", f"127.0.0.1:{port}", "--no-control-socket", "config.wsgi"]
    environment = child_environment(**shared, SITE_URL=f"http://localhost:{port}")
    log = stack.LOCAL / "logs" / "gthread.log"
    with (
        stack.shipped("web", **shared) as ports,
        stack.running(command, ready=f"http://127.0.0.1:{port}/readyz", environment=environment, log=log),
    ):
        yield {SHIPPED: ports["web"], BASELINE: port}


def _alternate(ports: dict[str, int], *, path: str, cookie: str, rounds: int, seconds: float) -> dict[str, list[Round]]:
    measured: dict[str, list[Round]] = {name: [] for name in ports}
    for turn in range(-1, rounds):
        # Each server leads every other round, so that a machine's mood hits both alike.
        for name in sorted(ports, reverse=turn % 2 == 1):
            before = _cpu(ports[name])
            got = press(port=ports[name], path=path, cookie=cookie, connections=CONNECTIONS, seconds=seconds)
            if turn >= 0:
                measured[name].append(Round(load=got, cpu=_cpu(ports[name]) - before))
    return measured


def _cpu(port: int) -> float:
    """Seconds that the processes listening on `port` have used."""
    listening = [found for found in psutil.net_connections("tcp") if found.status == psutil.CONN_LISTEN]
    times = [psutil.Process(pid).cpu_times() for pid in {found.pid for found in listening if found.laddr.port == port}]
    return sum(used.user + used.system for used in times)


def _report(
    measured: dict[str, list[Round]], *, path: str, workers: int, threads: int, options: argparse.Namespace
) -> Report:
    rows = []
    for name, rounds in measured.items():
        rates = [one.load.rate for one in rounds]
        latencies = [latency * 1000 for one in rounds for latency in one.load.latencies]
        cpu = f"{statistics.median(one.milliseconds for one in rounds):.2f}"
        quantiles = f"{percentile(latencies, 0.5):.1f}", f"{percentile(latencies, 0.95):.1f}"
        rows.append((name, f"{statistics.median(rates):.0f}", f"{min(rates):.0f}-{max(rates):.0f}", *quantiles, cpu))
    pairs = list(zip(measured[SHIPPED], measured[BASELINE], strict=True))
    figures = {
        "shipped_rps": statistics.median(one.load.rate for one in measured[SHIPPED]),
        "gthread_rps": statistics.median(one.load.rate for one in measured[BASELINE]),
        "ratio": statistics.median(ours.load.rate / theirs.load.rate for ours, theirs in pairs),
        "cpu_ratio": statistics.median(ours.milliseconds / theirs.milliseconds for ours, theirs in pairs),
    }
    return Report(
        bench="web",
        title=f"Requests a second of {path}, logged in",
        columns=["server", "median req/s", "range", "p50 ms", "p95 ms", "CPU ms/req"],
        rows=rows,
        figures=figures,
        goals={"ratio": Goal(at_least=0.9)},
        notes=[
            f"{workers} workers of {threads} threads each, {CONNECTIONS} connections, psycopg pool, one application;"
            f" {options.rounds} alternating rounds of {options.seconds:g} s after one to warm up, medians;"
            " client, servers and Postgres share this machine."
        ],
    )
