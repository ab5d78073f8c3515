"""Plans as code: what a hosted organization gets for its price. A self-hosted installation has none and no limits."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

CURRENCY = "EUR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`price` is for one organization and month; `answers` are per month; None is no limit."""

    key: str
    name: str | Promise
    audience: str | Promise
    price: Decimal
    answers: int | None
    projects: int | None
    members: int | None
    retention_months: int | None
    support: str | Promise


SELF_HOSTED = Plan(
    key="self-hosted",
    name=_("Self-hosted"),
    audience=_("Run it on your own machines, with your own provider keys."),
    price=Decimal(0),
    answers=None,
    projects=None,
    members=None,
    retention_months=None,
    support=_("Documentation and source code"),
)
TEAM = Plan(
    key="team",
    name=_("Team"),
    audience=_("One company that follows its own brands."),
    price=Decimal(79),
    answers=5_000,
    projects=3,
    members=10,
    retention_months=24,
    support=_("By e-mail, within two working days"),
)
BUSINESS = Plan(
    key="business",
    name=_("Business"),
    audience=_("Several brands or markets, and agencies that follow those of others."),
    price=Decimal(349),
    answers=50_000,
    projects=25,
    members=50,
    retention_months=60,
    support=_("By e-mail, within one working day"),
)
PLANS: tuple[Plan, ...] = (SELF_HOSTED, TEAM, BUSINESS)


def plan_of(key: str) -> Plan:
    """Raises `KeyError` where no plan has this key."""
    return {plan.key: plan for plan in PLANS}[key]
