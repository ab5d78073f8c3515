"""`manage.py demo`, as a newcomer runs it: from nothing, killed, again, and stopped."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest
from django.conf import settings

from config.embedded import postgres
from config.embedded.place import BASE_DIR, find_place
from config.supervisor import port_problem
from tests.config.test_verify import assert_one_line

OURS = ("PROMPTER_", "DJANGO_", "PYTEST_", "COV_")
# Set and empty: a developer's .env must not make this scan real.
NO_KEYS = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "PERPLEXITY_API_KEY"), "")


@dataclass(frozen=True, kw_only=True)
class Installation:
    local: Path
    port: int
    simulator: int

    def environment(self) -> dict[str, str]:
        services = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "SITE_URL", "SIMULATOR_URL")
        kept = {k: v for k, v in os.environ.items() if k not in services and not k.startswith(OURS)}
        ports = {"PORT": str(self.port), "SIMULATOR_PORT": str(self.simulator)}
        return kept | NO_KEYS | ports | {"PROMPTER_LOCAL": str(self.local), "PYTHONUNBUFFERED": "1"}

    def demo(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "manage.py", "demo", *arguments],
            cwd=BASE_DIR,
            env=self.environment() | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def processes(self) -> list[str]:
        """Whatever still runs with this installation's files."""
        found = []
        for process in psutil.process_iter():
            try:
                mine = str(self.local) in process.cwd() or process.environ().get("PROMPTER_LOCAL") == str(self.local)
            except (psutil.Error, OSError):
                continue
            if mine and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        return found


@pytest.fixture
def installation() -> Iterator[Installation]:
    local = Path(tempfile.mkdtemp(prefix="prompter-demo-", dir="/tmp"))
    local.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = one.getsockname()[1], two.getsockname()[1]
    made = Installation(local=local, port=ports[0], simulator=ports[1])
    yield made
    wipe = [sys.executable, "-m", "config.embedded", "wipe"]
    subprocess.run(wipe, cwd=BASE_DIR, env=made.environment(), check=False)
    shutil.rmtree(local, ignore_errors=True)


def read_until(demo: "subprocess.Popen[str]", text: str) -> str:
    assert demo.stdout is not None
    said = ""
    for line in demo.stdout:
        said += line
        if text in line:
            return said
    raise AssertionError(f"the demo never said {text!r}:\n{said}")


def gone(installation: Installation) -> bool:
    deadline = time.monotonic() + 60
    while installation.processes() and time.monotonic() < deadline:
        time.sleep(0.1)
    return installation.processes() == []


@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_the_demo_is_killed_run_again_resumed_and_stopped(installation: Installation) -> None:
    killed = installation.demo()
    read_until(killed, "Starting web")
    killed.kill()
    killed.communicate()
    first = installation.demo("--until-ready")
    output, _ = first.communicate()
    assert first.returncode == 0, output
    assert "Running the first scan" in output
    assert "Sign in with        demo@prompter.example" in output
    assert gone(installation), installation.processes()

    second = installation.demo()
    output = read_until(second, "Ctrl-C stops everything")
    assert "Running the first scan" not in output
    with urllib.request.urlopen(f"http://127.0.0.1:{installation.port}/accounts/login/") as response:
        assert response.status == 200
    second.send_signal(signal.SIGINT)
    output, _ = second.communicate()
    assert second.returncode == 0, output
    assert output.endswith("Stopped.\n")
    assert gone(installation), installation.processes()
    assert port_problem(installation.port, variable="PORT") == ""


@pytest.fixture
def own_services() -> Iterator[dict[str, str]]:
    """An empty database and a Redis of the person's own, reached by address."""
    place = find_place()
    admin = psycopg.connect(host=str(place.sockets), user=postgres.SUPERUSER, dbname="postgres", autocommit=True)
    with admin:
        admin.execute("DROP DATABASE IF EXISTS prompter_own WITH (FORCE)")
        admin.execute(f"CREATE DATABASE prompter_own OWNER {postgres.ROLE} TEMPLATE template1")
        yield {
            "DATABASE_URL": f"postgresql://{postgres.ROLE}@/prompter_own?host={place.sockets}",
            "REDIS_URL": settings.REDIS_URL,
        }
        admin.execute("DROP DATABASE prompter_own WITH (FORCE)")


@pytest.mark.timeout(600)
def test_a_demo_on_ones_own_services_becomes_ready(installation: Installation, own_services: dict[str, str]) -> None:
    demo = installation.demo(**own_services)
    read_until(demo, "Ctrl-C stops everything")
    with urllib.request.urlopen(f"http://127.0.0.1:{installation.port}/accounts/login/") as response:
        assert response.status == 200
    demo.send_signal(signal.SIGINT)
    output, _ = demo.communicate()
    assert demo.returncode == 0, output


@pytest.mark.parametrize("variable", ["PORT", "SIMULATOR_PORT"])
def test_a_busy_port_is_named_and_nothing_is_started(installation: Installation, variable: str) -> None:
    busy = installation.port if variable == "PORT" else installation.simulator
    with socket.create_server(("127.0.0.1", busy)):
        demo = installation.demo()
        output, _ = demo.communicate()
    assert demo.returncode == 1
    assert output.count("\n") == 1
    assert not list(installation.local.iterdir())
    assert f"port {busy} is used by" in output
    assert f"make demo {variable}=" in output
    assert gone(installation), installation.processes()


@pytest.mark.parametrize("port", ["http", "0", "70000"])
def test_a_port_that_is_none_is_one_line(installation: Installation, port: str) -> None:
    demo = subprocess.run(
        [sys.executable, "manage.py", "demo"],
        cwd=BASE_DIR,
        env=installation.environment() | {"PORT": port},
        capture_output=True,
        text=True,
        check=False,
    )
    assert_one_line(demo, f"PORT must be a port number, not {port!r}")


def test_a_demo_on_a_wrong_database_is_one_line(installation: Installation) -> None:
    demo = subprocess.run(
        [sys.executable, "manage.py", "demo"],
        cwd=BASE_DIR,
        env=installation.environment() | {"DATABASE_URL": "postgres://someone@127.0.0.1:1/prompter"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert_one_line(demo, "127.0.0.1:1/prompter")
