import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from prompts.llm import catalog, pricing
from prompts.llm.catalog import BUILT_IN, CompatibleServer, UnknownEngine
from prompts.llm.types import Provider, Surface, Usage

WORLD = Path(catalog.__file__).parent / "simulator" / "world.json"


def test_key_names_provider_model_and_surface() -> None:
    engine = catalog.get("openai:gpt-5-mini/web_search")
    assert (engine.provider, engine.model, engine.surface) == (Provider.OPENAI, "gpt-5-mini", Surface.WEB_SEARCH)
    assert engine.label == "GPT-5 mini with web search"
    assert engine.key == "openai:gpt-5-mini/web_search"


def test_demo_engines_exist() -> None:
    for key in json.loads(WORLD.read_text())["demo"]["engines"]:
        assert catalog.get(key).surface is Surface.WEB_SEARCH


def test_unknown_engine_names_the_nearest() -> None:
    with pytest.raises(UnknownEngine) as caught:
        catalog.get("openai:gpt5-mini/web_search")
    assert "openai:gpt-5-mini/web_search" in caught.value.nearest
    assert "Did you mean openai:" in str(caught.value)


def test_unknown_engine_helps_even_when_nothing_is_near() -> None:
    assert UnknownEngine("zzz", known=["a:b/model"]).nearest == ("a:b/model",)


def test_every_provider_but_perplexity_has_both_surfaces() -> None:
    for engine in BUILT_IN.engines:
        if engine.provider is not Provider.PERPLEXITY:
            other = Surface.MODEL if engine.surface is Surface.WEB_SEARCH else Surface.WEB_SEARCH
            assert f"{engine.provider.value}:{engine.model}/{other.value}" in BUILT_IN


@pytest.mark.parametrize("engine", BUILT_IN.engines, ids=lambda engine: engine.key)
def test_every_built_in_engine_has_a_price(engine: catalog.Engine) -> None:
    usage = Usage(input_tokens=1000, output_tokens=500, searches=2 if engine.surface is Surface.WEB_SEARCH else 0)
    cost = catalog.price(engine, usage)
    assert cost is not None
    assert 0 < cost < 1


@pytest.mark.parametrize("engine", BUILT_IN.engines, ids=lambda engine: engine.key)
def test_estimates_fit_the_output_limit(engine: catalog.Engine) -> None:
    assert 0 < engine.estimated_tokens[1] <= engine.max_output_tokens
    assert engine.reserved_tokens == sum(engine.estimated_tokens)


def test_price_counts_tokens_cache_and_searches() -> None:
    usage = Usage(input_tokens=1_000_000, cached_input_tokens=400_000, output_tokens=100_000, searches=3)
    # gpt-5-mini: 0.25 input, 0.025 cached, 2 output a million; 10 a thousand searches
    assert pricing.price(Provider.OPENAI, "gpt-5-mini", usage) == Decimal("0.39")


def test_dated_model_ids_have_the_price_of_their_model() -> None:
    usage = Usage(input_tokens=1_000_000)
    assert pricing.price(Provider.OPENAI, "gpt-5-mini-2025-08-07", usage) == Decimal("0.25")
    assert pricing.price(Provider.ANTHROPIC, "claude-haiku-4-5-20251001", usage) == Decimal(1)


def test_unknown_model_has_no_price() -> None:
    assert pricing.price(Provider.OPENAI, "gpt-99", Usage(input_tokens=5)) is None
    assert pricing.price(Provider.COMPATIBLE, "gpt-5-mini", Usage(input_tokens=5)) is None


def test_model_known_without_a_price_has_no_price() -> None:
    assert pricing.price(Provider.GOOGLE, "gemma-3", Usage(input_tokens=5)) is None


def test_what_the_provider_says_it_cost_is_the_price() -> None:
    usage = Usage(input_tokens=5, cost=Decimal("0.0123"))
    assert pricing.price(Provider.PERPLEXITY, "sonar", usage) == Decimal("0.0123")
    assert pricing.price(Provider.COMPATIBLE, "anything", usage) == Decimal("0.0123")


def test_request_fee_includes_its_searches() -> None:
    usage = Usage(input_tokens=1000, output_tokens=1000)
    assert pricing.price(Provider.PERPLEXITY, "sonar", usage) == Decimal("0.014")
    searched = Usage(input_tokens=1000, output_tokens=1000, searches=3)
    assert pricing.price(Provider.PERPLEXITY, "sonar", searched) == Decimal("0.014")


def test_second_generation_gemini_bills_a_grounded_answer_once() -> None:
    one, many = (Usage(input_tokens=1000, searches=count) for count in (1, 6))
    assert pricing.price(Provider.GOOGLE, "gemini-2.5-flash", one) == pricing.price(
        Provider.GOOGLE, "gemini-2.5-flash", many
    )
    assert pricing.price(Provider.GOOGLE, "gemini-3.8-flash", one) != pricing.price(
        Provider.GOOGLE, "gemini-3.8-flash", many
    )


def test_missing_search_fee_is_filled_in() -> None:
    plain, searched = Usage(input_tokens=1_000_000), Usage(input_tokens=1_000_000, searches=100)
    without = pricing.price(Provider.OPENAI, "gpt-5.3", plain)
    with_searches = pricing.price(Provider.OPENAI, "gpt-5.3", searched)
    assert without is not None
    assert with_searches == without + 1


def test_usages_of_a_paused_turn_add_up() -> None:
    first = Usage(input_tokens=10, output_tokens=5, searches=1, cost=Decimal("0.1"))
    second = Usage(input_tokens=20, cached_input_tokens=8, reasoning_tokens=2, cost=Decimal("0.2"))
    total = first + second
    assert (total.input_tokens, total.requests, total.searches, total.cost) == (30, 2, 1, Decimal("0.3"))
    assert (first + Usage()).cost is None


def test_operators_servers_join_the_catalog() -> None:
    server = CompatibleServer(name="ollama", base_url="http://localhost:11434/v1", model="llama3.3:70b")
    both = BUILT_IN.with_servers([server])
    engine = both.get("ollama:llama3.3:70b/model")
    assert (engine.provider, engine.credential, engine.base_url) == (
        Provider.COMPATIBLE,
        "ollama",
        "http://localhost:11434/v1",
    )
    assert engine.key not in BUILT_IN


def test_configuring_twice_starts_over() -> None:
    server = CompatibleServer(name="vllm", base_url="http://localhost:8000/v1", model="qwen")
    catalog.configure([server])
    try:
        assert catalog.get("vllm:qwen/model").label == "qwen (vllm)"
    finally:
        catalog.configure([])
    assert catalog.all_engines() == BUILT_IN.engines


@pytest.mark.parametrize(
    ("name", "base_url", "model"),
    [
        ("openai", "http://x/v1", "m"),
        ("Big Server", "http://x/v1", "m"),
        ("ok", "file:///etc/passwd", "m"),
        ("ok", "http://x/v1", ""),
    ],
)
def test_senseless_servers_are_refused(name: str, base_url: str, model: str) -> None:
    with pytest.raises(ValueError, match="server|needs"):
        CompatibleServer(name=name, base_url=base_url, model=model)


def test_same_engine_twice_is_refused() -> None:
    server = CompatibleServer(name="a", base_url="http://x/v1", model="m")
    with pytest.raises(ValueError, match="same key"):
        BUILT_IN.with_servers([server, server])


def test_retired_engines_are_known_by_date() -> None:
    engine = catalog.get("openai:gpt-5-mini/model")
    assert not engine.retired(date(2026, 12, 10))
    assert engine.retired(date(2026, 12, 11))
