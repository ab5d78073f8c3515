"""Which way a call may go, and when: an organization's lane of an engine, and slots of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from django.db import DatabaseError, InterfaceError
from django.utils.translation import gettext_noop

from orgs.cancelling import cancel
from orgs.telling import Explained
from prompts import traffic
from prompts.credentials import UnreadableKey, credential_of, unavailable_because
from prompts.day_budgets import spent_today
from prompts.llm import catalog
from prompts.llm.breaker import Verdict
from prompts.llm.lanes import End, Refusal, Slots
from prompts.llm.limiter import Spent
from prompts.llm.types import Credential, Limits

logger = logging.getLogger("prompter.llm")

RENEW = 5.0  # seconds between two words to the lanes of what is still under way
AWAY = 2.0  # seconds until a Redis or a database that cannot be reached is asked again
_REASONS = {
    Refusal.PACE: "limited",
    Refusal.BREAKER_OPEN: "breaker_open",
    Refusal.FULL: "full",
    Refusal.DAY_SPENT: "day_spent",
    Refusal.DAY_UNKNOWN: "limited",
}


_UNKNOWN = gettext_noop("There is no engine %(key)s. Did you mean one of these: %(nearest)s?")


class EngineUnavailable(Explained):
    """An engine that this organization cannot ask. It says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One credential and one model: what providers limit, and what pauses as one."""

    credential: Credential
    engine: catalog.Engine

    @property
    def key(self) -> str:
        return f"{self.credential.id}|{self.engine.provider.value}:{self.engine.model}"[:180]

    @property
    def simulated(self) -> bool:
        return self.credential.simulated

    @property
    def limits(self) -> Limits:
        own = self.credential.limits
        return own or traffic.limits_of(self.engine.provider.value, simulated=self.simulated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Seconds from now at which each granted call may be sent, and the ticket of each. None: `retry_in` seconds until
    asking again makes sense, and `reason` is `limited`, `full`, `day_spent`, `breaker_open`, `redis_down` or
    `database_down`."""

    slots: tuple[float, ...] = ()
    tickets: tuple[str, ...] = ()
    retry_in: float = 0.0
    reason: str = ""


def lane_for(org_id: int, engine_key: str) -> Lane:
    """The lane of an engine for an organization; call it inside an `org_scope`. Raises `EngineUnavailable`."""
    try:
        engine = catalog.get(engine_key)
        credential = credential_of(org_id, engine)
    except catalog.UnknownEngine as error:
        raise EngineUnavailable(_UNKNOWN, key=error.key[:120], nearest=", ".join(error.nearest)) from None
    except UnreadableKey as error:
        raise EngineUnavailable(error.said) from None
    reason = unavailable_because(engine, credential)
    if credential is None or reason:
        raise EngineUnavailable(reason)
    return Lane(credential=credential, engine=engine)


async def grant(lane: Lane, *, want: int, horizon: float = 5.0, tokens: int | None = None) -> Grant:
    """At most `want` slots within `horizon` seconds, each with `tokens` reserved (the engine's usual ones). While
    Redis cannot be reached there are none, nor while the database that is to tell what the day has cost cannot."""
    tokens = lane.engine.reserved_tokens if tokens is None else tokens
    try:
        found = await _grant(lane, want=want, horizon=horizon, tokens=tokens)
    except traffic.UNREACHABLE as error:
        logger.warning("redis is not reachable, nothing is sent: %s", type(error).__name__)
        return Grant(retry_in=AWAY, reason="redis_down")
    except (DatabaseError, InterfaceError) as error:
        logger.warning("the ledger cannot tell what the day has cost, nothing is sent: %s", type(error).__name__)
        return Grant(retry_in=AWAY, reason="database_down")
    if found.delays:
        return Grant(slots=found.delays, tickets=found.tickets)
    return Grant(retry_in=found.retry_in, reason=_REASONS[found.refusal])


async def _grant(lane: Lane, *, want: int, horizon: float, tokens: int) -> Slots:
    ask = partial(traffic.lanes().grant, lane.key, limits=lane.limits, want=want, horizon=horizon, tokens=tokens)
    found = await ask()
    if found.refusal is Refusal.DAY_UNKNOWN:
        # Redis does not know the lane, or has lost it: the ledger remembers what the day has cost.
        found = await ask(day=await spent_today(lane.credential.id, lane.engine))
    return found


async def give_back(lane: Lane, tickets: Sequence[str], *, tokens: int | None = None) -> None:
    """Slots granted just now that will not be used."""
    if not tickets:
        return
    tokens = lane.engine.reserved_tokens if tokens is None else tokens
    try:
        await traffic.lanes().give_back(lane.key, limits=lane.limits, tickets=tickets, tokens=tokens)
    except traffic.UNREACHABLE as error:
        logger.warning("redis is not reachable, %d slots are lost: %s", len(tickets), type(error).__name__)


async def give_up(lane: Lane, tickets: Sequence[str]) -> None:
    """Slots that passed unused."""
    unsent = Spent(reserved=lane.engine.reserved_tokens)
    try:
        for ticket in tickets:
            end = End(verdict=Verdict.UNKNOWN, spent=unsent, ticket=ticket)
            await traffic.tell(lane.key, limits=lane.limits, end=end)
    except traffic.UNREACHABLE as error:
        logger.warning(
            "redis is not reachable, %d slots count until they expire: %s", len(tickets), type(error).__name__
        )


async def keep_slots() -> None:
    """Tell the lanes that this process still holds what it was granted: every few seconds."""
    try:
        await traffic.renew()
    except traffic.UNREACHABLE as error:
        logger.warning("redis is not reachable, calls under way are not counted: %s", type(error).__name__)


@asynccontextmanager
async def kept() -> AsyncGenerator[None, None]:
    """A call that takes longer than a ticket holds counts until it has ended."""
    keeper = asyncio.create_task(_keep())
    try:
        yield
    finally:
        cancel(keeper)


async def _keep() -> None:
    while True:
        await asyncio.sleep(RENEW)
        await keep_slots()
