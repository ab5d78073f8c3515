"""What happened is kept: records cannot be altered, and every act of a member leaves one."""

import ast
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, models, transaction
from django.db.migrations.loader import MigrationLoader

from accounts.models import AccountEvent
from accounts.unalterable import TRIGGER, Untruncatable
from orgs.events import declared
from orgs.models import Event, Organization
from orgs.scoping import org_scope
from orgs.sentences import value_at
from orgs.topics import topics
from tests.guards.tree import APPS, ROOT, Address, parse, python_files, tenant_addresses
from tests.role_matrix import ROWS, Row, made_row
from tests.role_world import World, make_world

ADDRESSES = {address.name: address for address in tenant_addresses()}
CHANGING = ("post", "put", "patch", "delete")
OWNER = -1  # the last of the cast
# Acts of the matrix that leave no event, and why.
QUIET = {
    "notification-read": "one's own list",
    "notifications-read": "one's own list",
    "notification-preferences": "one's own wishes",
    "onboarding": "goes to the next step; what a step saves is an act of the library",
    "onboarding-suggest": "asks an engine and changes nothing",
    # Nothing to do for the owner in the matrix's world; the acts themselves are tested where they are.
    "api-scan-estimate": "tells and changes nothing",
    "api-scan-resume": "no budget stopped it",
    "api-schedule-resume": "it is not paused",
    "api-scan-retry": "no answer failed",
    "org-delete-cancel": "the organization is not closing",
    "org-leave": "the only owner stays",
    "scan-cancel": "the scan has ended",
    "scan-resume": "no budget stopped it",
    "scan-retry": "no answer failed",
    "schedule-resume": "it is not paused",
}


def records() -> list[type[models.Model]]:
    """Every table that keeps what was before and after."""
    found = (model for model in apps.get_models() if model._meta.app_label in APPS)
    return [model for model in found if {"before", "after"} <= {field.name for field in model._meta.local_fields}]


def record_problems(model: type[models.Model]) -> Iterator[str]:
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgenabled, tgtype & 1 > 0, tgtype & 8 > 0, tgtype & 16 > 0 FROM pg_trigger"
            " WHERE tgrelid = %s::regclass AND tgname = %s AND NOT tgisinternal",
            [table, TRIGGER],
        )
        row = cursor.fetchone()
    if row is None:
        yield f"{table}: its rows can be changed"
    elif row != ("O", True, True, True):
        yield f"{table}: the trigger is off, or is not for each row that is changed or deleted"


def emptying_problems(kept: set[str]) -> Iterator[str]:
    """By the migrations: the test database itself has to be emptied between tests."""
    refused = {
        f"{app}.{operation.model_name}".lower()
        for (app, _), migration in MigrationLoader(None).disk_migrations.items()
        for operation in migration.operations
        if isinstance(operation, Untruncatable)
    }
    yield from (f"{name}: the whole table can be emptied" for name in sorted(kept - refused))


def actor_problems(name: str, module: ast.Module) -> Iterator[str]:
    """Whoever is told who acts writes it down, or tells it on."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef):
            arguments = [*node.args.args, *node.args.kwonlyargs]
            annotated = {a.arg: ast.unparse(a.annotation) if a.annotation else "" for a in arguments}
            if "User" in annotated.get("actor", "") and not _tells(node):
                yield f"{name}: {node.name} is told who acts and keeps no record of it"


def _tells(function: ast.FunctionDef) -> bool:
    """Hands `actor` itself, or something of it, to another call."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    given = [value for call in calls for value in (*call.args, *(keyword.value for keyword in call.keywords))]
    return any(isinstance(node, ast.Name) and node.id == "actor" for value in given for node in ast.walk(value))


def quiet_acts(world: World, row: Row, address: Address) -> Iterator[str]:
    """The owner's acts that succeed, each on untouched rows, and leave no event."""
    for method in CHANGING:
        status = row.statuses.get(method, (405,))[OWNER]
        if status < 400 and not _events_of(world, row, address, method):
            yield f"{row.name} {method.upper()} leaves no event"


def _events_of(world: World, row: Row, address: Address, method: str) -> int:
    url = world.address(row, address.arguments)
    form = method == "post" and not url.startswith("/api/")
    sent: dict[str, Any] = {} if form else {"content_type": "application/json"}
    with transaction.atomic():
        before = _count(world.org)
        getattr(world.clients["owner"], method)(url, world.filled(row.send), **sent)
        events = _count(world.org) - before
        transaction.set_rollback(True)
    return events


def _count(org: Organization) -> int:
    with org_scope(org):
        return Event.objects.for_org(org).count()


def test_no_record_can_be_altered(db: None) -> None:
    assert {Event, AccountEvent} <= set(records())
    assert [problem for model in records() for problem in record_problems(model)] == []


def test_no_record_can_be_emptied_as_a_whole(db: None) -> None:
    assert list(emptying_problems({model._meta.label_lower for model in records()})) == []
    assert list(emptying_problems({"orgs.diary"})) == ["orgs.diary: the whole table can be emptied"]


@pytest.mark.parametrize("label", ["orgs.event", "accounts.accountevent"])
def test_emptying_a_record_is_refused_until_that_is_taken_back(db: None, label: str) -> None:
    model = apps.get_model(label)
    operation, app = Untruncatable(model._meta.model_name or ""), model._meta.app_label
    statement = f"TRUNCATE {model._meta.db_table} CASCADE"
    with connection.schema_editor(atomic=False) as editor:
        operation.database_forwards(app, editor, _state(), _state())
    with pytest.raises(DatabaseError, match="are a record"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    with connection.schema_editor(atomic=False) as editor:
        operation.database_backwards(app, editor, _state(), _state())
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _state() -> Any:
    return MigrationLoader(None).project_state()


def test_a_planted_record_that_can_be_altered_is_found(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE orgs_event DISABLE TRIGGER {TRIGGER}")
        assert list(record_problems(Event)) == [
            "orgs_event: the trigger is off, or is not for each row that is changed or deleted"
        ]
        cursor.execute(f"DROP TRIGGER {TRIGGER} ON orgs_event")
        assert list(record_problems(Event)) == ["orgs_event: its rows can be changed"]


def test_who_acts_is_written_down() -> None:
    places = {str(path.relative_to(ROOT)): parse(path) for path in python_files() if "migrations" not in path.parts}
    assert [problem for name, module in places.items() for problem in actor_problems(name, module)] == []
    planted = "def rename(org: Organization, *, actor: User) -> None:\n    org.save()\n"
    assert list(actor_problems("orgs/x.py", ast.parse(planted))) == [
        "orgs/x.py: rename is told who acts and keeps no record of it"
    ]


@pytest.mark.parametrize("name", sorted(ADDRESSES.keys() & ROWS.keys() - QUIET.keys()))
def test_every_act_of_a_member_leaves_an_event(db: None, name: str) -> None:
    if any(status[OWNER] < 400 for method, status in ROWS[name].statuses.items() if method in CHANGING):
        assert list(quiet_acts(make_world(), ROWS[name], ADDRESSES[name])) == []


def test_a_planted_quiet_act_is_found(db: None) -> None:
    row = made_row("notifications-read", post="302 404 404 302 302 302 302")
    assert list(quiet_acts(make_world(), row, ADDRESSES["notifications-read"])) == [
        "notifications-read POST leaves no event"
    ]


def test_every_quiet_act_has_an_address() -> None:
    assert QUIET.keys() <= ADDRESSES.keys()


def test_every_declared_event_can_be_told() -> None:
    """Its sentence names only what there can be, its link a page, its topic one that members choose."""
    event = Event(name="x", data={})
    for name, told in declared().items():
        places = [part for text in (told.sentence, told.personal) for part in _places(str(text))]
        assert all(
            place in ("actor", "target") or place.split(".")[0] in ("before", "after", "data") for place in places
        )
        assert all(value_at(event, place) for place in places), name
        assert not told.link or told.link[0] in ADDRESSES, name
        wanted = [topic for topic in (told.topic, told.concerns) if topic and isinstance(topic, str)]
        assert set(wanted) <= set(topics()), name


def _places(text: str) -> list[str]:
    return [part.split("}")[0] for part in text.split("{")[1:]]
