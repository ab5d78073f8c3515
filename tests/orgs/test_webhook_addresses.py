"""Looking up where a webhook is: nobody waits for a slow name server but who gave the name."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from orgs.models import Organization
from orgs.scoping import org_scope
from orgs.webhooks import endpoints
from orgs.webhooks.endpoints import EndpointFields
from tests.screens import ClientOf

SLOW = "slow.example"
_PATIENCE = 20  # seconds, of a test that would otherwise hang


@dataclass
class NameServer:
    """Answers for `SLOW` when the test says so, and notes which rows were locked when it was asked."""

    may_answer: threading.Event = field(default_factory=threading.Event)
    answered: list[str] = field(default_factory=list)
    locked: list[list[str]] = field(default_factory=list)

    def getaddrinfo(self, real: Any, main: Any, host: Any, *given: Any, **named: Any) -> Any:
        if host != SLOW:
            return real(host, *given, **named)
        self.locked.append([query["sql"] for query in list(main.queries_log) if "FOR NO KEY UPDATE" in query["sql"]])
        self.may_answer.wait(_PATIENCE)
        self.answered.append(host)
        return real("93.184.215.14", *given, **named)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch, db: None) -> Iterator[NameServer]:
    server, real, here = NameServer(), socket.getaddrinfo, connections["default"]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **named: server.getaddrinfo(real, here, *given, **named))
    yield server
    server.may_answer.set()


def test_a_name_that_nobody_answers_for_is_refused_in_time(
    client_of: ClientOf, owner: User, org: Organization, names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "_LOOK_UP", 0.05)
    client: Client = client_of(owner)
    response = client.post(
        reverse("webhook-add", args=[org.slug]), {"url": f"https://{SLOW}/", "events": ["scan.finished"]}
    )
    assert names.answered == []  # nobody waited for it
    assert response.status_code == 422
    assert "took too long" in response.content.decode()


def test_the_organization_is_free_while_a_name_is_looked_up(org: Organization, owner: User, names: NameServer) -> None:
    names.may_answer.set()
    fields = EndpointFields(url=f"https://{SLOW}/", events=("scan.finished",))
    with CaptureQueriesContext(connection) as asked, org_scope(org):
        endpoints.add(org, fields, actor=owner)
    assert names.locked == [[]]
    assert any("FOR NO KEY UPDATE" in query["sql"] for query in asked)
