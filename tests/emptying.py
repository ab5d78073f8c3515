"""Test databases are emptied between tests, which the product's records refuse."""

from django.db import connection

from accounts.models import AccountEvent
from accounts.unalterable import WHOLE
from orgs.models import Event

RECORDS = (AccountEvent, Event)


def let_records_be_emptied() -> None:
    """Of this database, from now on. Changing and deleting their rows stays refused."""
    with connection.cursor() as cursor:
        for model in RECORDS:
            cursor.execute(f'DROP TRIGGER IF EXISTS {WHOLE} ON "{model._meta.db_table}"')
