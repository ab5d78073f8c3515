"""Asking the simulated providers through the gateway, and reading what it wrote down."""

from asgiref.sync import sync_to_async
from django.db import connection

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
