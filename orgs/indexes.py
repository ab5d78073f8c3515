"""The migration operation that takes a foreign key's own index away where another index begins with the same column."""

from __future__ import annotations

from typing import Any

from django.db.migrations.operations import AlterField
from django.db.migrations.state import ProjectState
from django.db.models import Index


class DropOwnIndex(AlterField):
    """`AlterField` to `db_index=False`, without what that does besides: dropping the foreign key and adding it again,
    which reads the whole table under a lock."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: Any,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        column = model._meta.get_field(self.name).column
        named = {index.name for index in model._meta.indexes}
        for name in schema_editor._constraint_names(
            model, [column], index=True, unique=False, type_=Index.suffix, exclude=named
        ):
            schema_editor.execute(schema_editor._delete_index_sql(model, name))

    def database_backwards(
        self,
        app_label: str,
        schema_editor: Any,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        schema_editor.execute(schema_editor._create_index_sql(model, fields=[model._meta.get_field(self.name)]))
