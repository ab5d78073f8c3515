"""What this month's budgets have room for, before a scan starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol

from django.db import connection
from django.utils.translation import gettext_noop

from billing.meter import month_of
from orgs.telling import NOTHING, Sentence, number
from prompts.budgets import Level
from prompts.estimates import answer_cost
from prompts.llm import catalog
from scans import holds, late
from scans.models import Answer, Scan

if TYPE_CHECKING:
    from prompts.models import Project
    from scans.forecast import Forecast, Part


class Asked(Protocol):
    """An engine as a scan asks it: a lane, or the choice that becomes one."""

    @property
    def engine(self) -> catalog.Engine: ...

    @property
    def simulated(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """What one project's running scans have still to ask, or have asked without an answer so far; `money` as it is
    likely to cost."""

    project_id: int
    answers: int
    money: Decimal


# Of scans that are open, and what of a cancelled one may still come in. A call under way and a batch count in the month
# in which they were begun; what waits to be asked, asked before or not, counts in this one.
_UNDER_WAY = f"""
SELECT project_id, engine, simulated, count(*), 0 FROM scans_answer
WHERE scan_id = ANY(%(scans)s) AND status = ANY(%(open)s) AND org_id = ANY(%(orgs)s)
  AND (held_month IS NULL OR held_month = %(month)s OR (status = 'pending' AND batch_job_id IS NULL))
GROUP BY project_id, engine, simulated
UNION ALL
SELECT project_id, '', true, count(*), sum(held_cost) FROM ({late.HELD}) late GROUP BY project_id
"""  # noqa: S608 - composed of constants


def blocked(levels: Iterable[Level], engines: Sequence[Asked]) -> tuple[Level, str] | None:
    """The budget that does not hold even the cheapest of these engines' answers, and which of its limits. What fits
    partly starts, and is stopped by the budget; what runs may give back what it holds."""
    cheapest = min((Decimal(0) if one.simulated else holds.most(one.engine.key) for one in engines), default=Decimal(0))
    return next(((level, limit) for level in levels if (limit := level.blocking(money=cheapest))), None)


def missing(project: Project, levels: Sequence[Level], forecast: Forecast) -> Sentence:
    """What the tightest budget that does not hold all of a scan has room for beside what is under way, or nothing.
    Money is not told in amounts: not everybody who starts a scan may see what is spent. Two queries where there is a
    budget, in the organization's scope."""
    if not any(level.is_set for level in levels):
        return NOTHING
    running = under_way(project.org_id)
    money = _needed([part for part in forecast.parts if not part.simulated])
    short = [found for level in levels for found in _short(level, running, answers=forecast.answers, money=money)]
    return min(short, key=itemgetter(0), default=(0.0, NOTHING))[1]


def under_way(org_id: int) -> list[UnderWay]:
    """Two queries, in the organization's scope."""
    parameters: dict[str, Any] = {
        "scans": list(Scan.objects.for_org(org_id).filter(status__in=Scan.OPEN).values_list("pk", flat=True)),
        "open": list(Answer.OPEN),
        "orgs": [org_id],
        "month": month_of(),
        "late": late.longest(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_UNDER_WAY, parameters)
        return [
            UnderWay(
                project_id=project, answers=n, money=(held or 0) + (Decimal(0) if simulated else n * _likely(engine))
            )
            for project, engine, simulated, n, held in cursor.fetchall()
        ]


def _likely(engine: str) -> Decimal:
    try:
        return answer_cost(catalog.get(engine)) or Decimal(0)
    except catalog.UnknownEngine:
        return Decimal(0)


def _needed(parts: Sequence[Part]) -> Decimal:
    """Money that has to be left for all of these to be asked: that of all but one as they are likely to cost, and of
    the last, the dearest, what it is measured by when it is claimed."""
    priced = [part for part in parts if part.cost and part.answers]
    total = sum((_of_one(part) * part.answers for part in priced), Decimal(0))
    return total + max([holds.most(part.engine.key) - _of_one(part) for part in priced] + [Decimal(0)])


def _of_one(part: Part) -> Decimal:
    return holds.rounded(Decimal(part.cost.likely) / part.answers) if part.cost else Decimal(0)


def _short(
    level: Level, running: Sequence[UnderWay], *, answers: int, money: Decimal
) -> Iterator[tuple[float, Sentence]]:
    """What share of a scan each limit of a budget has room for that does not hold all of it, and what is said then."""
    beside = [one for one in running if level.project is None or level.project.pk == one.project_id]
    where = level.project is not None, any(one.answers for one in beside)
    if level.answers_limit is not None:
        left = max(0, level.answers_limit - level.answers - sum(one.answers for one in beside))
        if left < answers:
            yield left / answers, Sentence(_ANSWERS[where], {"left": number(left), "asked": number(answers)})
    if level.money_limit is not None:
        rest = max(Decimal(0), level.money_limit - level.money - sum(one.money for one in beside))
        if rest < money:
            yield float(rest / money), Sentence(_MONEY[where])


# By whether it is the project's budget, and whether something else is under way in it.
_ANSWERS = {
    (True, False): gettext_noop(
        "This month the project's budget has room for %(left)s of these %(asked)s answers."
        " The scan stops there and can be resumed."
    ),
    (False, False): gettext_noop(
        "This month the organization's budget has room for %(left)s of these %(asked)s answers."
        " The scan stops there and can be resumed."
    ),
    (True, True): gettext_noop(
        "Beside what is being asked already, the project's budget has room for %(left)s of these %(asked)s answers this"
        " month. The scan stops there and can be resumed."
    ),
    (False, True): gettext_noop(
        "Beside what is being asked already, the organization's budget has room for %(left)s of these %(asked)s answers"
        " this month. The scan stops there and can be resumed."
    ),
}
_MONEY = {
    (True, False): gettext_noop(
        "What is left of the project's budget probably does not hold all of these answers."
        " The scan stops there and can be resumed."
    ),
    (False, False): gettext_noop(
        "What is left of the organization's budget probably does not hold all of these answers."
        " The scan stops there and can be resumed."
    ),
    (True, True): gettext_noop(
        "Beside what is being asked already, what is left of the project's budget probably does not hold all of these"
        " answers. The scan stops there and can be resumed."
    ),
    (False, True): gettext_noop(
        "Beside what is being asked already, what is left of the organization's budget probably does not hold all of"
        " these answers. The scan stops there and can be resumed."
    ),
}
