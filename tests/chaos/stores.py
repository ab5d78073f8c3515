"""A Postgres and a Redis that a test may kill: private ones in a folder of their own, each behind a fault proxy."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import redis

from config.embedded import postgres, processes, valkey
from config.embedded.place import UNPRIVILEGED_USER, Place
from tests.chaos.proxy import Proxy

OWN_SESSIONS = "tests"  # what a test's own connections call themselves


@dataclass(kw_only=True)
class Services:
    """`database` and `redis` are the proxies; the addresses beside them go round these."""

    place: Place
    database: Proxy
    redis: Proxy

    @property
    def direct_database_url(self) -> str:
        return postgres.url(self.place)

    @property
    def direct_redis_url(self) -> str:
        return valkey.url(self.place)

    @property
    def database_url(self) -> str:
        return f"postgresql://{postgres.ROLE}@127.0.0.1:{self.database.port}/{postgres.DATABASE}?sslmode=disable"

    @property
    def redis_url(self) -> str:
        return urlsplit(self.direct_redis_url)._replace(netloc=self._redis_netloc).geturl()

    @property
    def _redis_netloc(self) -> str:
        return f":{urlsplit(self.direct_redis_url).password}@127.0.0.1:{self.redis.port}"

    def restart_postgres(self) -> None:
        """Without a goodbye to anybody: what was not committed is gone."""
        postgres._pg_ctl(self.place, "restart", "-m", "immediate", "-t", "60")

    def terminate_sessions(self) -> int:
        """End every session of the product's role but the test's own. How many."""
        with self._superuser() as connection:
            rows = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = %s AND application_name <> %s AND pid <> pg_backend_pid()",
                [postgres.ROLE, OWN_SESSIONS],
            ).fetchall()
        return len(rows)

    def kill_redis(self) -> None:
        """With everything in it: nothing of it was ever on a disk."""
        for process in processes.living_in(self.place.valkey, name="valkey-server"):
            process.kill()
            process.wait(10)

    def start_redis(self) -> None:
        valkey.start(self.place)

    def forget_lanes(self) -> None:
        """What one test taught about providers."""
        with redis.Redis.from_url(self.direct_redis_url) as client:
            for key in client.scan_iter("llm:*"):
                client.delete(key)

    def _superuser(self) -> psycopg.Connection:
        return postgres._superuser(self.place, postgres.DATABASE)

    def copy_database(self, *, host: str, name: str) -> None:
        """The tables and rows of another database of this machine, in place of what is here."""
        programs = postgres._binaries(self.place)
        dump = [str(programs / "pg_dump"), "-h", host, "-U", postgres.SUPERUSER, "-d", name]
        dump += ["--no-owner", "--no-privileges", "--no-comments"]
        load = [str(programs / "psql"), "-q", "-X", "-v", "ON_ERROR_STOP=1", "-h", str(self.place.sockets)]
        load += ["-U", postgres.ROLE, "-d", postgres.DATABASE]
        text = subprocess.run(dump, stdout=subprocess.PIPE, check=True).stdout
        subprocess.run(load, input=text, stdout=subprocess.DEVNULL, check=True)


@contextmanager
def running_services(folder: Path | None = None, *, fast: bool = True, anew: bool = False) -> Iterator[Services]:
    """In `folder`, or in one that goes with them; `anew` forgets what was there."""
    with ExitStack() as stack:
        if folder is not None and anew:
            shutil.rmtree(folder, ignore_errors=True)
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="prompter-chaos-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        place = _place(folder, fast=fast)
        stack.callback(postgres.stop, place)
        postgres.start(place)
        _keep_what_is_committed(place)
        stack.callback(_kill_all, place)
        valkey.start(place)
        socket = place.sockets / f".s.PGSQL.{postgres.PORT}"
        address = urlsplit(valkey.url(place))
        assert address.hostname is not None
        assert address.port is not None
        yield Services(
            place=place,
            database=stack.enter_context(Proxy(socket).serving()),
            redis=stack.enter_context(Proxy((address.hostname, address.port)).serving()),
        )


def _place(folder: Path, *, fast: bool) -> Place:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # the database runs as somebody else where we are root
    run_as = UNPRIVILEGED_USER if os.geteuid() == 0 else None
    sockets = Path(tempfile.gettempdir()) / f"prompter-{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"
    return Place(local=folder, postgres=folder / "postgres", sockets=sockets, run_as=run_as, fast=fast)


def _keep_what_is_committed(place: Place) -> None:
    """Through a crash of the server, that is; a fast one need not outlast the machine."""
    with postgres._superuser(place, "postgres") as connection:
        connection.execute("ALTER SYSTEM SET synchronous_commit = on")
        connection.execute("SELECT pg_reload_conf()")


def _kill_all(place: Place) -> None:
    for process in processes.living_in(place.valkey, name="valkey-server"):
        process.send_signal(signal.SIGKILL)
