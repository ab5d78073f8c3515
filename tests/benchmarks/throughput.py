"""One worker process through a large scan, beside a bare loop over the same SDK clients that stores nothing."""

import argparse
import json
import subprocess
import sys

from config.embedded.place import BASE_DIR
from tests.benchmarks import growth, promptfoo, stack
from tests.benchmarks.first_scan import set_latency
from tests.benchmarks.report import Goal, Report
from tests.benchmarks.scanned import ENGINES, Run, scanned


def bench(arguments: list[str]) -> Report:
    options = _options(arguments)
    stack.prepare()
    with stack.shipped("simulator") as ports:
        simulator = ports["simulator"]
        set_latency(simulator, latency=options.latency)
        if options.growth:
            return growth.report(options.growth, simulator=simulator, concurrency=options.concurrency)
        runs = {"bare loop, stores nothing": _bare_beside(options, simulator)}
        if options.promptfoo and promptfoo.is_here():
            asked = {"answers": options.answers, "concurrency": options.concurrency}
            runs[promptfoo.NAME] = promptfoo.beside(simulator, folder=stack.LOCAL / "promptfoo", **asked)
        ours = scanned(options.answers, simulator=simulator, concurrency=options.concurrency)
    return _report(ours, runs, options)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench B=throughput")
    parser.add_argument("--answers", type=int, default=10_000)
    parser.add_argument("--latency", type=float, default=1.0)
    parser.add_argument("--concurrency", type=int, default=400)
    parser.add_argument("--promptfoo", action="store_true", help="beside it, by npx")
    parser.add_argument(
        "--growth", type=int, nargs="*", metavar="ANSWERS", help="memory and cost of scans of these sizes instead"
    )
    options = parser.parse_args(arguments)
    options.growth = growth.SIZES if options.growth == [] else options.growth
    return options


def _bare_beside(options: argparse.Namespace, simulator: int) -> Run:
    command = [sys.executable, "-m", "tests.benchmarks.bare", f"http://127.0.0.1:{simulator}", *ENGINES]
    for name in ("answers", "concurrency"):
        command += [f"--{name}", str(getattr(options, name))]
    done = subprocess.run(command, cwd=BASE_DIR, stdout=subprocess.PIPE, text=True, check=True)
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def _report(ours: Run, others: dict[str, Run], options: argparse.Namespace) -> Report:
    bare, foo = others["bare loop, stores nothing"], others.get(promptfoo.NAME)
    figures = {
        "answers_per_second": ours.rate,
        "rate_ratio": ours.rate / bare.rate,
        "cpu_ms_per_answer": ours.cpu_ms,
        "cpu_ratio": ours.cpu_ms / bare.cpu_ms,
        "memory_mb": ours.memory,
        "postgres_ms_per_answer": ours.postgres / ours.answers * 1000,
        "redis_ms_per_answer": ours.redis / ours.answers * 1000,
        "redis_commands_per_answer": ours.commands / ours.answers,
        "database_bytes_per_answer": ours.stored / ours.answers,
    }
    goals = {"rate_ratio": Goal(at_least=0.6)}
    if foo:
        figures |= {"promptfoo_time_ratio": ours.wall / foo.wall, "promptfoo_cpu_ratio": ours.whole_cpu_ms / foo.cpu_ms}
        goals |= {name: Goal(at_most=1.0) for name in ("promptfoo_time_ratio", "promptfoo_cpu_ratio")}
    return Report(
        bench="throughput",
        title=f"A scan of {ours.answers:,} answers, one worker process",
        columns=["who", "answers", "time", "answers/s", "CPU per answer", "most memory"],
        rows=[_row(name, run) for name, run in {"prompter": ours, **others}.items()],
        figures=figures,
        goals=goals,
        notes=_notes(ours, options),
    )


def _row(name: str, run: Run) -> list[str]:
    figures = (f"{run.wall:.1f} s", f"{run.rate:.0f}", f"{run.cpu_ms:.2f} ms", f"{run.memory:.0f} MB")
    return [name, f"{run.answers:,}", *figures]


def _notes(ours: Run, options: argparse.Namespace) -> list[str]:
    servers = (ours.postgres / ours.answers * 1000, ours.redis / ours.answers * 1000)
    return [
        f"Simulated providers answer in {options.latency:g} s without limits; {options.concurrency} calls at a time;"
        " four engines in turn. Ours from the start of the scan to its end, rows created and stored, after a scan of 20"
        " prompts to warm up. The simulator's CPU is in no figure, but it shares the machine.",
        f"Postgres took {servers[0]:.2f} ms of CPU an answer besides, Redis {servers[1]:.2f} ms for"
        f" {ours.commands / ours.answers:.1f} commands; an answer takes {ours.stored / ours.answers:,.0f} bytes with"
        " its mentions, citations, ledger row and indexes, dead row versions included.",
        *promptfoo.notes(options.promptfoo),
    ]
