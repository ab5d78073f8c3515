"""Storing what came of claimed answers: text, mentions, citations, ledger and quota stand or fall together."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import DataError, IntegrityError, connection
from django.utils.translation import gettext_noop

from billing import meter
from orgs.scoping import org_scope
from orgs.telling import NOTHING, Sentence
from prompts import ledger
from prompts.ledger import Entry
from prompts.llm.types import Reply
from prompts.spending import Amount
from scans import allowance, late
from scans.claims import Claimed, Lease
from scans.findings import BrandSets, Findings, insert_citations, insert_mentions, storable, storable_values
from scans.mentions import MATCHER_VERSION
from scans.models import Answer

logger = logging.getLogger("prompter.scans")

UNSTORABLE = "unstorable"
LOST_WORKER = "lost_worker"
_UNSTORABLE = gettext_noop("The answer came, but could not be stored (%(error)s).")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one claimed answer. `status` is where it goes: succeeded and failed are ends, pending asks again in
    `retry_in` seconds; `counted` is false where no call was sent after all; `entry` is the call's in the ledger."""

    claimed: Claimed
    status: Answer.Status
    reply: Reply | None = None
    cost: Decimal | None = None
    latency_ms: int | None = None
    error_kind: str = ""
    error: Sentence = NOTHING
    retry_in: float = 0.0
    counted: bool = True
    entry: Entry | None = None


def gave_up(claimed: Claimed, kind: str, why: Sentence, *, entry: Entry | None = None) -> Outcome:
    return Outcome(claimed=claimed, status=Answer.Status.FAILED, error_kind=kind, error=why, entry=entry)


# `held` refuses whoever lost the lease meanwhile: a zombie, or a runner whose scan was cancelled.
_STORE = """
WITH outcome AS (
  SELECT * FROM json_to_recordset(%s::json) AS o(
    id bigint, token uuid, status text, text text, model text, finish_reason text,
    searches jsonb, input_tokens int, output_tokens int, cost numeric, latency_ms int, request_id text,
    matcher_version text, error_kind text, error text, error_values jsonb, retry_in double precision,
    uncount int)
), held AS MATERIALIZED (
  SELECT a.id, o.token FROM scans_answer a JOIN outcome o ON a.id = o.id AND a.lease_token = o.token
  WHERE a.status = 'claimed' ORDER BY a.id FOR UPDATE OF a
)
UPDATE scans_answer a SET
  status = o.status, text = o.text, model = o.model, finish_reason = o.finish_reason, searches = o.searches,
  input_tokens = o.input_tokens, output_tokens = o.output_tokens, cost = o.cost, latency_ms = o.latency_ms,
  request_id = o.request_id, matcher_version = o.matcher_version, error_kind = o.error_kind, error = o.error,
  error_values = o.error_values, attempts = a.attempts - o.uncount,
  due_at = now() + o.retry_in * interval '1 second',
  finished_at = CASE WHEN o.status = 'pending' THEN NULL ELSE now() END, lease_token = NULL, lease_until = NULL
FROM held JOIN outcome o ON o.id = held.id AND o.token = held.token
WHERE a.id = held.id RETURNING a.id, o.token, a.held_month, a.quota_month
"""


class Store:
    """Stores outcomes; keeps the compiled brand sets."""

    def __init__(self) -> None:
        self._brands = BrandSets()

    def __call__(self, outcomes: Sequence[Outcome]) -> set[int]:
        """Store outcomes of one organization in one transaction. Returns the ids of those refused because their lease
        was gone. What the database will not take is tried one by one; an answer that alone is at fault fails, and
        one whose organization is gone is forgotten."""
        try:
            return self._together(outcomes)
        except (IntegrityError, DataError) as error:
            self._brands.forget()  # a brand may have been deleted since it was read
            if len(outcomes) > 1:
                return {pk for outcome in outcomes for pk in self([outcome])}
            return self._failed(outcomes[0], error)

    def _failed(self, outcome: Outcome, error: Exception) -> set[int]:
        """Once more with the brands as they are now, then without the reply, then without the call's row."""
        try:
            return self._together([outcome])
        except (IntegrityError, DataError):
            logger.exception("answer %s could not be stored", outcome.claimed.id)
        why = Sentence(_UNSTORABLE, {"error": type(error).__name__})
        for entry in (outcome.entry, None):
            try:
                return self._together([gave_up(outcome.claimed, UNSTORABLE, why, entry=entry)])
            except (IntegrityError, DataError):
                if entry is not None:
                    logger.exception("the ledger lost a call: org=%s %s", entry.org_id, ledger.line(entry.fields))
        # Its organization is gone: nothing may cost the others theirs.
        logger.error("answer %s is nobody's any more", outcome.claimed.id)
        return {outcome.claimed.id}

    def _together(self, outcomes: Sequence[Outcome]) -> set[int]:
        org_id = outcomes[0].claimed.org_id
        with org_scope(org_id):
            found = {
                o.claimed.lease: self._brands.of(org_id, o.claimed.project_id).find(o.reply)
                for o in outcomes
                if o.reply
            }
            with connection.cursor() as cursor:
                cursor.execute(_STORE, [json.dumps([_row(o, found.get(o.claimed.lease)) for o in outcomes])])
                rows = cursor.fetchall()
            months: dict[Lease, date | None] = {(pk, token): held for pk, token, held, _ in rows}
            reserved: dict[Lease, date | None] = {(pk, token): quota for pk, token, _, quota in rows}
            kept = {pk: findings for (pk, token), findings in found.items() if (pk, token) in months}
            insert_mentions(org_id, {pk: findings.spans for pk, findings in kept.items()})
            insert_citations(org_id, {pk: findings.citations for pk, findings in kept.items()})
            _book(org_id, outcomes, months=months)
            _settle(org_id, [o for o in outcomes if o.claimed.lease in months], reserved=reserved)
        refused = {outcome.claimed.id for outcome in outcomes if outcome.claimed.lease not in months}
        if refused:
            logger.warning("late answers refused, their leases were gone: %s", sorted(refused))
        return refused


def _row(outcome: Outcome, findings: Findings | None) -> dict[str, Any]:
    reply, claimed = outcome.reply, outcome.claimed
    return {
        "id": claimed.id,
        "token": str(claimed.token),
        "status": outcome.status.value,
        "text": findings.text if findings else "",
        "model": storable(reply.model)[:120] if reply else "",
        "finish_reason": reply.finish_reason.value if reply else "",
        "searches": [storable(query) for query in reply.searches] if reply else [],
        "input_tokens": reply.usage.input_tokens if reply else 0,
        "output_tokens": reply.usage.output_tokens if reply else 0,
        "cost": None if outcome.cost is None else str(outcome.cost),
        "latency_ms": outcome.latency_ms,
        "request_id": storable(reply.request_id)[:120] if reply else "",
        "matcher_version": MATCHER_VERSION if findings else "",
        "error_kind": outcome.error_kind,
        "error": storable(outcome.error.text)[:500],
        "error_values": storable_values(outcome.error.values),
        "retry_in": outcome.retry_in,
        "uncount": 0 if outcome.counted else 1,
    }


def _book(org_id: int, outcomes: Sequence[Outcome], *, months: dict[Lease, date | None]) -> None:
    """Calls that were made are paid for, and answers that came count, whether or not they were still wanted: in the
    budgets of the month that they were claimed in. What came late may have been booked before."""
    kept = [o for o in outcomes if o.claimed.lease in months]
    gone = [o for o in outcomes if o.claimed.lease not in months]
    held = late.let_go(o.claimed for o in gone)
    counted = [
        Amount(month=months[o.claimed.lease] or meter.month_of(), project_id=o.claimed.project_id, answers=1)
        for o in kept
        if o.status == Answer.Status.SUCCEEDED
    ]
    entries = [replace(o.entry, month=months[o.claimed.lease]) for o in kept if o.entry]
    refused = [
        replace(o.entry, month=held.get(o.claimed.id), answers=int(o.status == Answer.Status.SUCCEEDED))
        for o in gone
        if o.entry
    ]
    ledger.book(org_id, [*entries, *refused], doubtful=bool(refused), besides=counted)


def _settle(org_id: int, kept: Iterable[Outcome], *, reserved: dict[Lease, date | None]) -> None:
    used: Counter[date] = Counter()
    freed: Counter[date] = Counter()
    for outcome in kept:
        month = allowance.month_of(reserved[outcome.claimed.lease], outcome.claimed.created_at)
        used[month] += outcome.status == Answer.Status.SUCCEEDED
        freed[month] += outcome.status == Answer.Status.FAILED
    for month in sorted(used | freed):
        if used[month]:
            meter.settle(org_id, meter.ANSWERS, used[month], at=month)
        if freed[month]:
            meter.release(org_id, meter.ANSWERS, freed[month], at=month)
