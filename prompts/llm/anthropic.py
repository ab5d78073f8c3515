"""Anthropic through the Messages API, with its web search tool."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import anthropic
import httpx2
from anthropic.types import ContentBlock, Message, TextBlock

from . import failures
from .adapter import KEEPALIVE, MAX_CONNECTIONS, Adapter, connection_kind, expect, tls
from .citations import SourceList
from .errors import ErrorKind, LlmError, gettext_noop
from .headers import rate_limits, request_id
from .types import Credential, Delta, FinishReason, Reply, Request, Surface, Usage

BASE_URL = "https://api.anthropic.com"
MAX_SEARCHES = 5  # per request; each is billed
MAX_CONTINUATIONS = 3  # of one paused turn; each is a request of its own

_FINISH_REASONS = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "pause_turn": FinishReason.LENGTH,  # still paused after the last continuation: the answer is not whole
    "refusal": FinishReason.REFUSAL,
}


@dataclass(slots=True)
class _Turn:
    """One answer, over as many requests as its pauses took."""

    content: list[ContentBlock] = field(default_factory=list)
    usage: Usage | None = None
    stop_reason: str = ""
    model: str = ""
    id: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def add(self, message: Message, *, headers: Mapping[str, str]) -> None:
        self.headers = headers
        self.content.extend(message.content)
        used = _usage(message)
        self.usage = used if self.usage is None else self.usage + used
        self.stop_reason = message.stop_reason or ""
        self.model, self.id = message.model, message.id

    @property
    def paused(self) -> bool:
        return self.stop_reason == "pause_turn"


class AnthropicAdapter(Adapter):
    sdk_errors = (anthropic.AnthropicError, httpx2.HTTPError, RuntimeError)

    def __init__(self, credential: Credential) -> None:
        super().__init__(credential)
        limits = httpx2.Limits(max_connections=MAX_CONNECTIONS, keepalive_expiry=KEEPALIVE)
        self.client = anthropic.AsyncAnthropic(
            api_key=credential.api_key,
            base_url=credential.base_url or BASE_URL,
            max_retries=0,
            open_telemetry=False,
            http_client=anthropic.DefaultAioHttpClient(limits=limits, verify=tls()),
        )

    async def aclose(self) -> None:
        await self.client.close()

    async def _complete(self, request: Request) -> Reply:
        params, turn = self.params(request), _Turn()
        for _ in range(1 + MAX_CONTINUATIONS):
            raw = await self.client.messages.with_raw_response.create(**params)
            turn.add(expect(await raw.parse(), Message), headers=raw.headers)
            if not turn.paused:
                break
            params = _continued(params, turn)
        return _reply(turn)

    async def _stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        params, turn = self.params(request), _Turn()
        for _ in range(1 + MAX_CONTINUATIONS):
            async with aclosing(self._pieces(params, turn)) as pieces:
                async for delta in pieces:
                    yield delta
            if not turn.paused:
                break
            params = _continued(params, turn)
        yield Delta(reply=_reply(turn))

    async def _pieces(self, params: Mapping[str, Any], turn: _Turn) -> AsyncGenerator[Delta, None]:
        """The text of one request; what it amounted to is added to the turn."""
        async with self.client.messages.stream(**params) as events:
            ended = False
            async for event in events:
                if event.type == "text":
                    yield Delta(text=event.text)
                ended = event.type == "message_stop"
            if not ended:
                raise LlmError(ErrorKind.BAD_RESPONSE, gettext_noop("The stream ended before the answer did."))
            turn.add(await events.get_final_message(), headers=events.response.headers)

    def params(self, request: Request) -> dict[str, Any]:
        params: dict[str, Any] = {
            "model": request.model,
            "messages": [{"role": turn.role, "content": turn.text} for turn in request.turns],
            "max_tokens": request.max_output_tokens,
            "timeout": request.timeout,
        }
        if request.system:
            params["system"] = request.system
        if request.temperature is not None:
            params["temperature"] = request.temperature
        if request.surface is Surface.WEB_SEARCH:
            params["tools"] = [_web_search(request.country)]
        return params

    def _translate(self, error: Exception) -> failures.Rejection | ErrorKind | None:
        if isinstance(error, anthropic.APIStatusError):
            # An error event inside a stream arrives with the stream's own status, 200.
            status = error.status_code if error.status_code >= 400 else None
            return failures.Rejection(status=status, body=error.body or error.message, headers=error.response.headers)
        if isinstance(error, anthropic.APIConnectionError | httpx2.HTTPError):
            return connection_kind(error)
        return ErrorKind.BAD_RESPONSE if isinstance(error, anthropic.AnthropicError) else None


def reply_of(message: Message) -> Reply:
    """A whole message that came without headers."""
    turn = _Turn()
    turn.add(message, headers={})
    return _reply(turn)


def _web_search(country: str) -> dict[str, Any]:
    """The newest tool version, called directly by the model: without the code that would filter its results, which
    older models cannot run and which drops citations."""
    tool: dict[str, Any] = {
        "type": "web_search_20260318",
        "name": "web_search",
        "max_uses": MAX_SEARCHES,
        "allowed_callers": ["direct"],
    }
    if country:
        tool["user_location"] = {"type": "approximate", "country": country.upper()}
    return tool


def _continued(params: Mapping[str, Any], turn: _Turn) -> dict[str, Any]:
    """The same request with everything said so far, for the model to go on from."""
    said = [block.model_dump(mode="json", exclude_none=True, by_alias=True) for block in turn.content]
    asked = [message for message in params["messages"] if not isinstance(message["content"], list)]
    return {**params, "messages": [*asked, {"role": "assistant", "content": said}]}


def _reply(turn: _Turn) -> Reply:
    return Reply(
        text="".join(block.text for block in _texts(turn.content)),
        model=turn.model,
        finish_reason=_FINISH_REASONS.get(turn.stop_reason, FinishReason.OTHER),
        usage=turn.usage or Usage(),
        citations=_sources(turn.content).citations(),
        searches=tuple(_queries(turn.content)),
        request_id=request_id(turn.headers) or turn.id,
        rate_limits=rate_limits(turn.headers),
    )


def _texts(content: Sequence[ContentBlock]) -> Iterator[TextBlock]:
    return (block for block in content if block.type == "text")


def _sources(content: Sequence[ContentBlock]) -> SourceList:
    """A citation belongs to a whole text block, so the block is its span."""
    sources = SourceList()
    base = 0
    for block in _texts(content):
        end = base + len(block.text)
        for citation in block.citations or ():
            if citation.type == "web_search_result_location":
                sources.cite(citation.url, title=citation.title or "", start=base, end=end)
        base = end
    for found in content:
        if found.type == "web_search_tool_result" and isinstance(found.content, list):
            for result in found.content:
                sources.look(result.url, title=result.title or "")
    return sources


def _queries(content: Sequence[ContentBlock]) -> Iterator[str]:
    for block in content:
        if block.type == "server_tool_use" and block.name == "web_search":
            query = block.input.get("query") if isinstance(block.input, Mapping) else None
            if isinstance(query, str) and query:
                yield query


def _usage(message: Message) -> Usage:
    """Anthropic counts cached input apart from `input_tokens`; here it is part of it, as everywhere else."""
    used = message.usage
    cached = used.cache_read_input_tokens or 0
    details = used.output_tokens_details
    return Usage(
        input_tokens=used.input_tokens + cached + (used.cache_creation_input_tokens or 0),
        output_tokens=used.output_tokens,
        cached_input_tokens=cached,
        reasoning_tokens=(details.thinking_tokens if details else 0) or 0,
        searches=used.server_tool_use.web_search_requests if used.server_tool_use else 0,
    )
