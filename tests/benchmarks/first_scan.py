"""Click to done: a scan of 10 prompts x 4 engines through the shipped stack, every answer taking 2 s."""

import argparse
import http.client
import json
import statistics
import time
import urllib.request
from dataclasses import dataclass

from tests.benchmarks import stack
from tests.benchmarks.report import Goal, Report

PROMPTS, ENGINES = 10, 4
PATIENCE = 120
POLL = 0.05  # seconds; the page itself asks every second


@dataclass(frozen=True, kw_only=True)
class Run:
    """Seconds from the click until its answer came, until every answer was asked, until the page said that the scan had
    ended; and the slowest answer's own."""

    clicked: float
    asked: float
    done: float
    slowest: float

    @property
    def ratio(self) -> float:
        return self.done / self.slowest


@dataclass(frozen=True, kw_only=True)
class Browser:
    """A signed-in browser; the form's token only has to match the cookie's."""

    port: int
    session: str
    token: str = "t" * 32

    def ask(self, method: str, path: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("localhost", self.port, timeout=30)
        headers = {
            "Cookie": f"sessionid={self.session}; csrftoken={self.token}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = f"csrfmiddlewaretoken={self.token}" if method == "POST" else None
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        response.read()
        connection.close()
        return response


def bench(arguments: list[str]) -> Report:
    parser = argparse.ArgumentParser(prog="make bench B=first-scan")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency", type=float, default=2.0)
    options = parser.parse_args(arguments)
    stack.prepare()
    scans, session = _basket()
    with stack.shipped("simulator", "web", "worker") as ports:
        wait_for_worker()
        set_latency(ports["simulator"], latency=options.latency)
        browser = Browser(port=ports["web"], session=session)
        first, *runs = [_scan(browser, scans) for _ in range(options.rounds + 1)]
    return _report(first, runs, latency=options.latency)


def _basket() -> tuple[str, str]:
    """The demo's project with its first ten prompts; the address of its scans, and a session that may start them."""
    from django.test import Client

    from accounts.models import User
    from orgs.scoping import org_scope
    from prompts.models import Prompt
    from scans.demo import seed_demo

    demo = seed_demo()
    with org_scope(demo.org):
        prompts = Prompt.objects.for_org(demo.org).filter(project=demo.project).order_by("pk")
        prompts.exclude(pk__in=prompts[:PROMPTS].values("pk")).update(is_active=False)
    client = Client()
    backend = "allauth.account.auth_backends.AuthenticationBackend"
    client.force_login(User.objects.get(email=demo.email), backend=backend)
    return f"/o/{demo.org.slug}/p/{demo.project.slug}/scans/", client.cookies["sessionid"].value


def wait_for_worker() -> None:
    from celery import current_app

    deadline = time.monotonic() + PATIENCE
    while not current_app.control.inspect(timeout=0.5).ping():
        if time.monotonic() > deadline:
            raise RuntimeError("the worker never answered; its log is .local/bench/logs/worker.log")


def set_latency(port: int, *, latency: float) -> None:
    body = json.dumps({"latency": latency}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/_sim/options", data=body)
    request.add_header("Content-Type", "application/json")
    urllib.request.urlopen(request, timeout=10).close()


def _scan(browser: Browser, scans: str) -> Run:
    began = time.time()
    response = browser.ask("POST", f"{scans}start/")
    clicked = time.time() - began
    if response.status != 302:
        raise RuntimeError(f"the click was answered with {response.status}")
    address = response.headers["Location"]
    while not browser.ask("GET", f"{address}progress/").headers["HX-Refresh"]:
        if time.time() - began > PATIENCE:
            raise RuntimeError("the scan never ended; the worker's log is .local/bench/logs/worker.log")
        time.sleep(POLL)
    done = time.time() - began
    return _measured(int(address.rstrip("/").rpartition("/")[2]), began=began, clicked=clicked, done=done)


def _measured(pk: int, *, began: float, clicked: float, done: float) -> Run:
    from orgs.scoping import all_orgs_scope
    from prompts.models import LlmCall
    from scans.models import Answer

    with all_orgs_scope("benchmark"):
        answers = list(Answer._base_manager.filter(scan_id=pk))
        references = [f"answer:{answer.pk}" for answer in answers]
        calls = list(LlmCall._base_manager.filter(reference__in=references))
    if [answer.status for answer in answers] != ["succeeded"] * (PROMPTS * ENGINES) or len(calls) != len(answers):
        raise RuntimeError(f"not every answer came at once: {[answer.error for answer in answers if answer.error]}")
    sent = [call.created_at.timestamp() - call.latency_ms / 1000 for call in calls]
    slowest = max(answer.latency_ms or 0 for answer in answers) / 1000
    return Run(clicked=clicked, asked=max(sent) - began, done=done, slowest=slowest)


def _report(first: Run, runs: list[Run], *, latency: float) -> Report:
    rows = [("first, nothing warm", first), *((f"{number}", run) for number, run in enumerate(runs, start=2))]
    return Report(
        bench="first-scan",
        title=f"Click to done: {PROMPTS} prompts x {ENGINES} engines",
        columns=["scan", "click answered", "all asked", "done", "slowest answer", "done / slowest"],
        rows=[
            [
                name,
                *(f"{seconds:.2f} s" for seconds in (run.clicked, run.asked, run.done, run.slowest)),
                f"{run.ratio:.2f}",
            ]
            for name, run in rows
        ],
        figures={
            "ratio": statistics.median(run.ratio for run in runs),
            "done_s": statistics.median(run.done for run in runs),
            "slowest_s": statistics.median(run.slowest for run in runs),
            "first_ratio": first.ratio,
            "first_done_s": first.done,
        },
        goals={"ratio": Goal(at_most=1.5)},
        notes=[
            f"Simulated providers answer in {latency:g} s; web, worker and simulator run as the Procfile says.",
            f"Done is what the page says, asked every {POLL * 1000:.0f} ms. Medians of {len(runs)} later scans.",
        ],
    )
