"""A configured service that cannot be used: one clear line, exit code 1, and no secret in it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from psycopg import sql

from config.embedded import Unusable, postgres, verify
from config.embedded.place import BASE_DIR, find_place

PASSWORD = "hunter2-should-never-show"
PLAIN = {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "PROMPTER_TEST": "1",
    "SECRET_KEY": "x" * 50,
    "SITE_URL": "http://localhost",
}


def manage(command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return run([sys.executable, "manage.py", command], **environment)


def run(command: list[str], **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd=BASE_DIR,
        env=os.environ | PLAIN | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def assert_one_line(done: "subprocess.CompletedProcess[str]", *parts: str) -> None:
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("prompter: ")
    assert PASSWORD not in done.stderr
    for part in parts:
        assert part in lines[0]


@pytest.fixture
def powerful_role() -> Iterator[str]:
    """The address of a role that sees every row."""
    place = find_place()
    role = sql.Identifier("prompter_bypass")
    connection = psycopg.connect(host=str(place.sockets), user=postgres.SUPERUSER, dbname="postgres", autocommit=True)
    with connection:
        connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(role))
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN BYPASSRLS").format(role))
        yield f"postgresql://prompter_bypass@/postgres?host={place.sockets}"
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


def test_a_reachable_pair_is_accepted() -> None:
    verify(database_url=postgres.url(find_place()), redis_url=settings.REDIS_URL)


def test_a_superuser_is_refused_with_the_reason() -> None:
    superuser = f"postgresql://{postgres.SUPERUSER}@/postgres?host={find_place().sockets}"
    with pytest.raises(Unusable, match='SUPERUSER.*row-level security.*ALTER ROLE "postgres" NOSUPERUSER'):
        verify(database_url=superuser)


def test_a_role_that_bypasses_row_level_security_stops_every_command(powerful_role: str) -> None:
    done = manage("migrate", DATABASE_URL=powerful_role)
    assert_one_line(done, "BYPASSRLS", 'ALTER ROLE "prompter_bypass" NOSUPERUSER NOBYPASSRLS')


@pytest.mark.parametrize(
    ("name", "url", "says"),
    [
        ("DATABASE_URL", f"postgresql://someone:{PASSWORD}@127.0.0.1:1/prompter", "127.0.0.1:1/prompter"),
        ("REDIS_URL", f"redis://:{PASSWORD}@127.0.0.1:1/0", "127.0.0.1:1/0"),
        ("DATABASE_URL", "not an address", "DATABASE_URL"),
        ("DATABASE_URL", f"mysql://someone:{PASSWORD}@127.0.0.1/prompter", "DATABASE_URL"),
        ("REDIS_URL", f"http://:{PASSWORD}@127.0.0.1/0", "REDIS_URL"),
        ("REDIS_URL", f"redis://:{PASSWORD}@127.0.0.1:port/0", "REDIS_URL"),
    ],
)
def test_a_wrong_address_stops_the_command_line(name: str, url: str, says: str) -> None:
    assert_one_line(manage("migrate", **{name: url}), says)


def test_a_wrong_address_stops_the_web_server() -> None:
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py"]
    assert_one_line(run(gunicorn, DATABASE_URL=f"postgresql://someone:{PASSWORD}@127.0.0.1:1/prompter"), "127.0.0.1:1")


def test_the_web_server_needs_no_more_than_the_documented_variables() -> None:
    url = f"postgresql://someone:{PASSWORD}@127.0.0.1:1/prompter"
    clean = {"PATH": os.environ["PATH"], "PROMPTER_LOCAL": str(find_place().local), "SECRET_KEY": "x" * 50}
    clean |= {"SITE_URL": "http://localhost", "DATABASE_URL": url, "REDIS_URL": settings.REDIS_URL}
    gunicorn = [Path(sys.executable).parent / "gunicorn", "-c", "config/gunicorn.py"]
    done = subprocess.run(gunicorn, cwd=BASE_DIR, env=clean, capture_output=True, text=True, check=False)
    assert_one_line(done, "cannot use the database at 127.0.0.1:1/prompter")


def test_a_wrong_address_stops_the_worker() -> None:
    worker = [sys.executable, "-m", "celery", "-A", "config", "worker"]
    assert_one_line(run(worker, DATABASE_URL=f"postgresql://someone:{PASSWORD}@127.0.0.1:1/prompter"), "127.0.0.1:1")


def test_a_database_in_place_of_a_missing_one_is_named() -> None:
    place = find_place()
    with pytest.raises(Unusable, match='database "nowhere" does not exist'):
        verify(database_url=f"postgresql://{postgres.ROLE}@/nowhere?host={place.sockets}")


def test_building_works_without_services() -> None:
    done = manage("version", DATABASE_URL="postgresql://x@127.0.0.1:1/x", REDIS_URL="redis://127.0.0.1:1/0")
    assert done.returncode == 0, done.stderr
