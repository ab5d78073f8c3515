"""What a call cost, in USD.

Covered: input, cached input and output tokens (thinking included), long-prompt tiers, per-request fees and web
searches, from the `genai-prices` package's own data at the time of the call. Where that data knows a model's tokens
but not its searches, the provider's published fee below fills in. Where the provider itself said what the call cost
(Perplexity, OpenRouter), that is the price. Not covered: discounts, free allowances, batch and priority rates, taxes.
An unknown price is None, never 0.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import genai_prices

from .types import Provider, Usage

# USD per 1,000 searches. Sources: developers.openai.com/api/docs/pricing, platform.claude.com/docs (web search tool),
# ai.google.dev/gemini-api/docs/pricing; read in November 2026.
SEARCH_FEES = {
    Provider.OPENAI: Decimal(10),
    Provider.ANTHROPIC: Decimal(10),
    Provider.GOOGLE: Decimal(14),
}
# Before its third generation Google billed a grounded answer once, however many searches it took.
_BILLED_PER_ANSWER = ("gemini-1", "gemini-2")


def price(provider: Provider, model: str, usage: Usage, *, at: datetime | None = None) -> Decimal | None:
    """The price of `usage` of `model` at a moment (default: now), or None where nobody knows it."""
    if usage.cost is not None:
        return usage.cost
    if provider is Provider.COMPATIBLE:
        return None  # a model's name says nothing about what somebody's own server charges for it
    searches = min(usage.searches, 1) if model.startswith(_BILLED_PER_ANSWER) else usage.searches
    tokens = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=min(usage.cached_input_tokens, usage.input_tokens),
        output_tokens=usage.output_tokens,
        web_searches=searches,
    )
    try:
        found = genai_prices.calc_price(tokens, model, provider_id=provider.value, genai_request_timestamp=at)
    except LookupError:
        return None
    if found.model_price.input_mtok is None:
        return None  # known by name, without a price
    # A fee per request includes its searches.
    searches_priced = found.model_price.web_searches_kcount is not None or found.model_price.requests_kcount is not None
    if not searches or searches_priced:
        return found.total_price
    fee = SEARCH_FEES.get(provider)
    return None if fee is None else found.total_price + fee * searches / 1000
