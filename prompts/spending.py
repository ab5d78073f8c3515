"""What a month costs, counted in the transaction that books it; budgets are measured by it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils import timezone

from billing.meter import month_of
from orgs.events import emit
from prompts.models import Budget, Project, Spending

WARN_AT = Decimal("0.8")  # of a budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """Something that a project, or nothing in particular, cost in a month."""

    month: date
    project_id: int | None = None
    answers: int = 0
    money: Decimal = Decimal(0)


# One statement for the organization's row and the project's: it adds, and tells which budgets are to be warned of. Rows
# are locked in the order of their keys, here and where claims are measured (`scans/holds.py`).
_ADD = """
WITH added AS (
  INSERT INTO prompts_spending AS s (org_id, project_id, month, answers, money)
  SELECT %(org)s, o.project, o.month, o.answers, o.money
  FROM unnest(%(projects)s::bigint[], %(months)s::date[], %(answers)s::bigint[], %(money)s::numeric[])
    AS o(project, month, answers, money)
  ORDER BY o.month, o.project NULLS FIRST
  ON CONFLICT (org_id, project_id, month)
    DO UPDATE SET answers = s.answers + excluded.answers, money = s.money + excluded.money
  RETURNING id, project_id, month, answers, money, warned_at
)
SELECT a.id, b.id FROM added a
JOIN prompts_budget b ON b.org_id = %(org)s AND b.project_id IS NOT DISTINCT FROM a.project_id
WHERE a.warned_at IS NULL AND (a.answers >= %(warn)s * b.answers OR a.money >= %(warn)s * b.money)
ORDER BY a.project_id NULLS FIRST
"""


def add(org_id: int, amounts: Iterable[Amount]) -> None:
    """Count these in the caller's scope, for their projects and for the organization. Locks the month's rows until the
    transaction ends, so call it late in one. Whoever is to be warned of a budget is, once a month."""
    sums = _summed(amounts)
    if not sums:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD,
            {
                "org": org_id,
                "projects": [one.project_id for one in sums],
                "months": [one.month for one in sums],
                "answers": [one.answers for one in sums],
                "money": [one.money for one in sums],
                "warn": WARN_AT,
            },
        )
        due = cursor.fetchall()
    for spending_id, budget_id in due:
        _warn(org_id, spending_id, budget_id)


def told(budget: Budget, spending: Spending) -> dict[str, Any]:
    """What an event says of a budget and how far it is used."""
    return {
        "project": budget.project_id,
        "project_name": budget.project.name if budget.project else "",
        "month": spending.month.isoformat(),
        "answers": spending.answers,
        "answers_limit": budget.answers,
        "money": f"{spending.money:.2f}",
        "money_limit": None if budget.money is None else f"{budget.money:.2f}",
    }


def mark_reached(org_id: int, budget: Budget, *, month: date) -> None:
    """Tell that a budget stopped a scan, once a month."""
    rows = Spending.objects.for_org(org_id).filter(project=budget.project, month=month)
    if rows.filter(reached_at=None).update(reached_at=timezone.now()):
        emit(org_id, event_of(budget.project, "reached"), target=budget.project, data=told(budget, rows.get()))


def month_after(month: date) -> date:
    return month_of(date(month.year + month.month // 12, month.month % 12 + 1, 1))


def _summed(amounts: Iterable[Amount]) -> list[Amount]:
    sums: defaultdict[tuple[date, int | None], list[Amount]] = defaultdict(list)
    for one in amounts:
        if not one.answers and not one.money:
            continue
        sums[one.month, None].append(one)
        if one.project_id is not None:
            sums[one.month, one.project_id].append(one)
    return [
        Amount(
            month=month,
            project_id=project_id,
            answers=sum(one.answers for one in some),
            money=sum((one.money for one in some), Decimal(0)),
        )
        for (month, project_id), some in sums.items()
    ]


def _warn(org_id: int, spending_id: int, budget_id: int) -> None:
    rows = Spending.objects.for_org(org_id).filter(pk=spending_id)
    rows.update(warned_at=timezone.now())
    budget = Budget.objects.for_org(org_id).select_related("project").get(pk=budget_id)
    emit(org_id, event_of(budget.project, "warned"), target=budget.project, data=told(budget, rows.get()))


def event_of(project: Project | None, what: str) -> str:
    """Events of the organization's budget and of a project's are told in different words."""
    return f"project_budget.{what}" if project else f"budget.{what}"
