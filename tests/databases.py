"""Every process of a test session has a database of its own; the migrations run once, and their result is copied."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from config.embedded.place import find_place


@contextmanager
def migrated_once(run: str, *, slot: int) -> Iterator[None]:
    """Make the process's database inside: the first of those of a `run` by the migrations, each other as a copy.

    `slot` is the session's own number as long as it lives; what an earlier session made under it is dropped.
    """
    prefix = f"test_prompter_{slot}_run"
    made = f"{prefix}_{run}"
    with (find_place().local / f"migrations-{slot}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _databases(made):
            yield
            for old in _databases(f"{prefix}_%"):
                _execute(f'DROP DATABASE "{old}" WITH (FORCE)')
            connection.close()  # nobody may be in a database that is copied
            _execute(f'CREATE DATABASE "{made}" TEMPLATE "{connection.settings_dict["NAME"]}"')
            return
    connection.settings_dict["TEST"]["TEMPLATE"] = made
    yield


def _databases(like: str) -> list[str]:
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [like.replace("_", r"\_")])
        return [name for (name,) in cursor.fetchall()]


def _execute(statement: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)
