"""What this month's budgets have room for, before a scan starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import TYPE_CHECKING, Protocol

from django.utils.translation import gettext_noop

from orgs.telling import NOTHING, Sentence, number
from prompts.budgets import Level
from scans import holds

if TYPE_CHECKING:
    from prompts.llm.catalog import Engine
    from scans.forecast import Forecast


class Asked(Protocol):
    """An engine as a scan asks it: a lane, or the choice that becomes one."""

    @property
    def engine(self) -> Engine: ...

    @property
    def simulated(self) -> bool: ...


def blocked(levels: Iterable[Level], engines: Sequence[Asked]) -> tuple[Level, str] | None:
    """The budget that does not hold even the cheapest of these engines' answers, and which of its limits. What fits
    partly starts, and is stopped by the budget."""
    cheapest = min((Decimal(0) if one.simulated else holds.most(one.engine.key) for one in engines), default=Decimal(0))
    return next(((level, limit) for level in levels if (limit := level.blocking(money=cheapest))), None)


def missing(levels: Sequence[Level], forecast: Forecast) -> Sentence:
    """What the tightest budget that does not hold all of a scan has room for, or nothing. Money is not told in amounts:
    not everybody who starts a scan may see what is spent."""
    counted = [(max(0, one.answers_limit - one.answers), one) for one in levels if one.answers_limit is not None]
    left, level = min(counted, key=itemgetter(0), default=(forecast.answers, None))
    if level and left < forecast.answers:
        values = {"left": number(left), "asked": number(forecast.answers)}
        return Sentence(_ANSWERS[level.project is not None], values)
    money = Decimal(sum(part.cost.likely for part in forecast.parts if part.cost and not part.simulated))
    for level in levels:
        if level.money_limit is not None and level.money + money > level.money_limit:
            return Sentence(_MONEY[level.project is not None])
    return NOTHING


_ANSWERS = {
    True: gettext_noop(
        "This month the project's budget has room for %(left)s of these %(asked)s answers."
        " The scan stops there and can be resumed."
    ),
    False: gettext_noop(
        "This month the organization's budget has room for %(left)s of these %(asked)s answers."
        " The scan stops there and can be resumed."
    ),
}
_MONEY = {
    True: gettext_noop(
        "What is left of the project's budget is less than this is likely to cost."
        " The scan stops there and can be resumed."
    ),
    False: gettext_noop(
        "What is left of the organization's budget is less than this is likely to cost."
        " The scan stops there and can be resumed."
    ),
}
