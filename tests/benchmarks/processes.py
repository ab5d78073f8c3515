"""What running processes have used, read from Linux's /proc."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def below(ancestor: int, *, named: str) -> list[int]:
    """Processes below `ancestor` whose command line names `named`."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(") ")[2].split()
                parents[int(entry.name)] = int(fields[1]), (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
    found, grew = {ancestor}, True
    while grew:
        below = {pid for pid, (parent, _) in parents.items() if parent in found} - found
        found, grew = found | below, bool(below)
    return [pid for pid in found - {ancestor} if named in parents[pid][1]]


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of these processes so far."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def peak_memory(pid: int) -> float:
    """In MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0
