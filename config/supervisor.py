"""Runs the Procfile as one unit: what it starts, it ends, however it ends itself."""

import ctypes
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import honcho.manager
import honcho.process
from honcho.environ import parse_procfile

from config.embedded.place import BASE_DIR

PR_SET_PDEATHSIG = 1
LAST_WORDS = 15
# How a foreground command ends that was told to, by the terminal or by us.
INTERRUPTED = (130, -signal.SIGINT, -signal.SIGTERM)
# Celery's soft shutdown needs longer than honcho's five seconds.
honcho.manager.KILL_WAIT = 20


def die_with_parent(sign: int) -> None:
    """Linux only: even a supervisor that is killed outright leaves no orphans."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, sign)


class Child(honcho.process.Popen):  # type: ignore[misc]
    def __init__(self, cmd: str, **options: Any) -> None:
        super().__init__(f"exec {cmd}", preexec_fn=lambda: die_with_parent(signal.SIGTERM), **options)


class Attendant(honcho.process.Process):  # type: ignore[misc]
    """The small process between the supervisor and one child; its death is the child's signal to leave."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._child_ctor = Child

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        die_with_parent(signal.SIGKILL)
        super().run(events, ignore_signals)


class LogFiles:
    """One file for each process: the terminal belongs to the person."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.width = 0

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def write(self, message: Any) -> None:
        text = message.data if isinstance(message.data, str) else message.data.decode("utf-8", "replace")
        with self.path(message.name).open("a", encoding="utf-8") as file:
            file.write(text)

    def last_words(self, name: str) -> list[str]:
        path = self.path(name)
        return path.read_text(encoding="utf-8").splitlines()[-LAST_WORDS:] if path.exists() else []


class Supervisor(honcho.manager.Manager):  # type: ignore[misc]
    """Runs every Procfile entry and a foreground command beside them, which owns the terminal."""

    def __init__(
        self, *, logs: LogFiles, environment: Mapping[str, str], foreground: list[str], stop_after: bool = False
    ) -> None:
        super().__init__(printer=logs)
        self._process_ctor = Attendant
        self.logs = logs
        self.environment = dict(environment)
        self.foreground = foreground
        self.foreground_code: int | None = None
        self.stop_after = stop_after
        self.ended_by = ""
        self._command: subprocess.Popen[bytes] | None = None

    def run(self, procfile: Path, *, without: tuple[str, ...] = ()) -> int:
        """Serve until a signal, a crash or a failing foreground command; returns the exit code."""
        for name, command in parse_procfile(procfile.read_text(encoding="utf-8")).processes.items():
            if name not in without:
                self.logs.path(name).unlink(missing_ok=True)
                self.add_process(name, command, env=self.environment, cwd=str(BASE_DIR))
        self.loop()
        self._end_foreground()
        for entry in self._processes.values():
            entry["process"].join()
        return self._exit_code()

    def crashed(self) -> list[str]:
        """Processes that ended by themselves with an error, and thereby ended the rest."""
        if self.ended_by != "crash":
            return []
        fine = (0, -signal.SIGTERM, -signal.SIGKILL)
        return [name for name, entry in self._processes.items() if entry.get("returncode", 0) not in fine]

    def _start(self) -> None:
        super()._start()
        # Threads only after the forks above.
        self._command = subprocess.Popen(  # noqa: S603
            self.foreground,
            cwd=BASE_DIR,
            env=self.environment,
            preexec_fn=lambda: die_with_parent(signal.SIGTERM),
        )
        threading.Thread(target=self._watch_foreground, args=(self._command,), daemon=True).start()

    def _watch_foreground(self, command: "subprocess.Popen[bytes]") -> None:
        self.foreground_code = command.wait()
        if self.foreground_code != 0 or self.stop_after:
            self.ended_by = self.ended_by or "foreground"
            self._when_started(self.terminate)

    def _when_started(self, act: Callable[[], None]) -> None:
        while not self._all_started():
            threading.Event().wait(0.05)
        act()

    def terminate(self) -> None:
        self.ended_by = self.ended_by or ("signal" if self.returncode in (130, 143) else "crash")
        self._end_foreground(wait=False)
        super().terminate()

    def _end_foreground(self, *, wait: bool = True) -> None:
        if self._command is None:
            return
        if self._command.poll() is None:
            self._command.terminate()
        if wait:
            try:
                self._command.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._command.kill()

    def _exit_code(self) -> int:
        if self.ended_by == "signal" or (self.ended_by == "foreground" and self.foreground_code in INTERRUPTED):
            return 0
        if self.ended_by == "foreground":
            return abs(self.foreground_code or 0)
        return next((abs(self._processes[name]["returncode"]) for name in self.crashed()), 1)


def child_environment(**extra: str) -> dict[str, str]:
    """Ours, with the interpreter's own programs first."""
    programs = Path(sys.executable).parent
    return os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}", "PYTHONUNBUFFERED": "1"} | extra


def port_problem(port: int, *, variable: str) -> str:
    """Why `port` cannot be served on, with the way out; empty where it can."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if isinstance(error, PermissionError):
                return f"port {port} may not be used by this user; choose another: make demo {variable}={port + 8000}"
            return (
                f"port {port} is used by {_holder_of(port)}; stop it or choose another: make demo {variable}={port + 1}"
            )
    return ""


def _holder_of(port: int) -> str:
    import psutil

    try:
        found = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.laddr.port == port]
        process = psutil.Process(found[0].pid)
        return f"{shlex.join(process.cmdline()[:3]) or process.name()} (pid {process.pid})"
    except (psutil.Error, IndexError, TypeError, ValueError):
        return "another program"
