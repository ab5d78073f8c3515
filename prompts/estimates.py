"""What an answer will probably cost, before it is asked."""

from __future__ import annotations

from decimal import Decimal

from prompts.llm import catalog
from prompts.llm.types import Surface, Usage


def answer_cost(engine: catalog.Engine) -> Decimal | None:
    """In USD, from the engine's usual tokens and one web search where it searches; None where nobody knows."""
    asked, answered = engine.estimated_tokens
    searches = 1 if engine.surface is Surface.WEB_SEARCH else 0
    return catalog.price(engine, Usage(input_tokens=asked, output_tokens=answered, searches=searches))
