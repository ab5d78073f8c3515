"""The migration operation that makes a table a record: rows are inserted and read, never changed or deleted."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation

TRIGGER = "unalterable"
WHOLE = "unalterable_whole"

_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_alteration() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are a record: they cannot be changed or deleted', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$
"""


class _Trigger(Operation):
    """Hangs the function above on the table of `model_name`."""

    reversible = True
    reduces_to_sql = True
    name: str
    before: str
    each: str
    meaning: str

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.__class__.__qualname__, [self.model_name], {}

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The trigger is not part of the models' state."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
        schema_editor.execute(_FUNCTION, params=None)
        schema_editor.execute(f'DROP TRIGGER IF EXISTS {self.name} ON "{table}"')
        schema_editor.execute(
            f'CREATE TRIGGER {self.name} BEFORE {self.before} ON "{table}"'
            f" FOR EACH {self.each} EXECUTE FUNCTION refuse_alteration()"
        )

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        table = from_state.apps.get_model(app_label, self.model_name)._meta.db_table
        schema_editor.execute(f'DROP TRIGGER IF EXISTS {self.name} ON "{table}"')

    def describe(self) -> str:
        return f"{self.meaning} {self.model_name}"


class Unalterable(_Trigger):
    """Refuses every UPDATE and DELETE of `model_name`'s rows, whoever asks, row-level security or not."""

    name = TRIGGER
    before, each = "UPDATE OR DELETE", "ROW"
    meaning = "Make unalterable every row of"


class Untruncatable(_Trigger):
    """Refuses to empty the whole table of `model_name`, which triggers of rows do not hear of."""

    name = WHOLE
    before, each = "TRUNCATE", "STATEMENT"
    meaning = "Refuse to empty the table of"
