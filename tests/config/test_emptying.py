"""What tests commit is gone after them, whoever it belongs to, and records are as protected as before."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection

from accounts.models import User
from orgs.models import Event, Organization
from orgs.scoping import all_orgs_scope, org_scope
from prompts.models import Prompt
from tests.emptying import KEPT, empty
from tests.guards.test_records import record_problems, records


@pytest.mark.django_db(transaction=True)
def test_every_table_is_emptied(member: User, prompt: Prompt, org: Organization) -> None:
    with org_scope(org):
        Event.objects.for_org(org).create(org=org, name="org.created")
    assert {"orgs_event", "orgs_membership", "prompts_prompt"} <= filled()
    permissions = Permission.objects.count()
    empty()
    assert filled() == KEPT
    assert Permission.objects.count() == permissions
    assert [problem for model in records() for problem in record_problems(model)] == []


def filled() -> set[str]:
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    found = set()
    with all_orgs_scope("test"), connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f'SELECT 1 FROM "{table}" LIMIT 1')
            if cursor.fetchone():
                found.add(table)
    return found


@pytest.mark.django_db(transaction=True)
def test_a_session_that_ended_is_replaced(org: Organization) -> None:
    with connection.cursor() as own, (other := connection.copy()).cursor() as killer:
        own.execute("SELECT pg_backend_pid()")
        killer.execute("SELECT pg_terminate_backend(%s, 5000)", own.fetchone())
    other.close()
    empty()
    assert not Organization.objects.exists()
