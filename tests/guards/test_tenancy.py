"""Every model with an organization is walled three ways, and the database role bypasses nothing."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import IntegrityError, ProgrammingError, connection, models, transaction

from orgs.models import Event, Membership, Organization
from orgs.rls import POLICY, composite_name, wall_statements
from orgs.scoping import OrgForeignKey, OrgManager, OrgModel, UnscopedQuery, org_scope
from prompts.models import Brand, Project
from tests.guards.tree import APPS, ROOT, python_files

# Where the manager that sees everything may be named, and why.
ALL_ORGS_ALLOWED = {
    "orgs/scoping.py": "defines it",
    "orgs/access.py": "looks a membership up before the scope exists",
    "orgs/exporting.py": "finds the organizations that hold something about a person",
    "orgs/notify.py": "finds events that nobody was told of yet",
    "orgs/digests.py": "finds letters of every organization that were gathered",
    "orgs/webhooks/queue.py": "prunes old deliveries of every organization",
    "prompts/costs.py": "sums up the ledger's hours of every organization",
    "prompts/day_budgets.py": "counts what a provider key has spent today, for whomever",
    "prompts/shell.py": "lists the user's own memberships",
    "prompts/finding.py": "finds the user's own memberships",
    "prompts/suggesting.py": "sweeps suggestions of every organization",
    "scans/schedule.py": "finds the slots that are due in every organization",
    "scans/claims.py": "claims due answers of every organization",
    "scans/management/commands/scan.py": "finds a project by its slug alone",
}


def product_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if model._meta.app_label in APPS]


def belongs_to_an_organization(model: type[models.Model]) -> bool:
    return any(field.related_model is Organization for field in model._meta.local_fields)


def python_problems(model: type[models.Model]) -> Iterator[str]:
    name = model.__name__
    if not issubclass(model, OrgModel):
        yield f"{name} does not extend OrgModel"
        return
    if model._meta.default_manager_name != "all_orgs" or model._meta.base_manager_name != "all_orgs":
        yield f"{name}.Meta does not extend OrgModel.Meta"
    if not isinstance(model.objects, OrgManager):
        yield f"{name}.objects is not fail-closed"
    for field in model._meta.local_fields:
        target = field.related_model
        if isinstance(target, type) and issubclass(target, OrgModel) and not isinstance(field, OrgForeignKey):
            yield f"{name}.{field.name} is not an OrgForeignKey"


def database_problems(model: type[models.Model]) -> Iterator[str]:
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass", [table])
        if cursor.fetchone() != (True, True):
            yield f"{table}: row-level security is not enabled and forced"
        cursor.execute("SELECT policyname, qual, with_check FROM pg_policies WHERE tablename = %s", [table])
        policies = {name: (qual, check) for name, qual, check in cursor.fetchall()}
        if not all("app.org" in (part or "") for part in policies.get(POLICY, ("", ""))):
            yield f"{table}: no policy on app.org for reading and writing"
        cursor.execute("SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'f'", [table])
        foreign_keys = {name for (name,) in cursor.fetchall()}
    for field in model._meta.local_fields:
        if isinstance(field, OrgForeignKey) and composite_name(table, field.column) not in foreign_keys:
            yield f"{table}.{field.column}: no composite foreign key"


def role_problems() -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname FROM pg_roles WHERE (rolsuper OR rolbypassrls) AND pg_has_role(current_user, oid, 'MEMBER')"
        )
        yield from (f"the role may act as {name}, which bypasses row-level security" for (name,) in cursor.fetchall())


def all_orgs_problems(places: dict[str, str]) -> Iterator[str]:
    """`places` maps a file's path to its text."""
    for path, text in places.items():
        if (
            "all_orgs" in text.replace("all_orgs_scope", "").replace("app.all_orgs", "")
            and path not in ALL_ORGS_ALLOWED
        ):
            yield f"{path} uses the unscoped manager"


def test_every_model_with_an_organization_is_walled_three_ways(db: None) -> None:
    walled = [model for model in product_models() if belongs_to_an_organization(model)]
    assert len(walled) >= 12
    assert [p for model in walled for p in (*python_problems(model), *database_problems(model))] == []


def test_the_role_bypasses_nothing(db: None) -> None:
    assert list(role_problems()) == []


def test_the_unscoped_manager_appears_only_where_it_may() -> None:
    places = {
        str(path.relative_to(ROOT)): path.read_text() for path in python_files() if "migrations" not in path.parts
    }
    assert list(all_orgs_problems(places)) == []
    assert list(all_orgs_problems({"scans/views.py": "Scan.all_orgs.all()"})) == [
        "scans/views.py uses the unscoped manager"
    ]


@pytest.fixture
def _forget_planted_models() -> Iterator[None]:
    yield
    for name in ("bare", "loose"):
        apps.all_models["orgs"].pop(name, None)
    apps.clear_cache()


@pytest.mark.usefixtures("_forget_planted_models", "db")
def test_a_planted_model_without_walls_is_found() -> None:
    class Bare(models.Model):
        org = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")

        class Meta:
            app_label = "orgs"

    class Loose(OrgModel):
        event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="+")
        other = OrgForeignKey(Event, on_delete=models.CASCADE, related_name="+")

        class Meta:
            app_label = "orgs"

    assert belongs_to_an_organization(Bare)
    assert list(python_problems(Bare)) == ["Bare does not extend OrgModel"]
    assert list(python_problems(Loose)) == [
        "Loose.Meta does not extend OrgModel.Meta",
        "Loose.event is not an OrgForeignKey",
    ]
    with connection.schema_editor() as editor:
        editor.create_model(Loose)
    assert list(database_problems(Loose)) == [
        "orgs_loose: row-level security is not enabled and forced",
        "orgs_loose: no policy on app.org for reading and writing",
        "orgs_loose.other_id: no composite foreign key",
    ]
    with connection.cursor() as cursor:
        for statement in wall_statements(Loose):
            cursor.execute(statement)
    assert list(database_problems(Loose)) == []


def test_unscoped_queries_are_refused() -> None:
    for refused in (Project.objects.all, Project.objects.count, lambda: Project.objects.get(pk=1)):
        with pytest.raises(UnscopedQuery, match="for_org"):
            refused()


def test_nothing_is_visible_without_a_scope(project: Project) -> None:
    assert Project.all_orgs.count() == 0
    assert Membership.all_orgs.count() == 0
    with org_scope(project.org_id):
        assert Project.all_orgs.count() == 1


def test_another_organization_sees_and_writes_nothing(project: Project, other_org: Organization) -> None:
    with org_scope(other_org):
        assert Project.all_orgs.count() == 0
        assert Project.all_orgs.filter(pk=project.pk).update(name="taken") == 0
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Project.objects.for_org(project.org_id).create(org_id=project.org_id, name="smuggled", slug="smuggled")


def test_a_row_cannot_reference_another_organizations_row(project: Project, other_org: Organization) -> None:
    with pytest.raises(IntegrityError, match="wall_fk"), transaction.atomic(), org_scope(other_org):
        Brand.objects.for_org(other_org).create(org=other_org, project=project, name="Smuggled")
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
