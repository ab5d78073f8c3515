"""What an organization says of its provider account: its tier there, or its own figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from orgs.events import emit
from prompts import traffic
from prompts.llm.allowances import TIERS, allowance
from prompts.llm.types import Limits, Provider
from prompts.models import ProviderKey

if TYPE_CHECKING:
    from accounts.models import User

FIGURES = {
    "requests": "requests_per_minute",
    "tokens": "tokens_per_minute",
    "day_requests": "requests_per_day",
    "day_tokens": "tokens_per_day",
}
UNSAID: dict[str, str | None] = {"tier": "", **dict.fromkeys(FIGURES.values())}


def limits_of(row: ProviderKey) -> Limits | None:
    """None where nothing was said: the installation's settings for the provider count."""
    provider = Provider(row.provider)
    own = {name: getattr(row, column) for name, column in FIGURES.items()}
    otherwise = traffic.limits_of(provider.value, simulated=False)
    return allowance(provider, tier=row.tier, own=own, otherwise=otherwise)


def save_limits(row: ProviderKey, *, tier: str, figures: dict[str, int | None], actor: User | None = None) -> None:
    """Scans follow within seconds. `figures` is by column."""
    before = _told(row)
    row.tier = tier
    for column in FIGURES.values():
        setattr(row, column, figures.get(column))
    if _told(row) == before:
        return
    row.save(update_fields=["tier", *FIGURES.values()])
    data = {"provider": row.provider}
    emit(row.org_id, "provider_key.limited", actor=actor, target=row, before=before, after=_told(row), data=data)


def tier_choices(provider: Provider) -> list[tuple[str, str]]:
    return [(name, tier_label(name)) for name in TIERS[provider]]


def tier_label(name: str) -> str:
    return _("Free") if name == "free" else _("Tier %(number)s") % {"number": name.removeprefix("tier-")}


def _told(row: ProviderKey) -> dict[str, int | str | None]:
    return {"tier": row.tier, **{column: getattr(row, column) for column in FIGURES.values()}}
