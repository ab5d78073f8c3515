"""Workers and beats as the Procfile starts them, to be killed, frozen and replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from config.embedded.place import BASE_DIR
from config.supervisor import die_with_parent

PATIENCE = 150.0  # less than a test may take, so that there are last words
_CELERY = [sys.executable, "-m", "celery", "-A", "config"]
WORKER = [*_CELERY, "worker", "--queues", "default,scans", "--concurrency", "2", "--loglevel", "INFO"]
WORKER += ["--without-gossip", "--without-mingle"]
BEAT = [*_CELERY, "beat", "--loglevel", "INFO", "--pidfile="]
READY = {"worker": " ready.", "beat": "beat: Starting..."}


def wait_until(happened: Callable[[], object], *, what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.03)


@dataclass(kw_only=True)
class Running:
    """One process with all its children, in a group of its own."""

    name: str
    command: list[str]
    clock_off_by: float
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def news(self) -> str:
        """What it said beside the tasks that went well."""
        usual = ("celery.beat Scheduler", "celery.worker.strategy Task", " succeeded in ")
        return "\n".join(line for line in self.output().splitlines() if not any(part in line for part in usual))

    def wait_until_ready(self, *, sign: str) -> None:
        def ready() -> bool:
            if not self.alive:
                raise AssertionError(f"{self.name} ended:\n{self.output()[-3000:]}")
            return sign in self.output()

        wait_until(ready, what=f"{self.name} to start")

    def children(self) -> list[int]:
        return sorted(child.pid for child in psutil.Process(self.pid).children(recursive=True))

    def kill(self) -> None:
        """As the kernel does when memory ends: no goodbye."""
        self.signal(signal.SIGKILL)
        self.process.wait(30)

    def kill_children(self) -> None:
        for pid in self.children():
            os.kill(pid, signal.SIGKILL)

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)
        wait_until(lambda: self._all(psutil.STATUS_STOPPED), what=f"{self.name} to stand still")

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def signal(self, number: int) -> None:
        if self.alive:
            os.killpg(self.pid, number)

    def end(self) -> None:
        self.thaw()
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()

    def _all(self, status: str) -> bool:
        family = [psutil.Process(pid) for pid in (self.pid, *self.children())]
        return all(one.status() == status for one in family)


@dataclass(kw_only=True)
class Crew:
    """Processes by name; one that is dead is started anew when it is asked for."""

    environment: Mapping[str, str]
    logs: Path
    _running: dict[str, Running] = field(default_factory=dict)
    _starts: int = 0

    def worker(self, name: str = "worker", *, clock_off_by: float = 0) -> Running:
        return self._get(name, "worker", [*WORKER, "--hostname", f"{name}@%h"], clock_off_by=clock_off_by)

    def beat(self, name: str = "beat", *, clock_off_by: float = 0) -> Running:
        return self._get(name, "beat", BEAT, clock_off_by=clock_off_by)

    def replace(self) -> None:
        """Whoever has died, as a supervisor does; nobody waits until they are ready."""
        for running in [one for one in self._running.values() if not one.alive]:
            again = self._start(running.name, running.command, clock_off_by=running.clock_off_by)
            self._running[running.name] = again

    def all_ready(self) -> bool:
        """Of those that run."""
        return all(any(sign in one.output() for sign in READY.values()) for one in self._running.values())

    def end(self, *names: str) -> None:
        """These, or everybody."""
        for name in names or list(self._running):
            if running := self._running.pop(name, None):
                running.end()

    def wait_until(self, happened: Callable[[], object], *, what: str, seconds: float = PATIENCE) -> None:
        """In vain: with the last words of everybody."""
        try:
            wait_until(happened, what=what, seconds=seconds)
        except AssertionError as error:
            words = [f"--- {one.name}\n{one.news()[-4000:]}" for one in self._running.values()]
            raise AssertionError("\n".join([str(error), *words])) from None

    def _get(self, name: str, kind: str, command: list[str], *, clock_off_by: float) -> Running:
        found = self._running.get(name)
        if found is None or not found.alive:
            found = self._running[name] = self._start(name, command, clock_off_by=clock_off_by)
        found.wait_until_ready(sign=READY[kind])
        return found

    def _start(self, name: str, command: list[str], *, clock_off_by: float) -> Running:
        self._starts += 1
        log = self.logs / f"{name}-{self._starts}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=BASE_DIR,
                env={**self.environment, **_clock(clock_off_by)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(signal.SIGTERM),
            )
        return Running(name=name, command=command, clock_off_by=clock_off_by, process=process, log=log)


@contextmanager
def crew(*, environment: Mapping[str, str], logs: Path) -> Iterator[Crew]:
    found = Crew(environment=environment, logs=logs)
    try:
        yield found
    finally:
        found.end()


def _clock(off_by: float) -> dict[str, str]:
    if not off_by:
        return {}
    return {"PYTHONPATH": str(Path(__file__).with_name("clock")), "CLOCK_OFF_BY": str(off_by)}
