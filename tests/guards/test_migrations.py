"""Migrations: a tenant table is walled where it is made, and every step can be taken back."""

from collections.abc import Iterable, Iterator

from django.db import connection
from django.db.migrations import AddField, CreateModel, RunPython, RunSQL
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.models import DO_NOTHING, BigAutoField, ForeignKey

from orgs.models import Organization
from orgs.rls import Wall
from orgs.scoping import OrgForeignKey
from tests.guards.tree import APPS


def _fields(operation: CreateModel) -> Iterable[object]:
    return (field for _, field in operation.fields)


def _is_tenant(operation: CreateModel) -> bool:
    return any(
        isinstance(field, ForeignKey) and str(field.remote_field.model).lower() == "orgs.organization"
        for field in _fields(operation)
    )


def migration_problems(name: str, operations: list[Operation]) -> Iterator[str]:
    for place, operation in enumerate(operations):
        walled_later = {later.model_name.lower() for later in operations[place + 1 :] if isinstance(later, Wall)}
        if isinstance(operation, CreateModel) and _is_tenant(operation) and operation.name.lower() not in walled_later:
            yield f"{name}: {operation.name} is made without a wall"
        if (
            isinstance(operation, AddField)
            and isinstance(operation.field, OrgForeignKey)
            and operation.model_name.lower() not in walled_later
        ):
            yield f"{name}: {operation.model_name}.{operation.name} is added without a new wall"
        if isinstance(operation, RunPython | RunSQL) and not operation.reversible:
            yield f"{name}: {operation.__class__.__name__} cannot be taken back"


def test_every_migration_walls_what_it_makes() -> None:
    loader = MigrationLoader(None)
    ours = {key: migration for key, migration in loader.disk_migrations.items() if key[0] in APPS}
    assert len(ours) >= 5
    problems = [p for key, migration in ours.items() for p in migration_problems(".".join(key), migration.operations)]
    assert problems == []


def test_every_migration_is_applied_in_tests(db: None) -> None:
    loader = MigrationLoader(connection)
    assert set(loader.disk_migrations) <= set(loader.applied_migrations)
    assert Organization._meta.db_table in connection.introspection.table_names()


def test_planted_migrations_are_found() -> None:
    fields = [("id", BigAutoField(primary_key=True)), ("org", ForeignKey("orgs.Organization", on_delete=DO_NOTHING))]
    bare = CreateModel("Bare", fields=fields)
    reference = AddField("bare", "project", OrgForeignKey("prompts.Project", on_delete=DO_NOTHING))
    found = list(migration_problems("x", [bare, reference, RunSQL("SELECT 1"), RunPython(lambda apps, editor: None)]))
    assert found == [
        "x: Bare is made without a wall",
        "x: bare.project is added without a new wall",
        "x: RunSQL cannot be taken back",
        "x: RunPython cannot be taken back",
    ]
    assert list(migration_problems("x", [bare, reference, Wall("bare")])) == []


def indexes_of_the_organization_alone() -> list[str]:
    """Without statistics the planner checks every composite key by such a one, and walks the whole organization."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_attribute a"
            " ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] AND a.attname = 'org_id'"
            " WHERE i.indnatts = 1 AND NOT i.indisunique AND i.indpred IS NULL"
        )
        return [name for (name,) in cursor.fetchall()]


def test_no_tenant_table_has_an_index_of_the_organization_alone(db: None) -> None:
    assert indexes_of_the_organization_alone() == []


def test_a_planted_index_of_the_organization_alone_is_found(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX planted ON scans_answer (org_id)")
    assert indexes_of_the_organization_alone() == ["planted"]
