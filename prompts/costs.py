"""What calls cost, by day, project, purpose and engine: the ledger by the hour, summed up wherever nothing changed."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from io import StringIO
from typing import TYPE_CHECKING, Any

from django.db import connection

from orgs.audit import harmless
from orgs.events import emit
from orgs.scoping import all_orgs_scope, org_scope
from prompts.models import Project

if TYPE_CHECKING:
    from accounts.models import User
    from orgs.models import Organization

HOURS_AT_ONCE = 50
_LOCK = 0x70726F6D70  # one that sums up at a time, anywhere
COLUMNS = (
    "day",
    "project",
    "purpose",
    "engine",
    "simulated",
    "calls",
    "answered",
    "unpriced",
    "input_tokens",
    "output_tokens",
    "searches",
    "cost_usd",
    "batched",
    "batched_cost_usd",
    "saved_usd",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Days in UTC, both included, as budgets count them."""

    first: date
    last: date

    @property
    def since(self) -> datetime:
        return datetime.combine(self.first, time(), UTC)

    @property
    def until(self) -> datetime:
        return datetime.combine(self.last + timedelta(days=1), time(), UTC)

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=nth) for nth in range((self.last - self.first).days + 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """`cost` is in USD as far as prices are known; `unpriced` answered calls have none. `batched` calls were answered
    through providers' batches, for `batched_cost` of the cost, which is `saved` less than live."""

    calls: int = 0
    answered: int = 0
    unpriced: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    searches: int = 0
    cost: Decimal = Decimal(0)
    batched: int = 0
    batched_cost: Decimal = Decimal(0)
    saved: Decimal = Decimal(0)

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def is_known(self) -> bool:
        """Whether `cost` says anything at all."""
        return self.unpriced < max(self.answered, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Of one period, real calls or simulated ones."""

    total: Sums
    by_day: dict[date, Sums]
    by_project: dict[int | None, Sums]
    by_purpose: dict[str, Sums]
    by_engine: dict[str, Sums]


_MEASURES = "calls, answered, unpriced, input_tokens, output_tokens, searches, cost, batched, batched_cost, saved"
_MONEY = frozenset({"cost", "batched_cost", "saved"})
_OF_CALLS = """
count(*) AS calls, count(*) FILTER (WHERE outcome = 'ok') AS answered,
count(*) FILTER (WHERE outcome = 'ok' AND cost IS NULL) AS unpriced,
coalesce(sum(input_tokens), 0) AS input_tokens, coalesce(sum(output_tokens), 0) AS output_tokens,
coalesce(sum(searches), 0) AS searches, coalesce(sum(cost), 0) AS cost,
count(*) FILTER (WHERE outcome = 'ok' AND batched) AS batched,
coalesce(sum(cost) FILTER (WHERE batched), 0) AS batched_cost, coalesce(sum(saved), 0) AS saved
"""
_SUMS = ", ".join(f"sum({name})" for name in _MEASURES.split(", "))

# In one statement, and so of one moment: hours that are summed up, and those that something was added to since. An
# hour's end is a column: under row-level security an index is not searched for what `+` says, which is not leakproof.
_HOURS = f"""
WITH marked AS MATERIALIZED (
  SELECT DISTINCT hour, hour + interval '1 hour' AS over FROM prompts_hourmark
  WHERE org_id = %(org)s AND hour >= %(since)s AND hour < %(until)s
), hours AS (
  SELECT hour, project_id, purpose, engine, simulated, {_MEASURES} FROM prompts_hourcost
  WHERE org_id = %(org)s AND hour >= %(since)s AND hour < %(until)s AND hour NOT IN (SELECT hour FROM marked)
  UNION ALL
  SELECT marked.hour, calls.* FROM marked, LATERAL (
    SELECT project_id, purpose, engine, simulated, {_OF_CALLS} FROM prompts_llmcall
    WHERE org_id = %(org)s AND created_at >= marked.hour AND created_at < marked.over GROUP BY 1, 2, 3, 4
  ) calls
)
"""  # noqa: S608 - composed of constants
_BROKEN_DOWN = f"""{_HOURS}
SELECT simulated, GROUPING((hour AT TIME ZONE 'UTC')::date, project_id, purpose, engine),
  (hour AT TIME ZONE 'UTC')::date, project_id, purpose, engine, {_SUMS}
FROM hours GROUP BY GROUPING SETS (
  (simulated), (simulated, (hour AT TIME ZONE 'UTC')::date), (simulated, project_id), (simulated, purpose),
  (simulated, engine)
)
"""  # noqa: S608 - composed of constants
_LINES = f"""{_HOURS}
SELECT (hour AT TIME ZONE 'UTC')::date, p.name, purpose, engine, simulated, {_SUMS.replace("sum(", "sum(hours.")}
FROM hours LEFT JOIN prompts_project p ON p.org_id = %(org)s AND p.id = hours.project_id
GROUP BY 1, p.id, p.name, 3, 4, 5 ORDER BY 1, p.name NULLS FIRST, 3, 4, 5
"""  # noqa: S608 - composed of constants
_KEYS = 4  # day, project, purpose, engine
_TOTAL, _DAY, _PROJECT, _PURPOSE, _ENGINE = 0b1111, 0b0111, 0b1011, 0b1101, 0b1110  # what GROUPING says is summed over

_TAKE = """
WITH chosen AS (SELECT org_id, hour FROM prompts_hourmark GROUP BY org_id, hour ORDER BY min(id) LIMIT %s)
DELETE FROM prompts_hourmark m USING chosen c WHERE m.org_id = c.org_id AND m.hour = c.hour
RETURNING m.org_id, m.hour
"""
_FORGET = """
DELETE FROM prompts_hourcost h USING unnest(%(orgs)s::bigint[], %(hours)s::timestamptz[]) AS k(org_id, hour)
WHERE h.org_id = k.org_id AND h.hour = k.hour
"""
_SUM_UP = f"""
INSERT INTO prompts_hourcost (org_id, hour, project_id, purpose, engine, simulated, {_MEASURES})
SELECT k.org_id, k.hour, calls.* FROM unnest(%(orgs)s::bigint[], %(hours)s::timestamptz[], %(overs)s::timestamptz[])
  AS k(org_id, hour, over), LATERAL (
    SELECT project_id, purpose, engine, simulated, {_OF_CALLS} FROM prompts_llmcall
    WHERE org_id = k.org_id AND created_at >= k.hour AND created_at < k.over GROUP BY 1, 2, 3, 4
) calls
"""  # noqa: S608 - composed of constants


def costs_of(org_id: int, period: Period) -> tuple[Costs, Costs]:
    """Of real calls, and of simulated ones. One query."""
    parts: dict[bool, dict[int, dict[Any, Sums]]] = {False: {}, True: {}}
    with connection.cursor() as cursor:
        cursor.execute(_BROKEN_DOWN, {"org": org_id, "since": period.since, "until": period.until})
        for simulated, grouping, *rest in cursor:
            keys, measures = rest[:_KEYS], rest[_KEYS:]
            key = next((key for key in keys if key is not None), None)
            parts[simulated].setdefault(grouping, {})[key] = _sums(measures)
    return _costs(parts[False]), _costs(parts[True])


def _sums(measures: list[Any]) -> Sums:
    """In the order of `_MEASURES`; only money has decimals."""
    named = dict(zip(_MEASURES.split(", "), measures, strict=True))
    read: dict[str, Any] = {name: value if name in _MONEY else int(value) for name, value in named.items()}
    return Sums(**read)


def sum_up() -> int:
    """Sum up marked hours of every organization; how many. A mark that is set meanwhile stays for the next time."""
    with all_orgs_scope("hours of the ledger to sum up"), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_TAKE, [HOURS_AT_ONCE])
        hours = sorted(set(cursor.fetchall()))
        keys = {
            "orgs": [org_id for org_id, _ in hours],
            "hours": [hour for _, hour in hours],
            "overs": [hour + timedelta(hours=1) for _, hour in hours],
        }
        if hours:
            cursor.execute(_FORGET, keys)
            cursor.execute(_SUM_UP, keys)
    return len(hours)


def export(org: Organization, period: Period, *, actor: User) -> Iterator[str]:
    """Every day, project, purpose and engine as CSV; taking it is an event of the audit log."""
    told = {"since": period.first.isoformat(), "until": period.last.isoformat()}
    emit(org, "costs.exported", actor=actor, target=org, data=told)
    return _csv(org.pk, period)


def _csv(org_id: int, period: Period) -> Iterator[str]:
    """Runs after its page has returned: a week at a time, each in a scope of its own."""
    yield _written([COLUMNS])
    first = period.first
    while first <= period.last:
        piece = Period(first=first, last=min(first + timedelta(days=6), period.last))
        with org_scope(org_id), connection.cursor() as cursor:
            cursor.execute(_LINES, {"org": org_id, "since": piece.since, "until": piece.until})
            rows = [[_cell(value) for value in row] for row in cursor.fetchall()]
        if rows:
            yield _written(rows)
        first = piece.last + timedelta(days=1)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return "" if value is None else str(value)


def _written(rows: list[Any]) -> str:
    file = StringIO()
    csv.writer(file).writerows([[harmless(cell) for cell in row] for row in rows])
    return file.getvalue()


def _costs(parts: dict[int, dict[Any, Sums]]) -> Costs:
    return Costs(
        total=next(iter(parts.get(_TOTAL, {}).values()), Sums()),
        by_day=parts.get(_DAY, {}),
        by_project=parts.get(_PROJECT, {}),
        by_purpose=parts.get(_PURPOSE, {}),
        by_engine=parts.get(_ENGINE, {}),
    )


def names_of(org_id: int, ids: list[int]) -> dict[int, str]:
    return dict(Project.objects.for_org(org_id).filter(pk__in=ids).values_list("pk", "name"))
