"""Every screen of an organization: server time and number of queries, with 10 rows of everything and with 1,000."""

import argparse
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.benchmarks import stack
from tests.benchmarks.report import Goal, Report, percentile

if TYPE_CHECKING:
    from django.test import Client

SIZES = (10, 1_000)
MOST_QUERIES = 15


@dataclass(frozen=True, kw_only=True)
class Measured:
    queries: int
    milliseconds: list[float] = field(default_factory=list)


def bench(arguments: list[str]) -> Report:
    parser = argparse.ArgumentParser(prog="make bench B=pages")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--only", default="", help="screens whose name contains this")
    options = parser.parse_args(arguments)
    stack.prepare()
    logging.getLogger("django.request").setLevel(logging.ERROR)
    from tests.benchmarks.rows import fill

    measured: dict[str, dict[int, Measured]] = {}
    for size in SIZES:
        filled = fill(size, slug=f"rows-{size}")
        client = _signed_in(filled.email)
        for name, path in screens(filled.arguments):
            if options.only in name and (got := _measure(client, path, rounds=options.rounds)):
                measured.setdefault(name, {})[size] = got
    return _report(measured, rounds=options.rounds)


def screens(arguments: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every address of an organization by its name, so that a new screen is measured without being listed here."""
    from django.urls import get_resolver, reverse

    yield "organization-new", reverse("organization-new")
    known = get_resolver().reverse_dict
    for name in sorted(name for name in known if isinstance(name, str)):
        path, parameters = known.getlist(name)[0][0][0]
        if path.startswith("o/") and not path.endswith(".png"):  # pictures are no screens
            kind = name.rpartition("-")[0] or name
            given = {**arguments, "pk": arguments.get(f"{name}_pk", arguments.get(f"{kind}_pk", 0))}
            yield name, reverse(name, kwargs={parameter: given[parameter] for parameter in parameters})


def _signed_in(email: str) -> "Client":
    from django.test import Client

    from accounts.models import User
    from tests.cast import prove

    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(email=email), backend="allauth.account.auth_backends.AuthenticationBackend")
    return prove(client)


def _measure(client: "Client", path: str, *, rounds: int) -> Measured | None:
    """None where the address only takes what is posted, or has nothing to show and leads elsewhere."""
    response = client.get(path)
    if response.status_code in (302, 405):
        return None
    if response.status_code != 200:
        raise RuntimeError(f"{path} answered {response.status_code}")
    with _counted() as statements:
        client.get(path)
    milliseconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        client.get(path)
        milliseconds.append((time.perf_counter() - began) * 1000)
    return Measured(queries=len(statements), milliseconds=milliseconds)


@contextmanager
def _counted() -> Iterator[list[str]]:
    """Every statement sent, those of the session and of the scope included."""
    from django.db import connection

    statements: list[str] = []

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        yield statements


def _report(measured: dict[str, dict[int, Measured]], *, rounds: int) -> Report:
    few, many = SIZES
    rows, growth, queries, medians, slowest = [], [], [], [], []
    for name, sizes in measured.items():
        counts = [sizes[size].queries for size in SIZES]
        times = {size: sizes[size].milliseconds for size in SIZES}
        growth.append(counts[1] - counts[0])
        queries.append(max(counts))
        medians.append(percentile(times[many], 0.5))
        slowest.append(percentile(times[many], 0.95))
        cells = [f"{percentile(times[size], 0.5):.1f} / {percentile(times[size], 0.95):.1f}" for size in SIZES]
        rows.append((name, f"{counts[0]} / {counts[1]}", *cells))
    return Report(
        bench="pages",
        title="Screens of an organization",
        columns=["screen", "queries", f"p50 / p95 ms, {few}", f"p50 / p95 ms, {many:,}"],
        rows=rows,
        figures={
            "screens": len(measured),
            "queries_most": max(queries),
            "queries_growth_most": max(growth),
            "p50_ms_median": percentile(medians, 0.5),
            "p50_ms_slowest": max(medians),
            "p95_ms_slowest": max(slowest),
        },
        goals={"queries_most": Goal(at_most=MOST_QUERIES), "queries_growth_most": Goal(at_most=0)},
        notes=[
            f"{few} and {many:,} projects, brands, prompts, scans, members and answers of the scan shown;"
            f" {rounds} requests each after two to warm up, in process through the whole stack of middleware;"
            " statements of session, user and scope are counted."
        ],
    )
