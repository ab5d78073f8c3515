"""Who uses the services: each process holds a shared file lock, and whoever leaves last stops them.

The kernel drops the locks of a process that dies in any way, so there is no stale state to clean up.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_held: dict[Path, tuple[int, int]] = {}


@contextmanager
def exclusive(local: Path) -> Iterator[None]:
    """Serialise starting and stopping between processes."""
    fd = os.open(local / "services.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def join(local: Path) -> None:
    """Count this process among the users; call within `exclusive`."""
    held = _held.get(local)
    if held is not None and held[0] == os.getpid():
        return
    fd = os.open(local / "holders.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(fd, fcntl.LOCK_SH)
    _held[local] = (os.getpid(), fd)


def leave(local: Path) -> bool:
    """Stop counting this process; whether it was counted. A forked child never leaves in its parent's name."""
    held = _held.get(local)
    if held is None or held[0] != os.getpid():
        return False
    del _held[local]
    os.close(held[1])
    return True


def anybody_left(local: Path) -> bool:
    fd = os.open(local / "holders.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
