"""The supervisor ends what it started, however it ends itself."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from config.embedded.place import BASE_DIR
from config.supervisor import LogFiles, port_problem

SERVE = "python -c \"import time; print('serving', flush=True); time.sleep(600)\""
WAIT = [sys.executable, "-c", "import time; print('waiting', flush=True); time.sleep(600)"]

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def run(procfile: str, *foreground: str) -> "subprocess.Popen[str]":
        (tmp_path / "Procfile").write_text(procfile)
        command = [sys.executable, "-m", "tests.config.supervised", str(tmp_path), *(foreground or WAIT)]
        process = subprocess.Popen(command, cwd=BASE_DIR, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        started.append(process)
        return process

    yield run
    for process in started:
        for child in family(process):
            with suppress(psutil.NoSuchProcess):
                child.kill()
        process.kill()
        process.communicate()


def family(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def eventually(true: Callable[[], bool], *, what: str) -> None:
    deadline = time.monotonic() + 40
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def serving(folder: Path, *names: str) -> None:
    logs = LogFiles(folder / "logs")
    eventually(lambda: all("serving" in " ".join(logs.last_words(name)) for name in names), what="everything serves")


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_and_is_no_error(start: Start, tmp_path: Path, sign: signal.Signals) -> None:
    supervisor = start(f"one: {SERVE}\ntwo: {SERVE}\n")
    serving(tmp_path, "one", "two")
    children = family(supervisor)
    supervisor.send_signal(sign)
    output, _ = supervisor.communicate(timeout=60)
    assert supervisor.returncode == 0, output
    assert not [child for child in children if child.is_running()]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_killed_supervisor_leaves_no_orphans(start: Start, tmp_path: Path) -> None:
    supervisor = start(f"one: {SERVE}\ntwo: {SERVE}\n")
    serving(tmp_path, "one", "two")
    children = family(supervisor)
    assert len(children) >= 5
    supervisor.kill()
    supervisor.communicate(timeout=60)
    eventually(lambda: not any(child.is_running() for child in children), what="the children left")


def test_a_crash_stops_the_others_and_is_named(start: Start, tmp_path: Path) -> None:
    crash = "python -c \"import sys; print('my last words', flush=True); sys.exit(3)\""
    supervisor = start(f"fine: {SERVE}\nbroken: {crash}\n")
    output, _ = supervisor.communicate(timeout=60)
    assert supervisor.returncode == 3
    assert "crashed: broken" in output
    assert LogFiles(tmp_path / "logs").last_words("broken") == ["my last words"]


def test_a_failing_foreground_command_stops_everything(start: Start) -> None:
    supervisor = start(f"fine: {SERVE}\n", sys.executable, "-c", "import sys; print('no way'); sys.exit(4)")
    output, _ = supervisor.communicate(timeout=60)
    assert supervisor.returncode == 4
    assert "no way" in output


def test_the_foreground_command_may_end_and_the_rest_goes_on(start: Start, tmp_path: Path) -> None:
    supervisor = start(f"fine: {SERVE}\n", sys.executable, "-c", "print('told')")
    serving(tmp_path, "fine")
    assert supervisor.stdout is not None
    assert supervisor.stdout.readline() == "told\n"
    assert supervisor.poll() is None


def test_everything_may_be_asked_to_stop_with_the_foreground_command(start: Start) -> None:
    supervisor = start(f"fine: {SERVE}\n", "--stop-after", sys.executable, "-c", "print('told')")
    output, _ = supervisor.communicate(timeout=60)
    assert supervisor.returncode == 0, output


def test_a_free_port_is_no_problem_and_a_busy_one_is_named_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        problem = port_problem(port, variable="PORT")
    assert problem.startswith(f"port {port} is used by ")
    assert f"(pid {os.getpid()})" in problem
    assert problem.endswith(f"make demo PORT={port + 1}")
    assert port_problem(port, variable="PORT") == ""
