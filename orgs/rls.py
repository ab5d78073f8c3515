"""The migration operation that walls a tenant table: forced row-level security and composite foreign keys."""

from __future__ import annotations

from typing import Any

from django.apps.registry import Apps
from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation

from orgs.scoping import OrgForeignKey

_EVERYTHING = "(SELECT current_setting('app.all_orgs', true)) = 'on'"
_ORG = "(SELECT NULLIF(current_setting('app.org', true), '')::bigint)"
_USER = "(SELECT NULLIF(current_setting('app.user', true), '')::bigint)"

POLICY = "org_wall"


def unique_name(table: str) -> str:
    return f"{table}_org_id_id_uniq"


def composite_name(table: str, column: str) -> str:
    return f"{table}_{column}_wall_fk"


def tenant_foreign_keys(model: type[models.Model]) -> list[OrgForeignKey]:
    return [field for field in model._meta.local_fields if isinstance(field, OrgForeignKey)]


def wall_statements(model: type[models.Model], *, own_rows_of_user: bool = False) -> list[str]:
    """SQL that walls one table; every statement may be run again."""
    table = model._meta.db_table
    allowed = f"org_id = {_ORG} OR {_EVERYTHING}"
    visible = f"{allowed} OR user_id = {_USER}" if own_rows_of_user else allowed
    statements = [
        f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
        f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
        f'DROP POLICY IF EXISTS {POLICY} ON "{table}"',
        f'CREATE POLICY {POLICY} ON "{table}" USING ({allowed}) WITH CHECK ({allowed})',
        f'CREATE UNIQUE INDEX IF NOT EXISTS "{unique_name(table)}" ON "{table}" (org_id, id)',
    ]
    if own_rows_of_user:
        statements += [
            f'DROP POLICY IF EXISTS {POLICY}_own ON "{table}"',
            f'CREATE POLICY {POLICY}_own ON "{table}" FOR SELECT USING ({visible})',
        ]
    for field in tenant_foreign_keys(model):
        name, target = composite_name(table, field.column), field.remote_field.model._meta.db_table
        statements += [
            f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{name}"',
            f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" FOREIGN KEY (org_id, "{field.column}") '
            f'REFERENCES "{target}" (org_id, id) DEFERRABLE INITIALLY DEFERRED',
        ]
    return statements


class Wall(Operation):
    """Walls `model_name`. Run it again in a later migration that gives the model another `OrgForeignKey`."""

    reversible = True
    reduces_to_sql = True

    def __init__(self, model_name: str, own_rows_of_user: bool = False) -> None:
        self.model_name = model_name
        self.own_rows_of_user = own_rows_of_user

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        kwargs = {"own_rows_of_user": True} if self.own_rows_of_user else {}
        return self.__class__.__qualname__, [self.model_name], kwargs

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The wall is not part of the models' state."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        apps: Apps = to_state.apps
        model = apps.get_model(app_label, self.model_name)
        for statement in wall_statements(model, own_rows_of_user=self.own_rows_of_user):
            schema_editor.execute(statement)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        table = model._meta.db_table
        for field in tenant_foreign_keys(model):
            schema_editor.execute(
                f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{composite_name(table, field.column)}"'
            )
        for policy in (POLICY, f"{POLICY}_own"):
            schema_editor.execute(f'DROP POLICY IF EXISTS {policy} ON "{table}"')
        schema_editor.execute(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY')
        schema_editor.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY')

    def describe(self) -> str:
        return f"Wall off {self.model_name} by organization"
