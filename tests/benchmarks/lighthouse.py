"""Lighthouse on the public and the busiest screens, as they are shipped."""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from config.embedded.place import BASE_DIR
from config.supervisor import child_environment
from tests.benchmarks import stack
from tests.benchmarks.report import Goal, Report
from tests.journeys.browser import FLAGS, chromium

PACKAGE = "lighthouse@12.8.2"
CATEGORIES = ("performance", "accessibility", "best-practices")
DEVICES = ("desktop", "mobile")
PATIENCE = 240
TRIES = 3  # its trace sometimes has no beginning (NO_NAVSTART)


@dataclass(frozen=True, kw_only=True)
class Score:
    """One page on one device: categories in 0..100, milliseconds until the largest paint."""

    page: str
    device: str
    categories: Mapping[str, float]
    lcp: float


def bench(arguments: list[str]) -> Report:
    parser = argparse.ArgumentParser(prog="make bench B=lighthouse")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="write the whole reports into this folder")
    options = parser.parse_args(arguments)
    _require_node()
    stack.prepare()
    # The browser's loop lives in this thread, where Django would refuse the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with _site() as (site, pages):
        scores = [
            _measure(f"{site}{path}", name=name, device=device, session=session, options=options)
            for name, (path, session) in pages.items()
            for device in DEVICES
        ]
    return _report(scores, rounds=options.rounds)


def _require_node() -> None:
    if shutil.which("npx") is None:
        sys.exit("prompter: Lighthouse needs Node.js with npx")


@contextmanager
def _site() -> Iterator[tuple[str, Mapping[str, tuple[str, str]]]]:
    """The production shape on the benchmark's own services: files compressed, under hashed names. Yields its pages with
    the session that they need."""
    from django.conf import settings

    production = {
        "DATABASE_URL": settings.DATABASE_URL,
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
    }
    collect = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"]
    environment = child_environment(**production, SITE_URL="http://localhost")
    subprocess.run(collect, cwd=BASE_DIR, env=environment, check=True)
    with stack.shipped("simulator", "web", "worker", "beat", **production) as ports:
        from tests import scenery
        from tests.pictures import session_of

        scene = scenery.build(simulator=f"http://127.0.0.1:{ports['simulator']}")
        project = f"/o/{scene.org.slug}/p/{scene.project.slug}/"
        session = session_of(scene.user)
        yield (
            f"http://localhost:{ports['web']}",
            {
                "landing": ("/", ""),
                "sign-in": ("/accounts/login/", ""),
                "overview": (project, session),
                "prompts": (f"{project}prompts/", session),
            },
        )


def _measure(url: str, *, name: str, device: str, session: str, options: argparse.Namespace) -> Score:
    _warm_up(url, session=session)
    with _browser(url, session=session) as port:
        rounds = [_run(url, device=device, port=port) for _ in range(options.rounds)]
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        (options.keep / f"{name}-{device}.json").write_text(json.dumps(rounds[-1]))
    return Score(
        page=name,
        device=device,
        categories={key: _median(100 * found["categories"][key]["score"] for found in rounds) for key in CATEGORIES},
        lcp=_median(found["audits"]["largest-contentful-paint"]["numericValue"] for found in rounds),
    )


def _warm_up(url: str, *, session: str) -> None:
    """Every web process compiles a page's templates once."""
    headers = {"Cookie": f"sessionid={session}"}
    for _ in range(8):
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
            answer.read()


@contextmanager
def _browser(url: str, *, session: str) -> Iterator[int]:
    """A fresh profile that is signed in; yields the port that Lighthouse drives it by."""
    port = stack.free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium(), args=[*FLAGS, f"--remote-debugging-port={port}"]
        )
        if session:
            context.add_cookies([{"name": "sessionid", "value": session, "domain": "localhost", "path": "/"}])
        try:
            yield port
        finally:
            context.close()


def _run(url: str, *, device: str, port: int) -> dict[str, Any]:
    """Desktop is measured as this machine is; mobile with Lighthouse's simulated slow phone and network."""
    command = ["npx", "--yes", PACKAGE, url, f"--port={port}", "--quiet", "--output=json", "--output-path=stdout"]
    command += [f"--only-categories={','.join(CATEGORIES)}", "--no-enable-error-reporting"]
    command += ["--preset=desktop", "--throttling-method=provided"] if device == "desktop" else []
    environment = os.environ | {"NO_UPDATE_NOTIFIER": "1", "CI": "1"}
    for _ in range(TRIES):
        ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=environment, check=False)
        if not ran.returncode:
            break
    else:
        sys.exit(f"prompter: {PACKAGE} failed on {url}:\n{ran.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(ran.stdout)
    if "runtimeError" in found:
        sys.exit(f"prompter: {PACKAGE} could not measure {url}: {found['runtimeError'].get('message')}")
    return found


def _median(values: Iterator[float]) -> float:
    return statistics.median(list(values))


def _report(scores: Sequence[Score], *, rounds: int) -> Report:
    rows = [
        (one.page, one.device, *(f"{one.categories[key]:.0f}" for key in CATEGORIES), f"{one.lcp:.0f}")
        for one in scores
    ]
    figures = {}
    for device in DEVICES:
        of_device = [one for one in scores if one.device == device]
        figures |= {
            f"{device}_{key.replace('-', '_')}": min(one.categories[key] for one in of_device) for key in CATEGORIES
        }
        figures[f"{device}_lcp_ms"] = max(one.lcp for one in of_device)
    goals = {f"desktop_{key.replace('-', '_')}": Goal(at_least=95) for key in CATEGORIES}
    return Report(
        bench="lighthouse",
        title="Lighthouse: scores of 100, and milliseconds until the largest paint",
        columns=["page", "device", "performance", "accessibility", "best practices", "LCP ms"],
        rows=rows,
        figures=figures,
        goals={**goals, "desktop_lcp_ms": Goal(at_most=1000)},
        notes=[
            f"{PACKAGE}, medians of {rounds} runs after some requests to warm up; figures are the worst page's.",
            "Static files are compressed and hashed as shipped; browser, server and Postgres share this machine.",
            "Desktop: this machine's own speed. Mobile: Lighthouse's simulated slow phone and network, without a goal.",
        ],
    )
