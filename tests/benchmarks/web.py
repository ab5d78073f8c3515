"""Requests a second of an ordinary screen: the shipped server beside gunicorn's threads."""

import argparse
import os
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from config.supervisor import child_environment
from tests.benchmarks import load, stack
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


def _demo_screen() -> tuple[str, str]:
    from django.test import Client
    from scans.demo import seed_demo

    from accounts.models import User

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


def _alternate(
    ports: dict[str, int], *, path: str, cookie: str, rounds: int, seconds: float
) -> dict[str, list[load.Load]]:
    measured: dict[str, list[load.Load]] = {name: [] for name in ports}
    for turn in range(-1, rounds):
        # Each server leads every other round, so that a machine's mood hits both alike.
        for name in sorted(ports, reverse=turn % 2 == 1):
            got = load.press(port=ports[name], path=path, cookie=cookie, connections=CONNECTIONS, seconds=seconds)
            if turn >= 0:
                measured[name].append(got)
    return measured


def _report(
    measured: dict[str, list[load.Load]], *, path: str, workers: int, threads: int, options: argparse.Namespace
) -> Report:
    rates = {name: statistics.median(got.rate for got in loads) for name, loads in measured.items()}
    rows = []
    for name, loads in measured.items():
        latencies = [latency * 1000 for got in loads for latency in got.latencies]
        spread = f"{min(got.rate for got in loads):.0f}-{max(got.rate for got in loads):.0f}"
        quantiles = f"{percentile(latencies, 0.5):.1f}", f"{percentile(latencies, 0.95):.1f}"
        rows.append((name, f"{rates[name]:.0f}", spread, *quantiles))
    pairs = zip(measured[SHIPPED], measured[BASELINE], strict=True)
    figures = {
        "shipped_rps": rates[SHIPPED],
        "gthread_rps": rates[BASELINE],
        "ratio": statistics.median(ours.rate / theirs.rate for ours, theirs in pairs),
    }
    return Report(
        bench="web",
        title=f"Requests a second of {path}, logged in",
        columns=["server", "median req/s", "range", "p50 ms", "p95 ms"],
        rows=rows,
        figures=figures,
        goals={"ratio": Goal(at_least=0.9)},
        notes=[
            f"{workers} workers of {threads} threads each, {CONNECTIONS} connections, psycopg pool, one application;"
            f" {options.rounds} alternating rounds of {options.seconds:g} s after one to warm up, medians;"
            " client, servers and Postgres share this machine."
        ],
    )
