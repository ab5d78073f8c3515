"""What an organization says of its provider account: its tier there, or its own figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

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
_SOURCES = {
    Provider.OPENAI: gettext_lazy(
        "OpenAI publishes no table: each model's page has its own figures. These are the lowest that were known of"
        " GPT-5 models in 2025; for newer models they are not confirmed."
    ),
    Provider.ANTHROPIC: gettext_lazy(
        "As reported in June 2026 for Claude models 4.x, input tokens only; for newer models they are not confirmed."
        " New accounts may start below these tiers."
    ),
    Provider.GOOGLE: gettext_lazy(
        "Google does not publish figures any more. These are the last ones, for Gemini 2.5 Flash in 2025; for other"
        " models they are not confirmed. AI Studio shows those of your project."
    ),
    Provider.PERPLEXITY: gettext_lazy("As published for Perplexity's Agent API, read in November 2026."),
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


def tier_choices(provider: Provider, *, kept: str = "") -> list[tuple[str, str]]:
    """`kept` is what was chosen before, which the provider may have given up meanwhile."""
    names = [*TIERS[provider]]
    return [(name, tier_label(name)) for name in (names if not kept or kept in names else [*names, kept])]


def tier_label(name: str) -> str:
    """Some providers number their tiers, some name them."""
    if name == "free":
        return _("Free")
    number = name.removeprefix("tier-")
    return name.capitalize() if number == name else _("Tier %(number)s") % {"number": number}


def source_of(provider: Provider) -> str:
    """Where the figures of the tiers are from, and what nobody could find out."""
    return str(_SOURCES[provider])


def _told(row: ProviderKey) -> dict[str, int | str | None]:
    return {"tier": row.tier, **{column: getattr(row, column) for column in FIGURES.values()}}
