"""Many scans at once on the last answers of a budget, and on the last of its money: how exactly it stops them."""

import argparse
import json
import os
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from honcho.environ import parse_procfile

from config.embedded.place import BASE_DIR
from config.supervisor import child_environment
from tests.benchmarks import stack
from tests.benchmarks.bare import QUESTION
from tests.benchmarks.first_scan import set_latency, wait_for_worker
from tests.benchmarks.report import Goal, Report
from tests.paid import ask_for_money

if TYPE_CHECKING:
    from orgs.models import Organization
    from prompts.models import Project

ENGINES = ["openai:gpt-5-mini/web_search", "anthropic:claude-haiku-4-5/web_search"]
LIMIT = 1_000  # of which all but the last are used already
PATIENCE = 900


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the simulator counted and what was stored; `spent` is the ledger's, of `limit` in the budget's unit."""

    limit: Decimal
    used: Decimal
    calls: int
    stored: int
    spent: Decimal
    reserved: int
    unfinished: int
    most: Decimal
    seconds: float

    @property
    def over(self) -> Decimal:
        return max(Decimal(0), self.used - self.limit)


def bench(arguments: list[str]) -> Report:
    parser = argparse.ArgumentParser(prog="make bench B=budget")
    parser.add_argument("--scans", type=int, default=100)
    parser.add_argument("--answers", type=int, default=50, help="what is left of the budget")
    parser.add_argument("--prompts", type=int, default=3, help="of each scan, asked of two engines")
    parser.add_argument("--money", type=Decimal, default=Decimal("1.00"), help="USD left in the second part")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--latency", type=float, default=0.5)
    options = parser.parse_args(arguments)
    stack.prepare()
    environment = {
        "SIMULATED_REQUESTS_PER_MINUTE": "6000000",
        "SIMULATED_TOKENS_PER_MINUTE": "2000000000",
        "WORKER_CONCURRENCY": "2",  # one of the two is the runner
        "LOG_LEVEL": "WARNING",
    }
    with stack.shipped("simulator", "beat", **environment) as ports, ExitStack() as workers:
        from django.conf import settings

        settings.SIMULATOR_URL = f"http://127.0.0.1:{ports['simulator']}"
        given = child_environment(**environment, SIMULATOR_URL=settings.SIMULATOR_URL)
        for number in range(options.workers):
            workers.enter_context(_worker(number, given))
        _wait_for_workers(options.workers)
        set_latency(ports["simulator"], latency=options.latency)
        ask_for_money(settings.SIMULATOR_URL)
        answers = _run("answers", options, ports["simulator"])
        money = _run("money", options, ports["simulator"])
    return _report(answers, money, options)


def _worker(number: int, environment: dict[str, str]) -> Any:
    entry = parse_procfile((BASE_DIR / "Procfile").read_text()).processes["worker"]
    entry = entry.replace("-A config ", "-A tests.benchmarks.paid ")
    command = ["/bin/sh", "-c", f"exec {entry} -n bench{number}@%h"]
    log = stack.LOCAL / "logs" / f"worker-{number}.log"
    return stack.running(command, ready="", environment=environment, log=log)


def _wait_for_workers(count: int) -> None:
    from celery import current_app

    wait_for_worker()
    deadline = time.monotonic() + 90
    while len(current_app.control.inspect(timeout=1.0).ping() or {}) < count:
        if time.monotonic() > deadline:
            raise RuntimeError("not every worker answered; their logs are in .local/bench/logs")


def _run(unit: str, options: argparse.Namespace, simulator: int) -> Outcome:
    """Every scan of a new organization at once, until all of them have ended."""
    from orgs.scoping import org_scope
    from scans import holds
    from scans.launch import start_scan
    from scans.models import Scan

    org, projects = _projects(f"Bench of {unit}", options)
    limit = Decimal(LIMIT)
    _use_up(org, unit, left=Decimal(options.answers) if unit == "answers" else options.money)
    before = _calls(simulator)
    with org_scope(org):  # one commit: workers see all of them at the same moment
        for project in projects:
            start_scan(project, source=Scan.Source.COMMAND)
    began = time.monotonic()
    deadline = time.monotonic() + PATIENCE
    while _open_scans(org) and time.monotonic() < deadline:
        time.sleep(0.2)
    seconds = time.monotonic() - began
    stored = _stored(org)
    return Outcome(
        limit=limit,
        calls=_calls(simulator) - before,
        unfinished=_open_scans(org),
        most=max(holds.most(engine) for engine in ENGINES),
        seconds=seconds,
        used=_used(org, unit),
        **stored,
    )


def _projects(name: str, options: argparse.Namespace) -> tuple["Organization", list["Project"]]:
    from accounts.models import User
    from orgs.founding import found_organization
    from orgs.scoping import org_scope
    from prompts import library
    from prompts.csv_import import parse_paste

    user = User.objects.create_user(f"{name.replace(' ', '-').lower()}@prompter.example")
    org = found_organization(user, name=name)
    projects = []
    for number in range(options.scans):
        with org_scope(org):
            project = library.create_project(org, library.ProjectFields(name=f"Brand {number}"), actor=user)
            lines = "\n".join(QUESTION.format(n) for n in range(options.prompts))
            library.add_prompts(project, parse_paste(lines).rows, actor=user)
            library.choose_engines(project, ENGINES, actor=user)
        projects.append(project)
    return org, projects


def _use_up(org: "Organization", unit: str, *, left: Decimal) -> None:
    from billing.meter import month_of
    from orgs.scoping import org_scope
    from prompts import spending
    from prompts.budgets import save_budget

    used = LIMIT - left
    with org_scope(org):
        if unit == "answers":
            save_budget(org, project=None, money=None, answers=LIMIT, actor=None)
            spending.add(org.pk, [spending.Amount(month=month_of(), answers=int(used))])
        else:
            save_budget(org, project=None, money=Decimal(LIMIT), answers=None, actor=None)
            spending.add(org.pk, [spending.Amount(month=month_of(), money=used)])


def _open_scans(org: "Organization") -> int:
    from orgs.scoping import org_scope
    from scans.models import Scan

    with org_scope(org):
        return Scan.objects.for_org(org).filter(status__in=Scan.OPEN).count()


def _stored(org: "Organization") -> dict[str, Any]:
    from django.db.models import Sum

    from billing import meter
    from orgs.scoping import org_scope
    from prompts.models import LlmCall
    from scans.models import Answer

    with org_scope(org):
        spent = LlmCall.objects.for_org(org).aggregate(cost=Sum("cost"))["cost"] or Decimal(0)
        succeeded = Answer.objects.for_org(org).filter(status=Answer.Status.SUCCEEDED).count()
        reserved = meter.level(org.pk, meter.ANSWERS).reserved
    return {"stored": succeeded, "spent": spent, "reserved": reserved}


def _used(org: "Organization", unit: str) -> Decimal:
    from orgs.scoping import org_scope
    from prompts.models import Spending

    with org_scope(org):
        return Decimal(getattr(Spending.objects.for_org(org).get(project=None), unit))


def _calls(simulator: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{simulator}/_sim/stats", timeout=10) as answer:
        return int(json.load(answer)["totals"]["requests"])


def _report(answers: Outcome, money: Outcome, options: argparse.Namespace) -> Report:
    left = options.money - money.spent
    return Report(
        bench="budget",
        title=f"{options.scans} scans at once on the last of a budget, {options.workers} worker processes",
        columns=["budget", "left", "asked", "stored", "spent", "over", "time"],
        rows=[
            _row("answers", f"{options.answers}", answers, spent=f"{answers.stored}", over=f"{answers.over:.0f}"),
            _row("money", f"${options.money}", money, spent=f"${money.spent:.4f}", over=f"${money.over:.4f}"),
        ],
        figures={
            "asked": answers.calls,
            "stored": answers.stored,
            "asked_of_allowed": answers.calls / options.answers,
            "stored_of_allowed": answers.stored / options.answers,
            "unfinished": answers.unfinished + money.unfinished,
            "still_reserved": answers.reserved + money.reserved,
            "money_over": float(money.over),
            "money_left": float(left),
            "money_left_of_one_answer": float(left / money.most),
        },
        goals={
            "asked_of_allowed": Goal(at_least=1.0, at_most=1.0),
            "stored_of_allowed": Goal(at_least=1.0, at_most=1.0),
            "unfinished": Goal(at_most=0),
            "still_reserved": Goal(at_most=0),
            "money_over": Goal(at_most=0),
            "money_left_of_one_answer": Goal(at_most=1.0),
        },
        notes=[
            f"{options.prompts * len(ENGINES)} answers a scan, answered in {options.latency:g} s. Asked is what the"
            " simulator counted. What is left of the money holds no other answer at the most that one may cost"
            f" (${money.most:.4f}). Machine: {os.cpu_count()} cores."
        ],
    )


def _row(name: str, left: str, outcome: Outcome, *, spent: str, over: str) -> list[str]:
    return [name, left, f"{outcome.calls}", f"{outcome.stored}", spent, over, f"{outcome.seconds:.1f} s"]
