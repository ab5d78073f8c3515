"""Test databases are emptied between tests, which the product's records refuse.

Truncating every table and telling everybody that a migration has ended takes half a second; tests that commit are
hundreds, and each fills a few tables with a few rows.
"""

from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import OperationalError, connection, transaction

from accounts.models import AccountEvent
from accounts.unalterable import TRIGGER, WHOLE
from orgs.models import Event
from orgs.scoping import all_orgs_scope

RECORDS = (AccountEvent, Event)
# What the end of a migration writes; no test changes it.
KEPT = frozenset(model._meta.db_table for model in (ContentType, Permission))
_TRIES = 5


def let_records_be_emptied() -> None:
    """Of this database, from now on. Changing and deleting their rows stays refused."""
    with connection.cursor() as cursor:
        for model in RECORDS:
            cursor.execute(f'DROP TRIGGER IF EXISTS {WHOLE} ON "{model._meta.db_table}"')


def empty(*_: Any) -> None:
    """Deletes what was committed. What a test did to its connection, or what is still writing, is no reason to leave
    it to the next test."""
    for left in reversed(range(_TRIES)):
        try:
            _empty()
        except OperationalError:
            connection.close()
            if not left:
                raise
        else:
            return


def _empty() -> None:
    """Whoever is writing still is waited for, so that nothing comes after."""
    tables = sorted(set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - KEPT)
    with all_orgs_scope("emptying"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {', '.join(map(_quoted, tables))} IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(" UNION ALL ".join(f"SELECT '{t}' WHERE EXISTS (SELECT FROM {_quoted(t)})" for t in tables))
        filled = {name for (name,) in cursor.fetchall()}
        records = [model._meta.db_table for model in RECORDS if model._meta.db_table in filled]
        for table in records:
            cursor.execute(f"ALTER TABLE {_quoted(table)} DISABLE TRIGGER {TRIGGER}")
        # Keys are checked when all are gone; a table with events still to come could not be altered.
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for table in filled:
            cursor.execute(f"DELETE FROM {_quoted(table)}")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in records:
            cursor.execute(f"ALTER TABLE {_quoted(table)} ENABLE TRIGGER {TRIGGER}")


def _quoted(table: str) -> str:
    return connection.ops.quote_name(table)
