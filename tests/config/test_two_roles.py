"""The two database roles of the manual: what it says to run works, and the application cannot touch the logs."""

import re
from collections.abc import Iterator

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from psycopg import errors, sql

from config.embedded import postgres
from config.embedded.place import find_place

APP = "prompter_app_probe"  # roles are the whole server's: not the manual's own name
LOGS = ("orgs_event", "accounts_accountevent")
pytestmark = pytest.mark.skipif(not settings.EMBEDDED, reason="needs a superuser of the database: the embedded one's")


def documented() -> list[str]:
    text = (settings.BASE_DIR / "docs" / "self-hosting" / "README.md").read_text()
    (block,) = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    owner = connection.settings_dict["USER"]
    return [
        statement.replace("prompter_app", APP).replace("prompter_owner", owner)
        for statement in block.split(";")
        if statement.strip()
    ]


@pytest.fixture
def application(db: None) -> Iterator[psycopg.Connection]:
    """A connection as the application's role, in a transaction that is taken back."""
    database = connection.settings_dict["NAME"]
    with postgres._superuser(find_place(), database) as superuser, superuser.transaction(force_rollback=True):
        superuser.execute(sql.SQL("CREATE ROLE {} NOSUPERUSER NOBYPASSRLS").format(sql.Identifier(APP)))
        superuser.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(connection.settings_dict["USER"])))
        for statement in documented():
            superuser.execute(statement.encode())
        superuser.execute("RESET ROLE")
        superuser.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(APP)))
        yield superuser


def refused(application: psycopg.Connection, statement: str) -> bool:
    try:
        with application.transaction():
            application.execute(statement.encode())
    except errors.InsufficientPrivilege as error:
        return "are a record" not in str(error)  # for want of the right, not by the trigger
    return False


def test_the_application_writes_and_reads_the_logs_and_everything_else(application: psycopg.Connection) -> None:
    org = application.execute(
        "INSERT INTO orgs_organization (name, slug, created_at, logo_digest) VALUES ('Acme', 'acme', now(), '')"
        " RETURNING id"
    ).fetchone()
    assert org is not None
    application.execute("SELECT set_config('app.org', %s, true)", [str(org[0])])
    application.execute(
        "INSERT INTO orgs_event (org_id, name, target_type, target_label, data, created_at)"
        " VALUES (%s, 'org.created', '', '', '{}', now())",
        org,
    )
    assert application.execute("SELECT name FROM orgs_event").fetchall() == [("org.created",)]
    application.execute("SELECT set_config('app.org', '0', true)")
    assert application.execute("SELECT name FROM orgs_event").fetchall() == []  # the wall holds for it too
    application.execute("UPDATE orgs_organization SET name = 'Globex' WHERE id = %s", org)
    application.execute("DELETE FROM django_session")


@pytest.mark.parametrize("table", LOGS)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET name = 'x'",
        "DELETE FROM {}",
        "TRUNCATE {} CASCADE",
        "ALTER TABLE {} DISABLE TRIGGER ALL",
        "ALTER TABLE {} DISABLE TRIGGER unalterable",
        "ALTER TABLE {} NO FORCE ROW LEVEL SECURITY",
        "DROP TRIGGER unalterable ON {}",
        "DROP TABLE {} CASCADE",
        "SET LOCAL session_replication_role = replica",
    ],
)
def test_the_application_cannot_touch_the_logs(application: psycopg.Connection, table: str, statement: str) -> None:
    assert refused(application, statement.format(table))


def test_the_applications_role_owns_nothing(application: psycopg.Connection) -> None:
    owned = "SELECT count(*) FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
    assert application.execute(owned).fetchone() == (0,)
