"""Short database work of the gateway, off the event loop: the ledger's rows and the quota of single calls."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connection

from billing.meter import month_of
from orgs.scoping import org_scope
from prompts import clock, spending
from prompts.models import HourMark, LlmCall
from prompts.spending import Amount

logger = logging.getLogger("prompter.llm")

_THREADS = 4
_PAUSES = (0.1, 0.5, 2.0)  # seconds between tries

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row that is still to be written. `at` and the reference together are its identity. `month` is whose budget
    it counts in, where that is not the month of `at`; `answers` count there with it."""

    org_id: int
    at: datetime
    fields: dict[str, Any]
    month: date | None = None
    answers: int = 0

    def row(self) -> LlmCall:
        return LlmCall(org_id=self.org_id, created_at=self.at, **self.fields)

    @property
    def amount(self) -> Amount:
        # The ledger keeps what a simulated call would have cost; nobody pays it.
        cost = Decimal(0) if self.fields.get("simulated") else self.fields.get("cost") or Decimal(0)
        month = self.month or month_of(self.at)
        return Amount(month=month, project_id=self.fields.get("project_id"), answers=self.answers, money=cost)


@dataclass(slots=True)
class Slip:
    """Given with a call, it receives the call's entry: the caller books it in the transaction that stores what came of
    the call, so that both are there or neither. An attempt that is cancelled is recorded at once all the same."""

    entry: Entry | None = None


_executor: ThreadPoolExecutor | None = None


def entry_of(org_id: int, fields: dict[str, Any]) -> Entry:
    return Entry(org_id=org_id, at=clock.now(), fields=fields)


def book(org_id: int, entries: Sequence[Entry], *, doubtful: bool = False, besides: Sequence[Amount] = ()) -> None:
    """Write rows in the caller's scope, and count what they cost and what there is `besides` in the month's spending.
    `doubtful` ones may have been written by an attempt whose commit was not heard of; those that were are left out."""
    if entries and doubtful:
        same = LlmCall.objects.for_org(org_id).filter(created_at__in=[entry.at for entry in entries])
        known = set(same.values_list("created_at", "reference"))
        entries = [one for one in entries if (one.at, one.fields.get("reference", "")) not in known]
    LlmCall.objects.for_org(org_id).bulk_create([entry.row() for entry in entries])
    hours = {entry.at.replace(minute=0, second=0, microsecond=0) for entry in entries}
    HourMark.objects.for_org(org_id).bulk_create([HourMark(org_id=org_id, hour=hour) for hour in sorted(hours)])
    spending.add(org_id, [*(entry.amount for entry in entries), *besides])


async def record(entry: Entry, *, doubtful: bool = False) -> None:
    """Write one row now. One that cannot be written is tried again and then logged whole: it never costs the reply."""
    org_id, fields = entry.org_id, entry.fields
    for pause in (*_PAUSES, None):
        try:
            await in_scope(org_id, partial(book, org_id, [entry], doubtful=doubtful))
            return
        except (DatabaseError, InterfaceError) as error:
            doubtful = True  # its commit may not have been heard of
            # A project that is gone will not come back, and what does not fit never will.
            if pause is None or isinstance(error, IntegrityError | DataError):
                logger.exception("the ledger lost a call: org=%s %s", org_id, line(fields))
                return
            logger.warning("the ledger is not reachable, trying again: %s", type(error).__name__)
            await asyncio.sleep(pause)


def line(fields: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in fields.items())


async def in_scope(org_id: int, function: Callable[[], T]) -> T:
    """Run `function` in its own short transaction of an organization, on a thread of its own."""
    return await asyncio.get_running_loop().run_in_executor(_threads(), _scoped, org_id, function)


def _scoped(org_id: int, function: Callable[[], T]) -> T:
    try:
        with org_scope(org_id):
            return function()
    finally:
        connection.close()  # back to the pool, where there is one


def _threads() -> ThreadPoolExecutor:
    global _executor
    if _executor is None:
        _executor = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="ledger")
    return _executor


def _forget_threads() -> None:
    """After a fork: the parent's threads are not in this process."""
    global _executor
    _executor = None


os.register_at_fork(after_in_child=_forget_threads)
