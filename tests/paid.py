"""Providers as they are with a real key, at the address of the simulator: calls that cost money as far as we know."""

from collections.abc import Callable
from typing import Any

from django.conf import settings


def ask_for_money(root_url: str, *, change: Callable[[Any, str, Any], None] = setattr) -> None:
    from prompts.llm import anthropic, gemini  # with their SDKs, which take seconds
    from prompts.llm.openai import OpenAIAdapter

    change(OpenAIAdapter, "base_url", f"{root_url}/openai/v1")
    change(anthropic, "BASE_URL", f"{root_url}/anthropic")
    change(gemini, "BASE_URL", f"{root_url}/google")
    for provider in ("OPENAI", "ANTHROPIC", "GOOGLE"):
        change(settings, f"{provider}_API_KEY", "sim-key")
    for limits in ("LLM_REQUESTS_PER_MINUTE", "LLM_TOKENS_PER_MINUTE"):
        change(settings, limits, dict.fromkeys(getattr(settings, limits), 2_000_000_000))
