"""`promptfoo eval` on the same prompts, engines and simulator: its whole command, download and a first start before."""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from prompts.llm.simulator.server import PATHS
from tests.benchmarks.bare import QUESTION
from tests.benchmarks.scanned import ENGINES, Run

VERSION = "0.121.20"  # the last one that starts under Node 20
NAME = f"promptfoo {VERSION}"
COMMAND = ["npx", "--yes", f"promptfoo@{VERSION}"]
_PROVIDERS = {
    "openai": "openai:responses:gpt-5-mini",
    "anthropic": "anthropic:messages:claude-haiku-4-5",
    "google": "google:gemini-3.5-flash",
    "perplexity": "openai:chat:sonar",
}
_TOOLS: dict[str, list[dict[str, Any]]] = {
    "openai": [{"type": "web_search"}],
    "anthropic": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 5}],
    "google": [{"googleSearch": {}}],
}
_QUIET = {
    "PROMPTFOO_DISABLE_TELEMETRY": "1",
    "PROMPTFOO_DISABLE_UPDATE": "1",
    "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
    "PROMPTFOO_DISABLE_SHARING": "1",
    "PROMPTFOO_CACHE_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}


def is_here() -> bool:
    """Says loudly where it is not."""
    if shutil.which("npx") is None:
        print("PROMPTFOO IS SKIPPED: npx is not installed, so nothing was measured beside it.", file=sys.stderr)
        return False
    return True


def beside(simulator: int, *, answers: int, concurrency: int, folder: Path) -> Run:
    """Wall and CPU seconds of `eval` with results in a file and in its own database."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config, results = folder / "eval.json", folder / "results.json"
    config.write_text(json.dumps(_config(f"http://127.0.0.1:{simulator}", answers // len(ENGINES))))
    environment = {**os.environ, **_QUIET, "PROMPTFOO_CONFIG_DIR": str(folder / "home")}
    _run([*COMMAND, "--version"], environment, folder)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [*COMMAND, "eval", "-c", str(config), "-o", str(results), "-j", str(concurrency)]
    _run([*command, "--no-cache", "--no-table", "--no-progress-bar"], environment, folder)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    stats = json.loads(results.read_text())["results"]["stats"]
    if stats["errors"] or stats["successes"] + stats["failures"] != answers - answers % len(ENGINES):
        raise RuntimeError(f"promptfoo did not get every answer: {stats}; {folder}/results.json")
    return Run(answers=stats["successes"] + stats["failures"], wall=wall, cpu=cpu, memory=after.ru_maxrss / 1024)


def notes(asked_for: bool) -> list[str]:
    if not asked_for:
        return ["Beside promptfoo: --promptfoo."]
    if shutil.which("npx") is None:
        return ["PROMPTFOO WAS SKIPPED: npx is not installed."]
    return [
        "promptfoo: its whole command from start to results, downloaded and started once before, telemetry, cache and"
        " updates off, as many calls at a time. It is compared by time, and by its CPU against that of worker, Postgres"
        " and Redis together."
    ]


def _config(root: str, prompts: int) -> dict[str, Any]:
    return {
        "prompts": ["{{question}}"],
        "providers": [_provider(root, name, given) for name, given in _PROVIDERS.items()],
        "tests": [{"vars": {"question": QUESTION.format(number)}} for number in range(prompts)],
    }


def _provider(root: str, name: str, given: str) -> dict[str, Any]:
    config: dict[str, Any] = {"apiKey": "sim-bench", "apiBaseUrl": root + PATHS[name], "max_tokens": 8_000}
    if name in _TOOLS:
        config["tools"] = _TOOLS[name]
    return {"id": given, "config": config}


def _run(command: list[str], environment: dict[str, str], folder: Path) -> None:
    log = folder / "log"
    with log.open("a") as output:
        done = subprocess.run(command, cwd=folder, env=environment, stdout=output, stderr=output, check=False)
    # 100: an assertion failed. There are none, but a provider's error counts as one.
    if done.returncode not in (0, 100):
        raise RuntimeError(f"promptfoo ended with {done.returncode}:\n{log.read_text()[-2000:]}")
