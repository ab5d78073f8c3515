"""Values that cross the boundary between Prompter and a model provider; nothing here knows Django."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum


class Provider(StrEnum):
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GOOGLE = "google"
    PERPLEXITY = "perplexity"
    COMPATIBLE = "compatible"  # any server that speaks OpenAI's chat completions, by its base URL

    @property
    def label(self) -> str:
        return {"openai": "OpenAI", "compatible": "OpenAI-compatible"}.get(self.value, self.value.capitalize())


class Surface(StrEnum):
    """What was measured: a plain model, a model with web search, or our simulator."""

    MODEL = "model"
    WEB_SEARCH = "web_search"


class FinishReason(StrEnum):
    STOP = "stop"
    LENGTH = "length"  # cut off by a token limit: its absences prove nothing
    FILTERED = "filtered"
    REFUSAL = "refusal"
    OTHER = "other"

    @property
    def truncated(self) -> bool:
        return self is FinishReason.LENGTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one credential may send to one model: per minute, at a time, and in one of the provider's days. 0 is no
    limit. `source` says who set them: `operator`, `tier`, `own` or `simulated`."""

    requests: int
    tokens: int = 0
    concurrency: int = 0
    day_requests: int = 0
    day_tokens: int = 0
    source: str = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A provider key. `id` is a short stable fingerprint, safe to log; the key itself never shows in a repr. `limits`
    is what its owner says of it, None where the operator's settings count."""

    provider: Provider
    id: str
    api_key: str = field(repr=False)
    base_url: str = ""  # empty: the provider's own endpoint
    limits: Limits | None = None

    @property
    def simulated(self) -> bool:
        return self.id.startswith("sim-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message of a conversation; `role` is `user` or `assistant`."""

    role: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question to one model. `country` is ISO 3166-1 alpha-2 or empty; `language` BCP 47 or empty."""

    model: str
    turns: tuple[Turn, ...]
    surface: Surface = Surface.MODEL
    system: str = ""
    country: str = ""
    language: str = ""
    max_output_tokens: int = 4096
    temperature: float | None = None
    timeout: float = 120.0  # seconds for the whole call


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the provider billed them. `cached_input_tokens` is part of `input_tokens`,
    `reasoning_tokens` part of `output_tokens`. `requests` counts HTTP requests (a paused turn takes several);
    `cost` is in USD and only there when the provider itself says what the call cost."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    searches: int = 0
    requests: int = 1
    cost: Decimal | None = None

    def __add__(self, other: Usage) -> Usage:
        costs = (self.cost, other.cost)
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_input_tokens=self.cached_input_tokens + other.cached_input_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            searches=self.searches + other.searches,
            requests=self.requests + other.requests,
            cost=None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """One URL that the answer cited (`cited`) or only looked at. `start`/`end` are offsets into the
    answer's text in Python code points where the provider tells them, else None."""

    url: str
    title: str = ""
    position: int = 0  # 1-based order of first appearance
    cited: bool = True
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """What the provider's headers said about our allowance; None where they said nothing. Resets in seconds."""

    requests_limit: int | None = None
    requests_remaining: int | None = None
    requests_reset: float | None = None
    tokens_limit: int | None = None
    tokens_remaining: int | None = None
    tokens_reset: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole answer. `model` is the id that the provider says answered."""

    text: str
    model: str
    finish_reason: FinishReason
    usage: Usage
    citations: tuple[Citation, ...] = ()
    searches: tuple[str, ...] = ()  # queries that the model searched for, where told
    request_id: str = ""
    rate_limits: RateLimits = RateLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A piece of a streamed answer: text as it comes; the last one carries the whole `reply`."""

    text: str = ""
    reply: Reply | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """`vectors` has one vector per input text, in the order of the inputs."""

    vectors: tuple[tuple[float, ...], ...]
    model: str
    usage: Usage
