"""A fresh clone to a finished demo scan, split into install, start and scan."""

import argparse
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from config.embedded.place import BASE_DIR
from tests.benchmarks import stack
from tests.benchmarks.report import Goal, Report

SCAN, READY = "Running the first scan", "Prompter is ready"
PATIENCE = 600


def bench(arguments: list[str]) -> Report:
    parser = argparse.ArgumentParser(prog="make bench B=start")
    parser.add_argument(
        "--cold", action="store_true", help="download every package instead of using this machine's cache"
    )
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="prompter-start-"))
    folder.chmod(0o755)
    try:
        clone = folder / "prompter"
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(BASE_DIR), str(clone)], check=True)
        times = _measure(clone, environment=_clean_environment(folder, cold=options.cold))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _report(times, cold=options.cold)


def _clean_environment(folder: Path, *, cold: bool) -> dict[str, str]:
    ours = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "SITE_URL", "DJANGO_SETTINGS_MODULE", "VIRTUAL_ENV", "MAKEFLAGS")
    kept = {name: value for name, value in os.environ.items() if name not in ours and not name.startswith("PROMPTER_")}
    ports = {"PORT": str(stack.free_port()), "SIMULATOR_PORT": str(stack.free_port()), "PYTHONUNBUFFERED": "1"}
    cache = {"UV_CACHE_DIR": str(folder / "uv"), "PIP_NO_CACHE_DIR": "1"} if cold else {}
    return kept | ports | cache


def _measure(clone: Path, *, environment: dict[str, str]) -> dict[str, float]:
    began = time.perf_counter()
    subprocess.run(["make", "--no-print-directory", "install"], cwd=clone, env=environment, check=True)
    installed = time.perf_counter()
    command = ["make", "--no-print-directory", "demo"]
    demo = subprocess.Popen(
        command, cwd=clone, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        started = _wait_for(demo, SCAN)
        finished = _wait_for(demo, READY)
    finally:
        os.killpg(demo.pid, signal.SIGINT)
        demo.communicate(timeout=60)
    return {"install_s": installed - began, "start_s": started - installed, "scan_s": finished - started}


def _wait_for(demo: "subprocess.Popen[str]", text: str) -> float:
    assert demo.stdout is not None
    deadline = time.monotonic() + PATIENCE
    for line in demo.stdout:
        print(line, end="", flush=True)
        if text in line:
            return time.perf_counter()
        if time.monotonic() > deadline:
            break
    raise RuntimeError(f"the demo never said {text!r}")


def _report(times: dict[str, float], *, cold: bool) -> Report:
    figures = times | {"total_s": sum(times.values()), "start_and_scan_s": times["start_s"] + times["scan_s"]}
    cache = "packages downloaded" if cold else "packages from this machine's cache"
    return Report(
        bench="start",
        title="A fresh clone to a finished demo scan",
        columns=["step", "seconds"],
        rows=[(name.removesuffix("_s").replace("_", " "), f"{value:.1f}") for name, value in figures.items()],
        figures=figures,
        goals={"start_and_scan_s": Goal(at_most=60)},
        notes=[f"One run, {cache}; databases, tables and virtual environment made from nothing."],
    )
