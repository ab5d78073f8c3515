"""How long small scans take beside a large one that started before them, against what they take by themselves."""

import argparse
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.benchmarks import stack
from tests.benchmarks.report import Goal, Report
from tests.benchmarks.scanning import beside, cancel, control, ended, project, reread, start, workers

if TYPE_CHECKING:
    from prompts.models import Project
    from scans.models import Scan

ENGINES = ("openai:gpt-5-mini/model", "anthropic:claude-haiku-4-5/model")


@dataclass(frozen=True, kw_only=True)
class Run:
    """Seconds that every small scan took, by themselves and beside the large one; `done` of the large one's answers
    came meanwhile."""

    whose: str
    alone: list[float]
    crowded: list[float]
    done: int

    @property
    def ratio(self) -> float:
        return max(self.crowded) / max(self.alone)

    @property
    def typical(self) -> float:
        return statistics.median(self.crowded) / statistics.median(self.alone)


def bench(arguments: list[str]) -> Report:
    parser = argparse.ArgumentParser(prog="make bench B=fairness")
    parser.add_argument("--large", type=int, default=10_000, help="prompts of the large scan")
    parser.add_argument("--small", type=int, default=10, help="prompts of every small scan")
    parser.add_argument("--scans", type=int, default=10, help="small scans")
    parser.add_argument("--limit", type=int, default=600, help="requests a minute of every lane")
    parser.add_argument("--latency", type=float, default=1.0)
    parser.add_argument("--lead", type=float, default=15.0, help="seconds that the large scan runs before")
    options = parser.parse_args(arguments)
    stack.prepare()
    with stack.shipped("simulator") as ports:
        control(ports["simulator"], "options", {"latency": options.latency})
        environment = {
            "SIMULATED_REQUESTS_PER_MINUTE": str(options.limit),
            "SIMULATED_TOKENS_PER_MINUTE": "2000000000",
        }
        with workers(1, simulator=ports["simulator"], **environment):
            large = project("large", prompts=options.large, engines=ENGINES)
            others = [_small(f"other-{number}", options) for number in range(options.scans)]
            own = [
                beside(large.org, f"own-{number}", prompts=options.small, engines=ENGINES)
                for number in range(options.scans)
            ]
            ended([start(others[0])])  # the worker imports the providers' clients at its first call
            runs = [
                _run("other organizations", large, others, options),
                _run("the same organization", large, own, options),
            ]
    return _report(runs, options)


def _small(name: str, options: argparse.Namespace) -> "Project":
    return project(name, prompts=options.small, engines=ENGINES)


def _run(whose: str, large: "Project", small: "list[Project]", options: argparse.Namespace) -> Run:
    alone = _seconds(ended([start(one) for one in small]))
    crowd = start(large)
    time.sleep(options.lead)
    before = _answered(crowd)
    crowded = _seconds(ended([start(one) for one in small]))
    done = _answered(crowd) - before
    if not reread(crowd).is_open:
        raise RuntimeError("the large scan ended before the small ones: give it more prompts")
    cancel(crowd)
    return Run(whose=whose, alone=alone, crowded=crowded, done=done)


def _seconds(scans: "list[Scan]") -> list[float]:
    if any(scan.status != "done" for scan in scans):
        raise RuntimeError(f"not every small scan is done: {[str(scan.status) for scan in scans]}")
    return [(scan.finished_at - scan.created_at).total_seconds() for scan in scans if scan.finished_at]


def _answered(scan: "Scan") -> int:
    from orgs.scoping import org_scope
    from scans.models import Answer

    with org_scope(scan.org_id):
        return Answer.objects.for_org(scan.org_id).filter(scan=scan, status="succeeded").count()


def _report(runs: list[Run], options: argparse.Namespace) -> Report:
    return Report(
        bench="fairness",
        title=f"{options.scans} scans of {options.small} prompts beside one of {options.large:,}, two engines",
        columns=["small scans of", "alone, slowest", "beside, slowest", "slowest", "median", "large one meanwhile"],
        rows=[
            [
                run.whose,
                f"{max(run.alone):.1f} s",
                f"{max(run.crowded):.1f} s",
                f"{run.ratio:.2f} x",
                f"{run.typical:.2f} x",
                f"{run.done:,} answers",
            ]
            for run in runs
        ],
        figures={
            "ratio": max(run.ratio for run in runs),
            "ratio_others": runs[0].ratio,
            "ratio_same": runs[1].ratio,
            "median_ratio": max(run.typical for run in runs),
        },
        goals={"ratio": Goal(at_most=1.5)},
        notes=[
            f"Every lane allows {options.limit:,} requests a minute; answers take {options.latency:g} s; one worker."
            " All small scans start at once, alone and beside: alone is the ten of them without the large one."
        ],
    )
