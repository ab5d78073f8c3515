"""How answers age: deleted in small batches, beside monthly partitions, beside partitions of their texts alone."""

import argparse
import time

from tests.benchmarks import stack
from tests.benchmarks.ageing import LAYOUTS, MONTHS, Measured, measure
from tests.benchmarks.report import Goal, Report

YEAR = 20_000_000  # answers that a year is reckoned up to


def bench(arguments: list[str]) -> Report:
    parser = argparse.ArgumentParser(prog="make bench B=retention")
    parser.add_argument("--answers", type=int, default=120_000, help="with about eight times as many rows besides")
    parser.add_argument("--layouts", nargs="*", choices=LAYOUTS, default=list(LAYOUTS))
    options = parser.parse_args(arguments)
    stack.prepare()
    began = time.monotonic()
    measured = {name: measure(name, answers=options.answers) for name in options.layouts}
    return _report(measured, answers=options.answers, seconds=time.monotonic() - began)


def _report(measured: dict[str, Measured], *, answers: int, seconds: float) -> Report:
    batches = measured.get("batches") or next(iter(measured.values()))
    a_day = YEAR / 365
    return Report(
        bench="retention",
        title=f"A year of {answers:,} answers in {MONTHS} months, and the oldest month deleted",
        columns=["", *measured],
        rows=[[label, *(cell(one) for one in measured.values())] for label, cell in _ROWS],
        figures={
            "longest_wait_ms": batches.longest_wait * 1000,
            "deleted_per_second": batches.deleted_per_second,
            "seconds_a_day_at_20_million": a_day / batches.deleted_per_second,
            "bytes_per_answer": batches.bytes_per_answer,
            "page_ms": batches.page * 1000,
            "claim_ms": batches.claim * 1000,
        },
        # Nobody waits for a deletion, and a day's ageing takes minutes.
        goals={"longest_wait_ms": Goal(at_most=1_000), "seconds_a_day_at_20_million": Goal(at_most=600)},
        notes=[
            "Every layout has the shipped tables' columns, indexes and checks, composite foreign keys and row-level"
            " security; 4 mentions and 3 citations an answer; scans of 1,000. The longest wait is that of somebody who"
            " stores answers of today meanwhile, without deletions in brackets. Batches: the shipped sweep.",
            f"20 million answers a year: {YEAR / 365:,.0f} to delete a day; {seconds:.0f} s in all.",
        ],
    )


_ROWS = (
    ("bytes an answer, all tables", lambda one: f"{one.bytes_per_answer:,.0f}"),
    ("of it indexes", lambda one: f"{one.index_share:.0%}"),
    ("answers stored a second", lambda one: f"{one.stored_per_second:,.0f}"),
    ("20 answers an engine claimed", lambda one: f"{one.claim * 1000:.1f} ms"),
    ("a page of a scan read", lambda one: f"{one.page * 1000:.1f} ms"),
    ("the oldest month deleted", lambda one: f"{one.aged:.2f} s"),
    ("answers deleted a second", lambda one: f"{one.deleted_per_second:,.0f}"),
    ("longest transaction of it", lambda one: f"{one.longest * 1000:.0f} ms"),
    ("longest wait of a writer", lambda one: f"{one.longest_wait * 1000:.0f} ms ({one.usual_wait * 1000:.0f})"),
    ("bytes back at once", lambda one: f"{one.given_back:.0%}"),
)
