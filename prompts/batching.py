"""The gateway's other door: questions that a provider answers together, later and for less.

No slot of the limiter is taken, for batches have allowances of their own; what they cost is booked by whoever reads
their results.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from prompts.accounting import OK
from prompts.credentials import shared_credential
from prompts.gateway import Lane
from prompts.ledger import Entry
from prompts.llm import catalog
from prompts.llm.types import Reply

if TYPE_CHECKING:
    from prompts.llm.batches import Batches

_SMALLEST = Decimal("0.00000001")  # what the ledger holds of a dollar


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """What one answer of a batch cost, and how much less than live; in USD, `cost` None where nobody knows."""

    cost: Decimal | None
    saved: Decimal


def former_lane(engine_key: str, lane_key: str, *, now: Lane | None) -> Lane | None:
    """A lane as it was when a batch was handed over, as far as its key can still be had: the installation's own, or,
    where an organization replaced its key, the new one, which is usually the same account's."""
    try:
        engine = catalog.get(engine_key)
    except catalog.UnknownEngine:
        return None
    shared = shared_credential(engine)
    if shared is not None:
        former = Lane(credential=shared, engine=engine)
        if former.key == lane_key:
            return former
    return now if now is not None and now.credential.id.startswith("own-") and lane_key.startswith("own-") else None


def batches_of(lane: Lane) -> Batches:
    """The batch endpoint of a lane; raises `LlmError` where there is none."""
    # The SDKs take seconds to import: only a process that calls a provider pays for them.
    from prompts.llm.clients import batches_for

    return batches_for(lane.credential)


def paid(lane: Lane, reply: Reply) -> Paid:
    cost = catalog.price(lane.engine, reply.usage, batch=True)
    live = catalog.price(lane.engine, reply.usage)
    if cost is None or live is None:
        return Paid(cost=cost and cost.quantize(_SMALLEST), saved=Decimal(0))
    return Paid(cost=cost.quantize(_SMALLEST), saved=(live - cost).quantize(_SMALLEST))


def entry_of(
    lane: Lane, reply: Reply, *, org_id: int, project_id: int, purpose: str, reference: str, attempt: int, at: datetime
) -> Entry:
    """The ledger's row of one answer of a batch. `at` must be the same whenever its results are read again: with the
    reference it is the row's identity."""
    each = paid(lane, reply)
    fields = {
        "project_id": project_id,
        "purpose": purpose,
        "engine": lane.engine.key,
        "provider": lane.engine.provider.value,
        "model": reply.model.replace("\0", "")[:120],
        "credential": lane.credential.id,
        "simulated": lane.simulated,
        "reference": reference,
        "attempt": attempt,
        "outcome": OK,
        "request_id": reply.request_id.replace("\0", "")[:120],
        "input_tokens": reply.usage.input_tokens,
        "output_tokens": reply.usage.output_tokens,
        "searches": reply.usage.searches,
        "cost": each.cost,
        "saved": each.saved,
        "latency_ms": 0,
        "batched": True,
    }
    return Entry(org_id=org_id, at=at, fields=fields)
