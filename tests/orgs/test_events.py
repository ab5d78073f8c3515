"""Events are declared, written with what caused them, and told only once they are true."""

from typing import Any

import pytest
from django.db import transaction

from accounts.models import User
from orgs.events import UndeclaredEvent, declared, emit, event_committed
from orgs.models import Event, Organization
from orgs.scoping import org_scope
from prompts.models import Project


def test_an_undeclared_event_raises(org: Organization) -> None:
    with org_scope(org), pytest.raises(UndeclaredEvent, match=r"org\.created"):
        emit(org, "org.exploded")


def test_every_declared_event_has_a_meaning() -> None:
    assert {"org.created", "scan.started", "scan.finished"} <= set(declared())
    assert all(meaning and "." in name for name, meaning in declared().items())


def test_an_event_keeps_actor_target_and_data(org: Organization, owner: User, project: Project) -> None:
    with org_scope(org):
        emit(org, "org.renamed", actor=owner, target=project, data={"from": "Acme Inc"})
        event = Event.objects.for_org(org).get()
        assert (event.actor, event.target_type, event.target_id) == (owner, "prompts.project", project.pk)
        assert (event.target_label, event.data) == ("Lumenboard", {"from": "Acme Inc"})


@pytest.mark.django_db(transaction=True)
def test_listeners_hear_of_an_event_only_after_its_commit(org: Organization) -> None:
    heard: list[str] = []

    def listen(*, name: str, **_: Any) -> None:
        heard.append(name)

    event_committed.connect(listen)
    try:
        with pytest.raises(ZeroDivisionError), org_scope(org):
            emit(org, "org.renamed")
            raise ZeroDivisionError
        assert heard == []
        with transaction.atomic():
            with org_scope(org):
                emit(org, "org.renamed")
            assert heard == []
        assert heard == ["org.renamed"]
    finally:
        event_committed.disconnect(listen)


def test_an_event_about_somebody_keeps_their_name_or_a_masked_address_but_no_whole_one(
    org: Organization, owner: User
) -> None:
    nameless = User.objects.create_user("jane.doe@start.example")
    with org_scope(org):
        labels = [emit(org, "membership.left", target=person).target_label for person in (owner, nameless)]
    assert labels == ["Owner of Acme", "j…@start.example"]
