"""The shape of a wire protocol, and the parsing that all of them share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from prompts.llm.simulator.exchange import Allowance, Answer, Ask, Headers, Json, Refused, Trouble

JSON_TYPE = (b"content-type", b"application/json")
STREAM_TYPE = (b"content-type", b"text/event-stream; charset=utf-8")


class Incoming:
    """A request as it came: method, path below the provider's prefix, headers in lower case, body."""

    __slots__ = ("body", "headers", "method", "path", "query")

    def __init__(
        self, *, method: str, path: str, query: Mapping[str, str], headers: Mapping[bytes, bytes], body: bytes
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")

    def bearer(self) -> str:
        return self.header(b"authorization").removeprefix("Bearer ").strip()

    def json(self) -> Json:
        try:
            payload = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise Refused(Trouble.BAD_REQUEST, "We could not parse the JSON body of your request.") from None
        if not isinstance(payload, dict):
            raise Refused(Trouble.BAD_REQUEST, "The request body must be a JSON object.")
        return payload


class Wire(Protocol):
    """What the server needs from a provider's protocol."""

    provider: str

    def read(self, incoming: Incoming) -> Ask:
        """The question, or `Refused`; the key is checked first, as providers do."""

    def page(self, ask: Ask, answer: Answer) -> Json:
        """A whole answer."""

    def frames(self, ask: Ask, answer: Answer) -> list[bytes]:
        """The same as server-sent events."""

    def broken_frame(self, ask: Ask) -> bytes:
        """The event that says, in the middle of a stream, that the provider failed."""

    def aside(self, ask: Ask) -> Json:
        """Answer to anything that is not written prose: embeddings, lists of models, ..."""

    def error(self, refused: Refused, *, ask: Ask | None, allowance: Allowance) -> tuple[int, Json]:
        """Status and body of a failure."""

    def headers(self, allowance: Allowance, *, token: str, failed: bool) -> Headers:
        """Rate limits, request id and the like."""


def check_key(key: str, *, missing: str, wrong: str) -> str:
    if not key:
        raise Refused(Trouble.AUTH, missing, code="missing")
    if not key.startswith("sim-"):
        raise Refused(Trouble.AUTH, wrong, code="wrong")
    return key


def content_text(content: Any) -> str:
    """Text of a message's content: a string, or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(part if isinstance(part, str) else str(part.get("text") or "") for part in content)
    return ""


def event(data: Json, name: str = "") -> bytes:
    prefix = b"event: " + name.encode() + b"\n" if name else b""
    return prefix + b"data: " + orjson.dumps(data) + b"\n\n"


def crumbs(text: str, size: int = 80) -> list[str]:
    """A text as a model streams it: in runs of about `size` characters that break after spaces."""
    runs, start = [], 0
    while start < len(text):
        stop = start + size
        space = text.find(" ", stop, stop + size)
        stop = space + 1 if space >= 0 else min(stop, len(text))
        runs.append(text[start:stop])
        start = stop
    return runs


def whole_number(payload: Json, *names: str) -> int | None:
    """The first of these fields that is set; it must be a positive integer."""
    for name in names:
        value = payload.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise Refused(Trouble.BAD_REQUEST, f"Invalid '{name}': expected a positive integer.", param=name)
        return value
    return None


def required(payload: Json, name: str) -> Any:
    value = payload.get(name)
    if value in (None, "", []):
        raise Refused(
            Trouble.BAD_REQUEST, f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter"
        )
    return value
