"""What a call cost, in USD.

Covered: input, cached input and output tokens (thinking included), long-prompt tiers, per-request fees and web
searches, from the `genai-prices` package's own data at the time of the call, batch rates included. Where that data
knows a model's tokens but not its searches or its batch rate, what the provider publishes and is noted below fills in.
Where the provider itself said what the call cost (Perplexity, OpenRouter), that is the price. Not covered: other
discounts, free allowances, priority rates, taxes. An unknown price is None, never 0.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import genai_prices
from genai_prices import types

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
# What a batch costs of the usual price of its tokens; searches cost the same in a batch. Sources:
# developers.openai.com/api/docs/guides/batch, platform.claude.com/docs/en/build-with-claude/batch-processing,
# ai.google.dev/gemini-api/docs/batch-api; read in November 2026.
BATCH_SHARE = {
    Provider.OPENAI: Decimal("0.5"),
    Provider.ANTHROPIC: Decimal("0.5"),
    Provider.GOOGLE: Decimal("0.5"),
}
_BATCH: types.PriceContext = {"processing": "batch"}


def price(
    provider: Provider, model: str, usage: Usage, *, at: datetime | None = None, batch: bool = False
) -> Decimal | None:
    """The price of `usage` of `model` at a moment (default: now), live or in a batch, or None where nobody knows it."""
    if usage.cost is not None:
        return usage.cost
    if provider is Provider.COMPATIBLE:
        return None  # a model's name says nothing about what somebody's own server charges for it
    if batch:
        return _batch_price(provider, model, usage, at=at)
    searches = min(usage.searches, 1) if model.startswith(_BILLED_PER_ANSWER) else usage.searches
    try:
        found = genai_prices.calc_price(
            _tokens(usage, searches=searches), model, provider_id=provider.value, genai_request_timestamp=at
        )
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


def _batch_price(provider: Provider, model: str, usage: Usage, *, at: datetime | None) -> Decimal | None:
    """Tokens at the batch rate that the data knows, else at the published share; searches as ever."""
    share = BATCH_SHARE.get(provider)
    live = price(provider, model, usage, at=at)
    unsearched = replace(usage, searches=0)
    tokens = price(provider, model, unsearched, at=at)
    if share is None or live is None or tokens is None:
        return None
    known = genai_prices.calc_price(
        _tokens(unsearched), model, provider_id=provider.value, genai_request_timestamp=at, price_context=_BATCH
    ).total_price
    return live - tokens + (known if known < tokens else tokens * share)


def _tokens(usage: Usage, *, searches: int = 0) -> genai_prices.Usage:
    return genai_prices.Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=min(usage.cached_input_tokens, usage.input_tokens),
        output_tokens=usage.output_tokens,
        web_searches=searches,
    )
