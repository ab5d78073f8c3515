"""Where the embedded services keep their files, and the system user they run as."""

import hashlib
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent.parent
UNPRIVILEGED_USER = "nobody"


class EmbeddedError(RuntimeError):
    """An embedded service cannot be started; the message is meant for the person at the terminal."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """One installation's private services: `local` is ours, `postgres` belongs to the user the database runs as."""

    local: Path
    postgres: Path
    sockets: Path
    run_as: str | None
    fast: bool

    @property
    def valkey(self) -> Path:
        return self.local / "valkey"


def find_place() -> Place:
    fast = os.environ.get("PROMPTER_TEST") == "1"
    local = Path(os.environ.get("PROMPTER_LOCAL") or BASE_DIR / ".local").resolve()
    local = local / "test" if fast else local
    try:
        local.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(
            f"cannot create {local}: {error.strerror}; set PROMPTER_LOCAL to a writable folder"
        ) from None
    run_as = UNPRIVILEGED_USER if os.geteuid() == 0 else None
    digest = hashlib.sha256(f"{os.geteuid()}:{local}".encode()).hexdigest()[:12]
    # A checkout under a private home (root's 0700) cannot be entered by the database's user: its files go beside.
    reachable = run_as is None or is_reachable(local)
    return Place(
        local=local,
        postgres=(local if reachable else Path("/var/lib/prompter") / digest) / "postgres",
        # Socket paths longer than about 100 bytes are refused by the kernel, so they never live in the checkout.
        sockets=Path("/tmp") / f"prompter-{digest}",  # noqa: S108 - ownership and mode are checked before use
        run_as=run_as,
        fast=fast,
    )


def is_reachable(path: Path) -> bool:
    """Whether any user may walk to `path`."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


def own_folder(path: Path, *, run_as: str | None, mode: int = 0o700) -> None:
    """Create `path` for the service's user, and refuse one that somebody else put there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    uid = pwd.getpwnam(run_as).pw_uid if run_as else os.geteuid()
    try:
        path.mkdir(mode=mode)
        os.chown(path, uid, -1)
    except FileExistsError:
        found = path.lstat()
        if found.st_uid != uid or not stat.S_ISDIR(found.st_mode):
            raise EmbeddedError(f"{path} belongs to somebody else; remove it and try again") from None
    except PermissionError as error:
        raise EmbeddedError(f"cannot prepare {path}: {error.strerror}") from None
    path.chmod(mode)
