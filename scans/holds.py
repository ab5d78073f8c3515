"""What claimed answers hold of their budgets: each its place and the most that it may cost, until it is stored.

Nothing is counted up and down for it: what is held is what the claimed answers' own rows say, so that a lease that runs
out and a worker that is killed give it back by what they do anyway; what is cancelled under way holds on until its call
is booked (`scans/late.py`). Claims of one budget are
measured one after another, under a lock on the month's spending.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.db import connection

from prompts.budgets import Level, stop_of
from prompts.estimates import most_cost
from prompts.llm import catalog
from prompts.models import Project
from scans import budget_waits, late

WAIT = 2.0  # seconds until an answer looks again that only what calls under way hold keeps out

Key = tuple[int, int | None]  # organization, project


@dataclass(frozen=True, slots=True)
class Hold:
    """One answer claimed just now."""

    id: int
    org_id: int
    project_id: int
    scan_id: int
    month: date
    cost: Decimal


@dataclass(slots=True)
class Verdict:
    """Claims that do not fit, those of them that do not before a batch gives something back, and the scans that have no
    room left whatever the others give back."""

    refused: list[int] = field(default_factory=list)
    beside_batches: list[int] = field(default_factory=list)
    stops: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)


_BUDGETS = """
SELECT b.org_id, b.project_id, b.answers, b.money, p.name FROM prompts_budget b
LEFT JOIN prompts_project p ON p.org_id = b.org_id AND p.id = b.project_id
WHERE b.org_id = ANY(%(orgs)s) AND (b.project_id IS NULL OR b.project_id = ANY(%(projects)s))
ORDER BY b.org_id, b.project_id NULLS FIRST
"""
_SPENT = """
SELECT s.org_id, s.project_id, s.answers, s.money FROM prompts_spending s
JOIN unnest(%(orgs)s::bigint[], %(projects)s::bigint[]) AS k(org_id, project_id)
  ON s.org_id = k.org_id AND s.project_id IS NOT DISTINCT FROM k.project_id
WHERE s.month = %(month)s ORDER BY s.org_id, s.project_id NULLS FIRST FOR NO KEY UPDATE OF s
"""
_BEGIN_MONTH = """
INSERT INTO prompts_spending (org_id, project_id, month, answers, money)
SELECT k.org_id, k.project_id, %(month)s, 0, 0
FROM unnest(%(orgs)s::bigint[], %(projects)s::bigint[]) AS k(org_id, project_id)
ORDER BY k.org_id, k.project_id NULLS FIRST ON CONFLICT (org_id, project_id, month) DO NOTHING
"""
# What was handed over with a batch will cost what it costs; what is due again holds nothing. Each part walks along its
# own partial index.
_HELD = f"""
SELECT org_id, project_id, batched, count(*), coalesce(sum(held_cost), 0) FROM (
  SELECT org_id, project_id, held_cost, false AS batched FROM scans_answer
  WHERE status = 'claimed' AND org_id = ANY(%(orgs)s) AND held_month = %(month)s AND NOT id = ANY(%(ours)s)
  UNION ALL
  SELECT org_id, project_id, held_cost, true FROM scans_answer
  WHERE status = 'pending' AND batch_job_id IS NOT NULL AND due_at > now() + interval '1 minute'
    AND org_id = ANY(%(orgs)s) AND held_month = %(month)s
  UNION ALL {late.HELD}
) held GROUP BY org_id, project_id, batched
"""  # noqa: S608 - composed of constants
_WAIT = """
UPDATE scans_answer SET status = 'pending', lease_token = NULL, lease_until = NULL, attempts = attempts - 1,
  due_at = now() + %(wait)s * interval '1 second' WHERE id = ANY(%(ids)s)
"""


@lru_cache(maxsize=256)
def most(engine: str) -> Decimal:
    """What an answer of this engine holds of a budget of money; nothing where its price is not known."""
    try:
        return rounded(most_cost(catalog.get(engine)) or Decimal(0))
    except catalog.UnknownEngine:
        return Decimal(0)


def rounded(money: Decimal) -> Decimal:
    """As far as money is stored."""
    return money.quantize(Decimal("0.00000001"))


def measure(claimed: Sequence[Hold]) -> Verdict:
    """In the transaction that claims: who does not fit waits again. One query where nobody has a budget."""
    if not claimed:
        return Verdict()
    month, ours = claimed[0].month, [one.id for one in claimed]
    levels = _levels(claimed, month=month)
    if not levels:
        return Verdict()
    keys = {"orgs": [org for org, _ in levels], "projects": [project for _, project in levels], "month": month}
    spent = _rows(_SPENT, keys)
    if len(spent) < len(levels):
        _execute(_BEGIN_MONTH, keys)
        spent = _rows(_SPENT, keys)
    for org_id, project_id, answers, money in spent:
        levels[org_id, project_id] = replace(levels[org_id, project_id], answers=answers, money=money)
    # Only now, in a statement of its own: it sees every claim and every end that came before the locks.
    held = _rows(_HELD, {"orgs": [org for org, _ in levels], "month": month, "ours": ours, "late": late.longest()})
    batched = _with_held(levels, [row for row in held if row[2]])
    verdict = _verdict(
        claimed, settled=levels, batched=batched, held=_with_held(batched, [row for row in held if not row[2]])
    )
    if soon := sorted(set(verdict.refused) - set(verdict.beside_batches)):
        _execute(_WAIT, {"ids": soon, "wait": WAIT})
    if verdict.beside_batches:
        budget_waits.put_back(verdict.beside_batches)
    return verdict


def _levels(claimed: Sequence[Hold], *, month: date) -> dict[Key, Level]:
    asked = {"orgs": sorted({one.org_id for one in claimed}), "projects": sorted({one.project_id for one in claimed})}
    return {
        (org_id, project_id): Level(
            project=None if project_id is None else Project(pk=project_id, org_id=org_id, name=name),
            month=month,
            answers_limit=answers,
            money_limit=money,
        )
        for org_id, project_id, answers, money, name in _rows(_BUDGETS, asked)
    }


def _with_held(settled: dict[Key, Level], held: Sequence[tuple[int, int, bool, int, Decimal]]) -> dict[Key, Level]:
    levels = dict(settled)
    for org_id, project_id, _batched, answers, money in held:
        _take(levels, org_id, project_id, answers=answers, money=money)
    return levels


def _verdict(
    claimed: Sequence[Hold], *, settled: dict[Key, Level], batched: dict[Key, Level], held: dict[Key, Level]
) -> Verdict:
    """In the order of the claims; `settled` is what is spent for good, `batched` with what batches hold, `held` with
    all that may still come back."""
    verdict = Verdict()
    for one in claimed:
        keys = [key for key in ((one.org_id, None), (one.org_id, one.project_id)) if key in held]
        if all(held[key].holds(answers=1, money=one.cost) for key in keys):
            _take(held, one.org_id, one.project_id, answers=1, money=one.cost)
            continue
        verdict.refused.append(one.id)
        if any(batched[key].blocking(money=one.cost) for key in keys):
            verdict.beside_batches.append(one.id)
        for key in keys:
            if limit := settled[key].blocking(money=one.cost):
                verdict.stops.setdefault((one.org_id, one.scan_id), stop_of(settled[key], limit=limit))
    return verdict


def _take(levels: dict[Key, Level], org_id: int, project_id: int, *, answers: int, money: Decimal) -> None:
    for key in ((org_id, None), (org_id, project_id)):
        if key in levels:
            level = levels[key]
            levels[key] = replace(level, answers=level.answers + answers, money=level.money + money)


def _rows(sql: str, parameters: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[Any] = cursor.fetchall()
        return rows


def _execute(sql: str, parameters: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
