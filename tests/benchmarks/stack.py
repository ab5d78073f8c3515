"""The shipped processes on a private installation of their own, for as long as a benchmark takes."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from honcho.environ import parse_procfile

from config.embedded.place import BASE_DIR
from config.supervisor import child_environment, die_with_parent

LOCAL = BASE_DIR / ".local" / "bench"
PATIENCE = 90


def alone() -> None:
    """Wait until no other benchmark of this checkout runs: they would share a machine and a database."""
    LOCAL.mkdir(parents=True, exist_ok=True)
    # Held through this descriptor for as long as the process lives.
    fd = os.open(LOCAL / "alone.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Waiting for another benchmark to end", file=sys.stderr)
        fcntl.flock(fd, fcntl.LOCK_EX)


def prepare() -> None:
    """Django on the benchmark's own database, empty and migrated. Durable as shipped: not the tests' fast services."""
    os.environ |= {"PROMPTER_LOCAL": str(LOCAL), "DJANGO_SETTINGS_MODULE": "config.settings"}
    for name in ("DATABASE_URL", "REDIS_URL", "PROMPTER_TEST", "SIMULATOR_URL"):
        os.environ.pop(name, None)
    import django

    from config.startup import load_settings

    load_settings()
    django.setup()
    from django.core.management import call_command
    from django.db import connection

    # The role owns its tables but not the extension, so the tables go and the schema stays.
    with connection.cursor() as cursor:
        tables = [connection.ops.quote_name(name) for name in connection.introspection.table_names(cursor)]
        if tables:
            cursor.execute(f"DROP TABLE {', '.join(tables)} CASCADE")
    call_command("migrate", interactive=False, verbosity=0)
    forget()


def forget() -> None:
    """What lanes have learned and sent, caches, messages: as if nothing had been asked before."""
    import redis
    from django.conf import settings

    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushall()


@contextmanager
def running(command: Sequence[str], *, ready: str, environment: dict[str, str], log: Path) -> Iterator[None]:
    """One server in a process group of its own, from its first good answer at `ready` on."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(command),
            cwd=BASE_DIR,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(signal.SIGTERM),
        )
        try:
            if ready:
                _wait(ready, process, log)
            yield
        finally:
            _end(process)


@contextmanager
def shipped(*names: str, **environment: str) -> Iterator[dict[str, int]]:
    """Entries of the Procfile by name; yields their ports (`web`, `simulator`)."""
    ports = {"web": free_port(), "simulator": free_port()}
    extra = {
        "PORT": str(ports["web"]),
        "SIMULATOR_PORT": str(ports["simulator"]),
        "SIMULATOR_URL": f"http://127.0.0.1:{ports['simulator']}",
        "SITE_URL": f"http://localhost:{ports['web']}",
    }
    ready = {
        "web": f"http://127.0.0.1:{ports['web']}/readyz",
        "simulator": f"http://127.0.0.1:{ports['simulator']}/_sim/health",
    }
    entries = parse_procfile((BASE_DIR / "Procfile").read_text(encoding="utf-8")).processes
    with ExitStack() as stack:
        for name in names:
            command = ["/bin/sh", "-c", f"exec {entries[name]}"]
            log = LOCAL / "logs" / f"{name}.log"
            given = child_environment(**{**extra, **environment})
            stack.enter_context(running(command, ready=ready.get(name, ""), environment=given, log=log))
        yield ports


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{url} does not answer:\n{log.read_text(errors='replace')[-2000:]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=10)
