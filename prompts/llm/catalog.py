"""The engines: which model, how it is asked, what it is called. Code, not rows; prices are in `pricing.py`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType

from . import pricing
from .types import Provider, Surface, Usage

# Why a surface goes live only, though its provider has a batch endpoint.
_OPENAI_SEARCH = "OpenAI documents no web search inside its Batch API; requests with it have been refused there."
_PERPLEXITY = "Perplexity publishes no discount for its batches, so waiting would buy nothing."
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class UnknownEngine(LookupError):
    """No engine has this key. `nearest` are the keys that look most like it."""

    def __init__(self, key: str, *, known: Iterable[str]) -> None:
        known = sorted(known)
        self.key = key
        self.nearest = tuple(difflib.get_close_matches(key, known, n=3, cutoff=0.4)) or tuple(known[:3])
        super().__init__(f"There is no engine {key!r}. Did you mean {' or '.join(self.nearest)}?")

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One way of asking one model. `estimated_tokens` (input, output) is what an answer reserves before it is asked;
    `retires` is the day from which the provider no longer serves the model; `batches` says whether its provider's batch
    endpoint answers it, too, and `unbatched` why not; `credential` names the key to use where the
    provider alone does not (compatible servers)."""

    provider: Provider
    model: str
    surface: Surface
    label: str
    estimated_tokens: tuple[int, int] = (100, 1_000)
    max_output_tokens: int = 8_192
    takes_country: bool = False
    takes_language: bool = False
    takes_temperature: bool = True
    streams: bool = True
    embeds: bool = False
    retires: date | None = None
    batches: bool = False
    unbatched: str = ""
    credential: str = ""
    base_url: str = ""

    @property
    def key(self) -> str:
        return f"{self.credential or self.provider.value}:{self.model}/{self.surface.value}"

    @property
    def reserved_tokens(self) -> int:
        return sum(self.estimated_tokens)

    def retired(self, today: date) -> bool:
        return self.retires is not None and today >= self.retires


@dataclass(frozen=True, slots=True, kw_only=True)
class CompatibleServer:
    """An OpenAI-compatible server from the operator's settings: one engine, `<name>:<model>/model`."""

    name: str
    base_url: str
    model: str
    label: str = ""
    max_output_tokens: int = 4_096

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name in set(Provider):
            raise ValueError(
                f"{self.name!r} cannot name a server: lower-case letters, digits, - and _, no provider's name."
            )
        if not self.base_url.startswith(("http://", "https://")) or not self.model:
            raise ValueError(f"The server {self.name!r} needs a base URL (http:// or https://) and a model.")

    def engine(self) -> Engine:
        return Engine(
            provider=Provider.COMPATIBLE,
            model=self.model,
            surface=Surface.MODEL,
            label=self.label or f"{self.model} ({self.name})",
            max_output_tokens=self.max_output_tokens,
            embeds=True,
            credential=self.name,
            base_url=self.base_url,
        )


@dataclass(frozen=True, slots=True)
class Catalog:
    """An immutable set of engines, in the order in which people are offered them."""

    engines: tuple[Engine, ...]
    _by_key: MappingProxyType[str, Engine] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_key = {engine.key: engine for engine in self.engines}
        if len(by_key) != len(self.engines):
            raise ValueError("Two engines have the same key.")
        object.__setattr__(self, "_by_key", MappingProxyType(by_key))

    def get(self, key: str) -> Engine:
        try:
            return self._by_key[key]
        except KeyError:
            raise UnknownEngine(key, known=self._by_key) from None

    def __contains__(self, key: object) -> bool:
        return key in self._by_key

    def with_servers(self, servers: Iterable[CompatibleServer]) -> Catalog:
        return Catalog((*self.engines, *(server.engine() for server in servers)))


def _openai(model: str, label: str, **kwargs: object) -> Iterator[Engine]:
    """Reasoning models: they refuse a temperature, and their thinking counts against the output limit."""
    for surface, suffix, tokens in (
        (Surface.WEB_SEARCH, " with web search", (10_000, 2_500)),
        (Surface.MODEL, "", (100, 1_800)),
    ):
        yield Engine(
            provider=Provider.OPENAI,
            model=model,
            surface=surface,
            label=f"{label}{suffix}",
            estimated_tokens=tokens,
            max_output_tokens=16_384,
            takes_country=surface is Surface.WEB_SEARCH,
            takes_temperature=False,
            batches=surface is Surface.MODEL,
            unbatched=_OPENAI_SEARCH if surface is Surface.WEB_SEARCH else "",
            **kwargs,  # type: ignore[arg-type]
        )


def _anthropic(model: str, label: str, **kwargs: object) -> Iterator[Engine]:
    """Message Batches take whatever Messages take, web search included, which costs the same there."""
    for surface, suffix, tokens in (
        (Surface.WEB_SEARCH, " with web search", (15_000, 1_200)),
        (Surface.MODEL, "", (100, 900)),
    ):
        yield Engine(
            provider=Provider.ANTHROPIC,
            model=model,
            surface=surface,
            label=f"{label}{suffix}",
            estimated_tokens=tokens,
            takes_country=surface is Surface.WEB_SEARCH,
            batches=True,
            **kwargs,  # type: ignore[arg-type]
        )


def _google(model: str, label: str, **kwargs: object) -> Iterator[Engine]:
    """Batches may be grounded in Google Search: its price is listed for them, too."""
    for surface, suffix in ((Surface.WEB_SEARCH, " with Google Search"), (Surface.MODEL, "")):
        grounded = surface is Surface.WEB_SEARCH
        yield Engine(
            provider=Provider.GOOGLE,
            model=model,
            surface=surface,
            label=f"{label}{suffix}",
            estimated_tokens=(600, 2_000) if grounded else (100, 2_000),
            max_output_tokens=16_384,
            takes_country=grounded,
            takes_language=grounded,
            embeds=True,
            batches=True,
            **kwargs,  # type: ignore[arg-type]
        )


def _perplexity(model: str, label: str, *, retires: date | None = None) -> Engine:
    """Sonar always searches: there is no plain surface."""
    return Engine(
        provider=Provider.PERPLEXITY,
        model=model,
        surface=Surface.WEB_SEARCH,
        label=label,
        estimated_tokens=(100, 800),
        max_output_tokens=8_000,
        takes_country=True,
        retires=retires,
        unbatched=_PERPLEXITY,
    )


# Retirement dates: developers.openai.com/api/docs/deprecations, ai.google.dev/gemini-api/docs/deprecations,
# docs.perplexity.ai/docs/agent-api/migrate-from-sonar; read in November 2026.
BUILT_IN = Catalog(
    (
        *_openai("gpt-6.1-sol", "GPT-6.1 Sol"),
        *_openai("gpt-6.1-terra", "GPT-6.1 Terra"),
        *_openai("gpt-6-luna", "GPT-6 Luna"),
        *_openai("gpt-5.4", "GPT-5.4"),
        *_openai("gpt-5.4-mini", "GPT-5.4 mini"),
        *_openai("gpt-5", "GPT-5", retires=date(2026, 12, 11)),
        *_openai("gpt-5-mini", "GPT-5 mini", retires=date(2026, 12, 11)),
        *_anthropic("claude-opus-5-5", "Claude Opus 5.5", takes_temperature=False),
        *_anthropic("claude-sonnet-5-5", "Claude Sonnet 5.5", takes_temperature=False),
        *_anthropic("claude-sonnet-4-6", "Claude Sonnet 4.6"),
        *_anthropic("claude-haiku-5-5", "Claude Haiku 5.5", takes_temperature=False),
        *_anthropic("claude-haiku-4-5", "Claude Haiku 4.5"),
        *_google("gemini-4-argon", "Gemini 4 Argon"),
        *_google("gemini-3.8-flash", "Gemini 3.8 Flash"),
        *_google("gemini-3.5-flash-lite", "Gemini 3.5 Flash-Lite"),
        *_google("gemini-3.5-flash", "Gemini 3.5 Flash", retires=date(2026, 10, 8)),  # answered by gemini-3.6-flash
        *_google("gemini-2.5-flash", "Gemini 2.5 Flash", retires=date(2026, 12, 1)),
        _perplexity("perplexity/sonar", "Sonar (Agent API)"),
        _perplexity("sonar-pro", "Sonar Pro", retires=date(2026, 9, 27)),
        _perplexity("sonar", "Sonar", retires=date(2026, 9, 27)),
    )
)
_current = BUILT_IN


def configure(servers: Iterable[CompatibleServer]) -> None:
    """Offer the operator's own servers too. Called at start-up; calling it again starts from the built-in engines."""
    global _current
    _current = BUILT_IN.with_servers(servers)


def get(key: str) -> Engine:
    """The engine of a key such as `openai:gpt-5-mini/web_search`; raises `UnknownEngine`."""
    return _current.get(key)


def all_engines() -> tuple[Engine, ...]:
    return _current.engines


def price(engine: Engine, usage: Usage, *, at: datetime | None = None, batch: bool = False) -> Decimal | None:
    """What `usage` of `engine` cost in USD, live or in a batch, or None where nobody knows."""
    return pricing.price(engine.provider, engine.model, usage, at=at, batch=batch)
