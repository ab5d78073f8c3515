"""Asking the simulated providers through the gateway, and reading what it wrote down."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection
from django.db.backends.signals import connection_created

from orgs.scoping import org_scope
from prompts import gateway
from prompts.gateway import Call, Patience
from prompts.llm.types import Request, Turn
from prompts.models import LlmCall

OPENAI = "openai:gpt-5.4-mini/web_search"
GEMINI = "google:gemini-3.8-flash/model"
QUESTION = "Which task board is best for a small team?"
HASTY = Patience(base=0.01, wait=1.0)


def lane_of(org, engine):
    with org_scope(org):
        return gateway.lane_for(org.pk, engine)


def call_of(org, lane, **changes):
    engine = lane.engine
    request = Request(model=engine.model, turns=(Turn(role="user", text=QUESTION),), surface=engine.surface, timeout=5)
    return Call(**{"org_id": org.pk, "lane": lane, "purpose": "test", "request": request, "patience": HASTY} | changes)


async def in_thread(function, *args):
    """Synchronous code, and the connection it opened closed again."""

    def run():
        try:
            return function(*args)
        finally:
            connection.close()

    return await sync_to_async(run)()


async def ledger(org):
    def rows():
        with org_scope(org):
            return list(LlmCall.objects.for_org(org).order_by("pk"))

    return await in_thread(rows)


async def outcomes(org):
    return [(row.attempt, row.outcome) for row in await ledger(org)]


async def paused(lane):
    states = await in_thread(gateway.lane_states, [lane.key])
    return states[lane.key]


class LostLedger:
    """While it is `away`, whoever reads the ledger loses the database; `lost` counts them."""

    def __init__(self, failure: type[Exception]) -> None:
        self.away = False
        self.lost = 0
        self._failure = failure

    def join(self, *, connection: Any, **_: Any) -> None:
        if self not in connection.execute_wrappers:
            connection.execute_wrappers.append(self)

    def __call__(self, execute: Callable[..., Any], sql: Any, *rest: Any) -> Any:
        if self.away and 'FROM "prompts_llmcall"' in sql:
            self.lost += 1
            raise self._failure("the database system is starting up")
        return execute(sql, *rest)


@contextmanager
def lost_ledger(failure: type[Exception]) -> Iterator[LostLedger]:
    """On all connections that are opened meanwhile."""
    ledger = LostLedger(failure)
    connection_created.connect(ledger.join)
    try:
        yield ledger
    finally:
        connection_created.disconnect(ledger.join)
        ledger.away = False
        with suppress(ValueError):
            connection.execute_wrappers.remove(ledger)
