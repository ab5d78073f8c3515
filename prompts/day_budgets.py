"""What a provider key has spent of its provider's day, from the ledger: Redis counts it, and is asked to go on from
here after it has lost its data."""

from __future__ import annotations

from datetime import datetime

from asgiref.sync import sync_to_async
from django.db import connection
from django.db.models import Count, F, Sum
from django.utils import timezone

from orgs.scoping import all_orgs_scope
from prompts.llm.catalog import Engine
from prompts.llm.limiter import day_start
from prompts.models import LlmCall


async def spent_today(credential: str, engine: Engine) -> tuple[int, int]:
    """Requests and tokens of one credential and model since its provider's day began, of every organization. Whole
    days are read, so only a lane that Redis does not know pays for it."""
    since = day_start(engine.provider.value, at=timezone.now())
    model = engine.key.rpartition("/")[0] + "/"
    return await sync_to_async(_spent_since, thread_sensitive=False)(credential, model, since)


def _spent_since(credential: str, model: str, since: datetime) -> tuple[int, int]:
    try:
        with all_orgs_scope("the day's budget of a provider key"):
            rows = LlmCall.all_orgs.filter(credential=credential, engine__startswith=model, created_at__gte=since)
            found = rows.aggregate(calls=Count("pk"), tokens=Sum(F("input_tokens") + F("output_tokens"), default=0))
        return found["calls"], found["tokens"]
    finally:
        connection.close()
