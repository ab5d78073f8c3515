"""What a hundred times as many answers cost: memory of the worker, and CPU an answer.

The runs follow each other for a quarter of an hour, in which a shared machine gets faster and slower; so what an answer
costs is compared by what the same piece of work cost during each run.
"""

from tests.benchmarks.report import Goal, Report
from tests.benchmarks.scanned import Run, scanned

SIZES = [1_000, 10_000, 100_000]


def report(sizes: list[int], *, simulator: int, concurrency: int) -> Report:
    """One scan of each size, each by a fresh worker; the tables keep what the ones before stored."""
    runs = [scanned(size, simulator=simulator, concurrency=concurrency) for size in sorted(sizes)]
    first, last = runs[0], runs[-1]
    return Report(
        bench="throughput",
        title=f"From {first.answers:,} to {last.answers:,} answers, one worker process",
        columns=["answers", "time", "most memory", "worker", "Postgres", "Redis", "together", "yardstick", "stored"],
        rows=[_row(run) for run in runs],
        figures={
            "memory_growth": last.memory / first.memory,
            "cost_growth": _in_yardsticks(last) / _in_yardsticks(first),
            "cpu_growth": last.whole_cpu_ms / first.whole_cpu_ms,
            "memory_mb": last.memory,
            "cpu_ms_per_answer": last.whole_cpu_ms,
            "database_bytes_per_answer": last.stored / last.answers,
        },
        goals={"memory_growth": Goal(at_most=1.2), "cost_growth": Goal(at_most=1.2)},
        notes=[
            "CPU an answer of the worker, of Postgres (creating the scan included) and of Redis; bytes an answer with"
            " mentions, citations, ledger row and indexes.",
            "Yardstick: what the same piece of work cost meanwhile. `cost_growth` is counted in it, since the machine's"
            " own pace is no cost of ours; `cpu_growth` is without it.",
        ],
    )


def _in_yardsticks(run: Run) -> float:
    return run.whole_cpu_ms / run.yardstick_ms


def _row(run: Run) -> list[str]:
    each = [seconds / run.answers * 1000 for seconds in (run.cpu, run.postgres, run.redis)]
    return [
        f"{run.answers:,}",
        f"{run.wall:.1f} s",
        f"{run.memory:.0f} MB",
        *(f"{value:.2f} ms" for value in (*each, sum(each), run.yardstick_ms)),
        f"{run.stored / run.answers:,.0f} B",
    ]
