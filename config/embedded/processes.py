"""Finding and ending the service processes that an earlier run left behind."""

from collections.abc import Iterable
from pathlib import Path

import psutil


def living_in(folder: Path, *, name: str) -> list[psutil.Process]:
    """Processes called `name` whose working directory is `folder` (process ids alone are reused after a reboot)."""
    found = []
    for process in psutil.process_iter(["name"]):
        if process.info["name"] != name:
            continue
        try:
            if Path(process.cwd()) == folder:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def end(processes: Iterable[psutil.Process], *, patience: float) -> None:
    waiting = list(processes)
    for process in waiting:
        _signal(process, kill=False)
    _, stubborn = psutil.wait_procs(waiting, timeout=patience)
    for process in stubborn:
        _signal(process, kill=True)
    psutil.wait_procs(stubborn, timeout=patience)


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.NoSuchProcess:
        return
