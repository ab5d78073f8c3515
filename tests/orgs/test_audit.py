"""The audit log: unalterable, found by what is looked for, handed out whole and harmless."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction
from django.test import Client

from accounts.models import User
from orgs.audit import BATCH, harmless
from orgs.events import emit
from orgs.models import Event, Organization
from orgs.scoping import all_orgs_scope, org_scope
from prompts import library
from prompts.credentials import remove_key, save_key
from prompts.models import Project
from tests.screens import ClientOf

PAGE = "/o/acme/audit/"


def event_of(org: Organization, **fields: Any) -> Event:
    with org_scope(org):
        return emit(org, fields.pop("name", "org.renamed"), **fields)


def exported(client: Client, **filters: str) -> list[dict[str, str]]:
    response = client.post("/o/acme/audit/export/", filters)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    text = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(StringIO(text)))


@pytest.mark.parametrize("scope", ["org", "all"])
@pytest.mark.parametrize("act", ["update", "delete", "raw update", "raw delete"])
def test_nobody_changes_or_deletes_an_event(org: Organization, owner: User, act: str, scope: str) -> None:
    event = event_of(org, actor=owner)
    acts: dict[str, Callable[[], object]] = {
        "update": lambda: Event.objects.for_org(org).update(name="org.created"),
        "delete": lambda: Event.objects.for_org(org).delete(),
        "raw update": lambda: run("UPDATE orgs_event SET actor_id = NULL WHERE id = %s", event.pk),
        "raw delete": lambda: run("DELETE FROM orgs_event WHERE id = %s", event.pk),
    }
    opened = org_scope(org) if scope == "org" else all_orgs_scope("a test")
    with pytest.raises(ProgrammingError, match="are a record"), transaction.atomic(), opened:
        acts[act]()
    with org_scope(org):
        assert Event.objects.for_org(org).get().actor == owner


def run(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_an_event_is_a_sentence_with_time_address_and_what_changed(
    client_of: ClientOf, org: Organization, admin: User, owner: User
) -> None:
    event_of(
        org,
        name="membership.role_changed",
        actor=owner,
        target=admin,
        before={"role": "member"},
        after={"role": "admin"},
    )
    page = client_of(admin).get(PAGE)
    text = " ".join(page.content.decode().split())
    assert "changed the role of <bdi>Admin of Acme</bdi> from <bdi>Member</bdi> to <bdi>Admin</bdi>" in text
    assert "role: Member" in text
    assert "role: Admin" in text


def test_an_operators_act_names_both(client_of: ClientOf, org: Organization, admin: User, operator: User) -> None:
    operator.name = "Olga"
    operator.save()
    with org_scope(org):
        Event.objects.for_org(org).create(org=org, name="org.logo_changed", actor=admin, impersonator=operator)
    assert "Operator Olga as Admin of Acme" in client_of(admin).get(PAGE).content.decode()


def test_hostile_names_stay_text(client_of: ClientOf, org: Organization, admin: User) -> None:
    with org_scope(org):
        label = "<img src=x onerror=alert(1)>\u202eevil"
        Event.objects.for_org(org).create(org=org, name="brand.removed", actor=admin, target_label=label)
    text = client_of(admin).get(PAGE).content.decode()
    assert "<img src=x" not in text
    assert "\u202e" not in text
    assert "&lt;img src=x" in text


def test_the_log_is_found_by_kind_person_time_and_text(
    client_of: ClientOf, org: Organization, admin: User, owner: User
) -> None:
    with org_scope(org):
        rows = Event.objects.for_org(org)
        at = datetime(2026, 3, 2, 12, tzinfo=UTC)
        rows.create(org=org, name="org.renamed", actor=owner, target_label="Alpha", created_at=at)
        rows.create(org=org, name="project.created", actor=admin, target_label="Beta")
        rows.create(org=org, name="scan.finished", target_label="Gamma")
    client = client_of(admin)

    def shown(**query: str) -> set[str]:
        lines = client.get(PAGE, query).context["page"].items
        labels = {"org.renamed": "Alpha", "project.created": "Beta", "scan.finished": "Gamma"}
        with org_scope(org):
            names = Event.objects.for_org(org).filter(pk__in=[line.pk for line in lines]).values_list("name", flat=True)
            return {labels[name] for name in names}

    assert shown() == {"Alpha", "Beta", "Gamma"}
    assert shown(kind="org.renamed") == {"Alpha"}
    assert shown(actor=str(admin.pk)) == {"Beta"}
    assert shown(actor="nobody") == {"Gamma"}
    assert shown(until="2026-03-02") == {"Alpha"}
    assert shown(since="2026-03-02", until="2026-03-02") == {"Alpha"}
    assert shown(since="2026-03-03") == {"Beta", "Gamma"}
    assert shown(q="bet") == {"Beta"}
    assert shown(kind="nonsense", actor="x", since="yesterday") == {"Alpha", "Beta", "Gamma"}


def test_the_log_goes_on_page_by_page(client_of: ClientOf, org: Organization, admin: User) -> None:
    with org_scope(org):
        Event.objects.for_org(org).bulk_create(
            Event(org=org, name="project.created", actor=admin, target_label=f"Project {n}") for n in range(120)
        )
    client, seen, query = client_of(admin), set(), {}
    for _ in range(3):
        page = client.get(PAGE, query).context["page"]
        seen |= {line.pk for line in page.items}
        query = {"after": page.next}
    assert (len(seen), page.next) == (120, "")


def test_the_log_of_thousands_asks_the_database_little(
    client_of: ClientOf, org: Organization, admin: User, django_assert_max_num_queries: Any
) -> None:
    with org_scope(org):
        Event.objects.for_org(org).bulk_create(
            Event(org=org, name="project.created", actor=admin, target_label=f"Project {n}") for n in range(3_000)
        )
    client = client_of(admin)
    client.get(PAGE)
    with django_assert_max_num_queries(15):
        assert client.get(PAGE, {"q": "Project 17"}).status_code == 200


def test_the_export_is_whole_filtered_and_recorded(
    client_of: ClientOf, org: Organization, admin: User, owner: User
) -> None:
    with org_scope(org):
        rows = [Event(org=org, name="project.created", actor=owner, target_label=f"P {n}") for n in range(BATCH + 3)]
        Event.objects.for_org(org).bulk_create(rows)
    event_of(org, actor=owner, target=org, before={"name": "Acme"}, after={"name": "Acme Inc"})
    client = client_of(admin)
    every = exported(client)
    assert len(every) == BATCH + 4
    assert (every[0]["kind"], every[0]["actor"]) == ("org.renamed", owner.email)
    assert every[0]["before"] == '{"name": "Acme"}'
    assert [row["kind"] for row in exported(client, kind="org.renamed")] == ["org.renamed"]
    with org_scope(org):
        taken = Event.objects.for_org(org).filter(name="audit.exported").order_by("pk")
        assert [event.data["filters"] for event in taken] == [{}, {"kind": "org.renamed"}]
        assert all(event.actor == admin for event in taken)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "\uff1d1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"
    assert harmless("Acme = good") == "Acme = good"


def test_the_log_is_for_admins_alone(
    client_of: ClientOf, org: Organization, member: User, outsider: User, owner: User
) -> None:
    for user, status in ((member, 403), (outsider, 404), (owner, 200), (None, 302)):
        assert client_of(user).get(PAGE).status_code == status
        assert client_of(user).post("/o/acme/audit/export/").status_code == status
    assert client_of(owner).post(PAGE).status_code == 405
    assert client_of(owner).get("/o/acme/audit/export/").status_code == 405


def test_another_organizations_events_are_in_neither(
    client_of: ClientOf, org: Organization, owner: User, outsider: User, other_org: Organization
) -> None:
    with org_scope(other_org):
        emit(other_org, "org.renamed", actor=outsider, target=other_org)
    client = client_of(owner)
    assert "Globex" not in client.get(PAGE).content.decode()
    assert exported(client) == []


def test_a_key_is_recorded_by_its_last_characters_alone(org: Organization, owner: User) -> None:
    with org_scope(org):
        save_key(org, provider="openai", api_key="sk-proj-very-secret-1234", actor=owner)
        save_key(org, provider="openai", api_key="sk-proj-very-secret-5678", actor=owner)
        remove_key(org, provider="openai", actor=owner)
        told = list(Event.objects.for_org(org).order_by("pk").values_list("before", "after"))
    assert told == [(None, {"key": "…1234"}), ({"key": "…1234"}, {"key": "…5678"}), ({"key": "…5678"}, None)]


def test_a_change_keeps_only_what_changed(project: Project, owner: User) -> None:
    fields = library.ProjectFields(name="Lumen", samples=project.samples)
    with org_scope(project.org_id):
        library.update_project(project, fields, actor=owner)
        event = Event.objects.for_org(project.org_id).get()
    assert (event.before, event.after) == ({"name": "Lumenboard"}, {"name": "Lumen"})


def test_an_event_remembers_where_it_came_from(client_of: ClientOf, org: Organization, owner: User) -> None:
    client_of(owner).post("/o/acme/settings/", {"name": "Acme Inc"}, REMOTE_ADDR="203.0.113.7")
    with org_scope(org):
        event = Event.objects.for_org(org).get(name="org.renamed")
    assert event.address == "203.0.113.7"


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_the_first_and_the_last_of_all_days_can_be_asked_for(
    client_of: ClientOf, org: Organization, owner: User, day: str
) -> None:
    event_of(org, actor=owner)
    client = client_of(owner)
    for name in ("since", "until"):
        assert client.get(PAGE, {name: day}).status_code == 200
        rows = exported(client, **{name: day})
        assert bool(rows) == ((name, day) in {("since", "0001-01-01"), ("until", "9999-12-31")})
