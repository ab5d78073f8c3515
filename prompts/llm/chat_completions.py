"""The chat completions protocol, as Perplexity and every OpenAI-compatible server speak it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import httpx2
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from .adapter import expect
from .citations import SourceList, place
from .errors import ErrorKind, LlmError, gettext_noop
from .headers import rate_limits, request_id
from .openai import OpenAISdkAdapter
from .types import Delta, FinishReason, Reply, Request, Usage

_FINISH_REASONS = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "content_filter": FinishReason.FILTERED,
}


@dataclass(slots=True)
class Transcript:
    """A whole answer, or what a stream has brought of it. `extras` are the fields that OpenAI's schema lacks."""

    text: str = ""
    refusal: str = ""
    model: str = ""
    id: str = ""
    finish: str = ""
    usage: CompletionUsage | None = None
    extras: dict[str, Any] = field(default_factory=dict)
    annotations: list[Any] = field(default_factory=list)

    def add(self, chunk: ChatCompletion | ChatCompletionChunk) -> str:
        """Take in a chunk (or a whole completion) and return the text that it brought."""
        self.model = chunk.model or self.model
        self.id = chunk.id or self.id
        self.usage = chunk.usage or self.usage
        self.extras |= {name: value for name, value in (chunk.model_extra or {}).items() if value}
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        message = choice.message if isinstance(chunk, ChatCompletion) else choice.delta  # type: ignore[union-attr]
        self.finish = choice.finish_reason or self.finish
        brought = (message.content if message else "") or ""
        self.text += brought
        self.refusal += (message.refusal if message else "") or ""
        self.annotations.extend(getattr(message, "annotations", None) or ())
        return brought


class ChatCompletionsAdapter(OpenAISdkAdapter):
    async def _complete(self, request: Request) -> Reply:
        raw = await self.client.chat.completions.with_raw_response.create(
            **self.params(request), timeout=request.timeout
        )
        transcript = Transcript()
        completion = expect(raw.parse(), ChatCompletion)
        if not completion.choices:
            raise LlmError(
                ErrorKind.BAD_RESPONSE, gettext_noop("The answer has no choices."), request_id=request_id(raw.headers)
            )
        transcript.add(completion)
        return self._reply(transcript, headers=raw.headers)

    async def _stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        transcript = Transcript()
        params = self.params(request) | self._stream_params()
        async with await self.client.chat.completions.create(**params, stream=True, timeout=request.timeout) as chunks:
            async for chunk in chunks:
                if text := transcript.add(chunk):
                    yield Delta(text=text)
            if transcript.finish:
                yield Delta(reply=self._reply(transcript, headers=chunks.response.headers))

    def params(self, request: Request) -> dict[str, Any]:
        system = [{"role": "system", "content": request.system}] if request.system else []
        params: dict[str, Any] = {
            "model": request.model,
            "messages": [*system, *({"role": turn.role, "content": turn.text} for turn in request.turns)],
            "max_tokens": request.max_output_tokens,
        }
        if request.temperature is not None:
            params["temperature"] = request.temperature
        return params

    def _stream_params(self) -> dict[str, Any]:
        return {"stream_options": {"include_usage": True}}

    def _sources(self, text: str, transcript: Transcript) -> SourceList:
        """OpenAI's annotations, which OpenRouter sends too; streamed ones come as bare dictionaries."""
        sources = SourceList()
        for note in transcript.annotations:
            cited = note.get("url_citation") if isinstance(note, Mapping) else note.url_citation.model_dump()
            if cited and cited.get("url"):
                url = str(cited["url"])
                span = place(text, cited.get("start_index") or 0, cited.get("end_index") or 0, url=url)
                start, end = span or (None, None)
                sources.cite(url, title=str(cited.get("title") or ""), start=start, end=end)
        return sources

    def _reply(self, transcript: Transcript, *, headers: httpx2.Headers) -> Reply:
        refused = bool(transcript.refusal and not transcript.text)
        text = transcript.text or transcript.refusal
        finish = _FINISH_REASONS.get(transcript.finish, FinishReason.OTHER)
        return Reply(
            text=text,
            model=transcript.model,
            finish_reason=FinishReason.REFUSAL if refused else finish,
            usage=_usage(transcript.usage),
            citations=self._sources(text, transcript).citations(),
            request_id=request_id(headers) or transcript.id,
            rate_limits=rate_limits(headers),
        )


def _usage(used: CompletionUsage | None) -> Usage:
    """Tokens, and what Perplexity and OpenRouter add: the number of searches and what the call cost."""
    if used is None:
        return Usage()
    extras = used.model_extra or {}
    return Usage(
        input_tokens=used.prompt_tokens or 0,
        output_tokens=used.completion_tokens or 0,
        cached_input_tokens=(used.prompt_tokens_details and used.prompt_tokens_details.cached_tokens) or 0,
        reasoning_tokens=(used.completion_tokens_details and used.completion_tokens_details.reasoning_tokens)
        or int(extras.get("reasoning_tokens") or 0),
        searches=int(extras.get("num_search_queries") or 0),
        cost=told_cost(extras.get("cost")),
    )


def told_cost(cost: object) -> Decimal | None:
    """USD from a number or from Perplexity's breakdown; None where it is neither."""
    if isinstance(cost, Mapping):
        cost = cost.get("total_cost")
    if isinstance(cost, bool) or not isinstance(cost, int | float | str):
        return None
    try:
        amount = Decimal(str(cost))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 else None
