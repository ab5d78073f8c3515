"""What an answer will probably cost, before it is asked."""

from __future__ import annotations

from decimal import Decimal

from prompts.llm import catalog
from prompts.llm.types import Surface, Usage


def answer_cost(engine: catalog.Engine, *, batch: bool = False) -> Decimal | None:
    """In USD, from the engine's usual tokens and one web search where it searches; None where nobody knows."""
    asked, answered = engine.estimated_tokens
    searches = 1 if engine.surface is Surface.WEB_SEARCH else 0
    return catalog.price(engine, Usage(input_tokens=asked, output_tokens=answered, searches=searches), batch=batch)


def most_cost(engine: catalog.Engine, *, batch: bool = False) -> Decimal | None:
    """What an answer hardly ever costs more than: a claim holds this much of the budgets until the answer is paid.
    Three times the engine's usual tokens and searches, no more output than it may write; None where nobody knows."""
    asked, answered = engine.estimated_tokens
    searches = 3 if engine.surface is Surface.WEB_SEARCH else 0
    output = min(3 * answered, max(answered, engine.max_output_tokens))
    return catalog.price(engine, Usage(input_tokens=3 * asked, output_tokens=output, searches=searches), batch=batch)
