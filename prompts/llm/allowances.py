"""What providers allow an account of each of their tiers, for every model.

Requests and tokens per minute, and requests a day where they count those; the lowest of each tier that is known for
models of its kind. What a provider's headers tell of a model counts instead where it is lower. Looked up in November
2026; `prompts/key_limits.py` says the same on the page:

- OpenAI: developers.openai.com/api/docs/guides/rate-limits names the tiers and leaves figures to each model's page.
  These are no more than what those said of GPT-5 and GPT-5 mini in 2025; not confirmed for later models.
- Anthropic: platform.claude.com/docs/en/api/rate-limits, by way of reports of 29 June 2026: its four tiers became
  three that day, the same for Opus 4.x, Sonnet 4.x and Haiku 4.5. Input tokens; output has a limit of its own, a fifth
  of it. Not confirmed for 5.5.
- Google: ai.google.dev/gemini-api/docs/rate-limits has no figures any more and refers to AI Studio. These are the
  last published for Gemini 2.5 Flash, in 2025; not confirmed for later models.
- Perplexity: docs.perplexity.ai/docs/admin/rate-limits-usage-tiers, its table for the Agent API.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from .types import Limits, Provider

TIERS = MappingProxyType(
    {
        Provider.OPENAI: {
            "tier-1": Limits(requests=500, tokens=200_000),
            "tier-2": Limits(requests=5_000, tokens=1_000_000),
            "tier-3": Limits(requests=5_000, tokens=2_000_000),
            "tier-4": Limits(requests=10_000, tokens=4_000_000),
            "tier-5": Limits(requests=15_000, tokens=30_000_000),
        },
        Provider.ANTHROPIC: {
            "start": Limits(requests=1_000, tokens=2_000_000),
            "build": Limits(requests=5_000, tokens=5_000_000),
            "scale": Limits(requests=10_000, tokens=10_000_000),
        },
        Provider.GOOGLE: {
            "free": Limits(requests=10, tokens=250_000, day_requests=250),
            "tier-1": Limits(requests=1_000, tokens=1_000_000, day_requests=10_000),
            "tier-2": Limits(requests=2_000, tokens=3_000_000, day_requests=100_000),
            "tier-3": Limits(requests=10_000, tokens=8_000_000),
        },
        Provider.PERPLEXITY: {
            "tier-0": Limits(requests=50),
            "tier-1": Limits(requests=150),
            "tier-2": Limits(requests=500),
            "tier-3": Limits(requests=1_000),
            "tier-4": Limits(requests=2_000),
            "tier-5": Limits(requests=2_000),
        },
    }
)
# Tiers that are no more, for accounts that were told to have them: nobody's limits were lowered when they went.
_FORMER = MappingProxyType(
    {
        Provider.ANTHROPIC: {
            "tier-1": Limits(requests=50, tokens=30_000),
            "tier-2": Limits(requests=1_000, tokens=450_000),
            "tier-3": Limits(requests=2_000, tokens=800_000),
            "tier-4": Limits(requests=4_000, tokens=2_000_000),
        },
    }
)


def allowance(
    provider: Provider, *, tier: str, own: dict[str, int | None], otherwise: Limits | None = None
) -> Limits | None:
    """What an account allows: each figure as its owner gave it, else its tier's, else `otherwise`. None where its owner
    gave neither."""
    given = {name: figure for name, figure in own.items() if figure is not None}
    of_tier = TIERS.get(provider, {}).get(tier) or _FORMER.get(provider, {}).get(tier)
    if of_tier is None and not given:
        return None
    base = of_tier or otherwise or Limits(requests=0)
    return replace(base, **given, source="own" if given else "tier")  # type: ignore[arg-type]
