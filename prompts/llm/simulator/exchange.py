"""What passes between the wire protocols and the author of answers: a question, an answer, a trouble."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = dict[str, Any]
Headers = list[tuple[bytes, bytes]]


class Finish(StrEnum):
    STOP = "stop"
    LENGTH = "length"
    FILTER = "filter"  # the provider's safety layer took the text back
    REFUSAL = "refusal"  # the model itself declined
    EMPTY = "empty"  # a success with nothing in it


class Operation(StrEnum):
    RESPONSES = "responses"
    CHAT = "chat"
    MESSAGES = "messages"
    GENERATE = "generate"
    COUNT = "count"
    EMBED = "embed"
    MODELS = "models"
    MODERATE = "moderate"
    FILES = "files"
    BATCH = "batch"


WRITTEN = frozenset({Operation.RESPONSES, Operation.CHAT, Operation.MESSAGES, Operation.GENERATE})


class Trouble(StrEnum):
    """Ways to fail that have a status of their own; each wire words them as its provider does."""

    BAD_REQUEST = "400"
    BLOCKED = "blocked"  # the prompt itself was refused by policy
    AUTH = "401"
    FORBIDDEN = "403"
    BILLING = "billing"
    NOT_FOUND = "404"
    TOO_LARGE = "413"
    RATE_LIMITED = "429"
    SERVER = "500"
    UNAVAILABLE = "503"
    OVERLOADED = "529"


class Refused(Exception):
    """The request never reaches the author."""

    def __init__(
        self, trouble: Trouble, message: str = "", *, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.trouble = trouble
        self.message = message
        self.param = param
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request as every wire understands it. `prompt` is the last user message."""

    provider: str
    operation: Operation
    model: str
    key: str
    prompt: str = ""
    system: str = ""
    country: str = ""
    web_search: bool = False
    stream: bool = False
    batched: bool = False  # one of a batch
    max_tokens: int | None = None
    input_tokens: int = 0
    wants: frozenset[str] = frozenset()  # optional parts of the answer that the request asked for
    payload: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    url: str
    title: str
    domain: str
    snippet: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text; `cites` are indexes into the answer's sources."""

    text: str
    cites: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One written answer, before any provider's wrapping. `token` is hexadecimal and makes its ids."""

    token: str
    model: str
    finish: Finish
    pieces: tuple[Piece, ...] = ()
    sources: tuple[Source, ...] = ()
    queries: tuple[str, ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0  # includes `reasoning_tokens`
    reasoning_tokens: int = 0
    created: int = 0
    root: str = ""  # where links that lead back to the simulator begin

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @property
    def cited(self) -> tuple[int, ...]:
        """Source indexes in order of first citation."""
        return tuple(dict.fromkeys(index for piece in self.pieces for index in piece.cites))


@dataclass(frozen=True, slots=True)
class Level:
    """How full one limit is: `reset` is the seconds until it is empty again."""

    limit: int
    remaining: int
    reset: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """State of a key's limits for one model; `retry_after` is set where the request was turned away."""

    requests: Level | None = None
    tokens: Level | None = None
    exceeded: str = "requests"
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Page:
    """A finished HTTP response: a body, or the frames of a stream."""

    status: int
    headers: Headers
    body: bytes = b""
    frames: tuple[bytes, ...] = ()


def count_tokens(text: str) -> int:
    """Close to real tokenizers: four Latin characters, or one of a wide script, to a token."""
    wide = 0 if text.isascii() else (len(text.encode("utf-8", "surrogatepass")) - len(text)) // 2
    return max(1, round((len(text) - wide) / 4.2 + wide * 0.8)) if text else 0
