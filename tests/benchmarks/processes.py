"""What running processes have used, read from Linux's /proc."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def below(ancestor: int, *, named: str) -> list[int]:
    """Processes below `ancestor` whose command line names `named`."""
    parents = {}
    for pid, entry in _every():
        try:
            fields = (entry / "stat").read_text().rpartition(") ")[2].split()
            parents[pid] = int(fields[1]), _command(entry)
        except OSError:
            continue
    found, grew = {ancestor}, True
    while grew:
        below = {pid for pid, (parent, _) in parents.items() if parent in found} - found
        found, grew = found | below, bool(below)
    return [pid for pid in found - {ancestor} if named in parents[pid][1]]


def working_in(folder: Path, *, named: str) -> list[int]:
    """Processes whose working directory is in `folder` and whose command line names `named`: a server's, say."""
    found = []
    for pid, entry in _every():
        try:
            if (entry / "cwd").readlink().is_relative_to(folder.resolve()) and named in _command(entry):
                found.append(pid)
        except OSError:
            continue
    return found


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of these processes so far."""
    return sum(_ticks(pid, 11, 12) for pid in pids) / TICKS


def server_cpu_seconds(folder: Path, *, named: str) -> float:
    """As `cpu_seconds`, of a server that works in `folder`, with its processes that have ended meanwhile."""
    total = 0
    for pid in working_in(folder, named=named):
        with suppress(FileNotFoundError, ProcessLookupError):  # ended just now: its parent counts it
            total += _ticks(pid, 11, 12, 13, 14)
    return total / TICKS


def peak_memory(pid: int) -> float:
    """In MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def _every() -> Iterator[tuple[int, Path]]:
    return ((int(entry.name), entry) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _command(entry: Path) -> str:
    return (entry / "cmdline").read_bytes().decode(errors="replace")


def _ticks(pid: int, *places: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return sum(int(fields[place]) for place in places)
