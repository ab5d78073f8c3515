"""How much of a provider's allowance two workers use, and that they never exceed it; the same when it is cut."""

import argparse
import time
from dataclasses import dataclass

from tests.benchmarks import stack
from tests.benchmarks.report import Goal, Report
from tests.benchmarks.scanning import cancel, control, project, start, workers

ENGINE = "openai:gpt-5-mini/model"
SETTLE = 10  # seconds that do not count: a lane begins carefully
MINUTE = 60  # what the simulator remembers, and refuses for after a cut
HEARD = 3.0  # seconds after a cut in which calls that had left before anybody could know may be refused


@dataclass(frozen=True, kw_only=True)
class Run:
    """`used` is the share of the allowance that was answered for; violations are requests over it, `heard` those within
    the first seconds after a cut."""

    limit: int
    cut: bool
    sent: int
    seconds: float
    violations: int
    heard: int = 0

    @property
    def used(self) -> float:
        return self.sent / (self.limit / MINUTE * self.seconds)


@dataclass(frozen=True, kw_only=True)
class Count:
    at: float
    requests: int
    violations: int

    @property
    def let_in(self) -> int:
        return self.requests - self.violations


def bench(arguments: list[str]) -> Report:
    parser = argparse.ArgumentParser(prog="make bench B=limits")
    parser.add_argument("--limits", type=int, nargs="+", default=[600, 3_000], help="requests a minute")
    parser.add_argument("--seconds", type=int, default=120, help="measured after the first ten")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--latency", type=float, default=1.0)
    parser.add_argument("--no-cut", action="store_true", help="leave out the runs whose limit is cut to a tenth")
    options = parser.parse_args(arguments)
    stack.prepare()
    runs = []
    for limit in options.limits:
        stack.forget()  # what a cut has taught the lane would hold the next run back for minutes
        runs.append(_steady(limit, options))
        if not options.no_cut:
            stack.forget()
            runs += _cut(limit, options)
    return _report(runs, options)


def _steady(limit: int, options: argparse.Namespace) -> Run:
    with stack.shipped("simulator") as ports:
        scan = _begin(ports["simulator"], limit, options)
        with _workers(ports["simulator"], limit, options):
            _wait_for_first(ports["simulator"])
            time.sleep(SETTLE)
            run = _measured(ports["simulator"], limit, options.seconds, cut=False)
            cancel(scan)
    return run


def _cut(limit: int, options: argparse.Namespace) -> list[Run]:
    """The provider lowers its limit to a tenth while it is used up, and goes on counting what it has let in."""
    lower = limit // 10
    with stack.shipped("simulator") as ports:
        port = ports["simulator"]
        scan = _begin(port, limit, options)
        with _workers(port, limit, options):
            _wait_for_first(port)
            time.sleep(SETTLE)
            before = _measured(port, limit, MINUTE, cut=False)
            _allow(port, lower)
            at_cut = _count(port)
            time.sleep(HEARD)
            heard = _count(port)
            time.sleep(MINUTE + SETTLE - HEARD)
            waited = _count(port)
            after = _measured(port, lower, options.seconds, cut=True)
            cancel(scan)
    violations = waited.violations - heard.violations + after.violations
    told = heard.violations - at_cut.violations
    return [
        before,
        Run(limit=lower, cut=True, sent=after.sent, seconds=after.seconds, violations=violations, heard=told),
    ]


def _begin(port: int, limit: int, options: argparse.Namespace):  # type: ignore[no-untyped-def]
    from django.conf import settings

    control(port, "options", {"latency": options.latency})
    _allow(port, limit)
    settings.SIMULATOR_URL = f"http://127.0.0.1:{port}"
    wanted = limit / MINUTE * (options.seconds + 2 * MINUTE)
    return start(project(f"limits-{limit}-{port}", prompts=round(wanted / 10), engines=[ENGINE], samples=10))


def _workers(port: int, limit: int, options: argparse.Namespace):  # type: ignore[no-untyped-def]
    environment = {"SIMULATED_REQUESTS_PER_MINUTE": str(limit), "SIMULATED_TOKENS_PER_MINUTE": "2000000000"}
    return workers(options.workers, simulator=port, **environment)


def _allow(port: int, requests: int) -> None:
    control(port, "options", {"limits": {"openai": {"requests": requests}}})


def _wait_for_first(port: int) -> None:
    deadline = time.monotonic() + 120
    while not _count(port).requests:
        if time.monotonic() > deadline:
            raise RuntimeError(f"nothing was asked; the workers' logs are in {stack.LOCAL / 'logs'}")
        time.sleep(0.05)


def _measured(port: int, limit: int, seconds: float, *, cut: bool) -> Run:
    first = _count(port)
    time.sleep(seconds)
    last = _count(port)
    return Run(
        limit=limit,
        cut=cut,
        sent=last.let_in - first.let_in,
        seconds=last.at - first.at,
        violations=last.violations - (first.violations if cut else 0),
    )


def _count(port: int) -> Count:
    totals = control(port, "stats")["totals"]
    return Count(at=time.monotonic(), requests=totals["requests"], violations=totals["violations"])


def _report(runs: list[Run], options: argparse.Namespace) -> Report:
    return Report(
        bench="limits",
        title=f"{options.workers} workers at a provider's limit",
        columns=["limit a minute", "let in", "of the allowance", "violations", "at the cut"],
        rows=[
            [
                f"{run.limit:,}{' after the cut' if run.cut else ''}",
                f"{run.sent:,} in {run.seconds:.0f} s",
                f"{run.used:.1%}",
                f"{run.violations}",
                f"{run.heard}" if run.cut else "",
            ]
            for run in runs
        ],
        figures={
            "used_least": min(run.used for run in runs),
            "violations": float(sum(run.violations for run in runs)),
            "refused_at_cuts": float(sum(run.heard for run in runs)),
        },
        goals={"used_least": Goal(at_least=0.97), "violations": Goal(at_most=0)},
        notes=[
            "The simulator counts every key and model in a sliding minute at arrival; answers take"
            f" {options.latency:g} s; the first {SETTLE} s do not count.",
            "A limit that is cut to a tenth leaves a provider that has just let in ten times as much with a minute to"
            f" refuse: what had left before anybody could hear of it ({HEARD:g} s) is told apart, and the lower"
            " allowance counts from the end of that minute.",
        ],
    )
