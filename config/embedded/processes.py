"""Finding and ending the service processes that an earlier run left behind."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil


def living_in(folder: Path, *, name: str) -> list[psutil.Process]:
    """Processes called `name` whose working directory is `folder` (process ids alone are reused after a reboot)."""
    import psutil

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
    import psutil

    waiting = list(processes)
    for process in waiting:
        _signal(process, kill=False)
    _, stubborn = psutil.wait_procs(waiting, timeout=patience)
    for process in stubborn:
        _signal(process, kill=True)
    psutil.wait_procs(stubborn, timeout=patience)


def _signal(process: psutil.Process, *, kill: bool) -> None:
    import psutil

    # The handle knows the start time, so a reused process id is never signalled.
    with suppress(psutil.NoSuchProcess):
        process.kill() if kill else process.terminate()
