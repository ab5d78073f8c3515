"""OpenAI through the Responses API, with its web search tool."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import httpx2
import openai
from openai.types.responses import (
    Response,
    ResponseFunctionWebSearch,
    ResponseOutputRefusal,
    ResponseOutputText,
    ResponseUsage,
    WebSearchToolParam,
)

from . import failures
from .adapter import KEEPALIVE, MAX_CONNECTIONS, Adapter, connection_kind, expect, tls
from .citations import SourceList, place
from .errors import ErrorKind, LlmError, gettext_noop
from .headers import rate_limits, request_id
from .types import Credential, Delta, Embedding, FinishReason, Reply, Request, Surface, Usage

BASE_URL = "https://api.openai.com/v1"
_END_EVENTS = ("response.completed", "response.incomplete", "response.failed")


class OpenAISdkAdapter(Adapter):
    """What every adapter over the `openai` SDK shares: client, failures, embeddings."""

    base_url = BASE_URL
    sdk_errors = (openai.OpenAIError, httpx2.HTTPError)

    def __init__(self, credential: Credential) -> None:
        super().__init__(credential)
        limits = httpx2.Limits(max_connections=MAX_CONNECTIONS, keepalive_expiry=KEEPALIVE)
        self.client = openai.AsyncOpenAI(
            api_key=credential.api_key or "none",  # a local server may want none, the SDK insists on one
            base_url=credential.base_url or self.base_url,
            max_retries=0,
            http_client=openai.DefaultAioHttpClient(limits=limits, verify=tls()),
        )
        # The SDK takes both from the environment, where they belong to the operator and not to this key's account.
        self.client.organization = None
        self.client.project = None

    async def aclose(self) -> None:
        await self.client.close()

    def _translate(self, error: Exception) -> failures.Rejection | ErrorKind | None:
        if isinstance(error, openai.APIStatusError):
            return failures.Rejection(
                status=error.status_code, body=error.body or error.message, headers=error.response.headers
            )
        if isinstance(error, openai.APIConnectionError | httpx2.HTTPError):
            return connection_kind(error)
        if isinstance(error, openai.APIResponseValidationError):
            return ErrorKind.BAD_RESPONSE
        if isinstance(error, openai.APIError):  # an error event inside a stream
            return failures.Rejection(status=None, body=error.body or error.message, headers={})
        return None

    async def _embed(self, texts: Sequence[str], *, model: str) -> Embedding:
        created = await self.client.embeddings.create(input=list(texts), model=model, encoding_format="float")
        created = expect(created, openai.types.CreateEmbeddingResponse)
        ordered = sorted(created.data, key=lambda item: item.index)
        return Embedding(
            vectors=tuple(tuple(item.embedding) for item in ordered),
            model=created.model,
            usage=Usage(input_tokens=created.usage.prompt_tokens if created.usage else 0),
        )


class ResponsesAdapter(OpenAISdkAdapter):
    """The Responses protocol; whoever else speaks it says how it searches and where it puts its sources."""

    async def _complete(self, request: Request) -> Reply:
        raw = await self.client.responses.with_raw_response.create(**self.params(request), timeout=request.timeout)
        return self.reply(expect(raw.parse(), Response), headers=raw.headers)

    async def _stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        params = self.params(request)
        async with await self.client.responses.create(**params, stream=True, timeout=request.timeout) as events:
            async for event in events:
                if event.type in ("response.output_text.delta", "response.refusal.delta"):
                    yield Delta(text=event.delta)
                elif event.type in _END_EVENTS:
                    yield Delta(reply=self.reply(event.response, headers=events.response.headers))
                    return
                elif event.type == "error":
                    raise self._failed(event.model_dump(), headers=events.response.headers)

    def params(self, request: Request) -> dict[str, Any]:
        params: dict[str, Any] = {
            "model": request.model,
            "input": [{"role": turn.role, "content": turn.text} for turn in request.turns],
            "max_output_tokens": request.max_output_tokens,
        }
        if request.system:
            params["instructions"] = request.system
        if request.temperature is not None:
            params["temperature"] = request.temperature
        return params

    def _sources(self, response: Response, text: str) -> SourceList:
        return annotated(response)

    def _usage(self, response: Response) -> Usage:
        return tokens(response)

    def _queries(self, response: Response) -> Iterable[str]:
        return ()

    def reply(self, response: Response, *, headers: httpx2.Headers) -> Reply:
        if response.status in ("failed", "cancelled"):
            raise self._failed(response.error.model_dump() if response.error else {}, headers=headers)
        if response.status not in ("completed", "incomplete"):
            raise LlmError(
                ErrorKind.BAD_RESPONSE,
                gettext_noop("The answer's status is %(status)s."),
                values={"status": str(response.status)[:60]},
            )
        text, refused = _text(response)
        return Reply(
            text=text,
            model=response.model,
            finish_reason=_finish_reason(response, refused=refused),
            usage=self._usage(response),
            citations=self._sources(response, text).citations(),
            searches=tuple(self._queries(response)),
            request_id=request_id(headers) or response.id,
            rate_limits=rate_limits(headers),
        )

    def _failed(self, body: object, *, headers: httpx2.Headers) -> LlmError:
        rejection = failures.Rejection(status=None, body=body, headers=headers)
        return failures.from_rejection(rejection, secret=self.credential.api_key)


class OpenAIAdapter(ResponsesAdapter):
    def params(self, request: Request) -> dict[str, Any]:
        params = super().params(request) | {"store": False}
        if request.surface is Surface.WEB_SEARCH:
            params["tools"] = [_web_search(request.country)]
            params["include"] = ["web_search_call.action.sources"]
        return params

    def _sources(self, response: Response, text: str) -> SourceList:
        sources = annotated(response)
        for call in _calls(response):
            if call.action and call.action.type == "search":
                for source in call.action.sources or ():
                    sources.look(source.url)
            elif call.action and call.action.type == "open_page" and call.action.url:
                sources.look(call.action.url)
        return sources

    def _usage(self, response: Response) -> Usage:
        """One search is one `search` action: opening a page and looking inside it cost nothing extra."""
        searches = [call for call in _calls(response) if call.action and call.action.type == "search"]
        return replace(tokens(response), searches=len(searches))

    def _queries(self, response: Response) -> Iterator[str]:
        for call in _calls(response):
            if call.action and call.action.type == "search":
                yield from call.action.queries or ([call.action.query] if call.action.query else [])


def _web_search(country: str) -> WebSearchToolParam:
    # An empty location is said explicitly: left out, it means the United States.
    location: dict[str, str] = {"type": "approximate"}
    if country:
        location["country"] = country.upper()
    return {"type": "web_search", "user_location": location}  # type: ignore[typeddict-item]


def _parts(response: Response) -> Iterator[ResponseOutputText | ResponseOutputRefusal]:
    for item in response.output:
        if item.type == "message":
            yield from item.content


def _text(response: Response) -> tuple[str, bool]:
    """The answer's text; where it has none, the words of a refusal."""
    parts = list(_parts(response))
    text = "".join(part.text for part in parts if part.type == "output_text")
    refusal = "".join(part.refusal for part in parts if part.type == "refusal")
    return (text, False) if text else (refusal, bool(refusal))


def _finish_reason(response: Response, *, refused: bool) -> FinishReason:
    reason = response.incomplete_details.reason if response.incomplete_details else None
    if response.status == "incomplete":
        return {"max_output_tokens": FinishReason.LENGTH, "content_filter": FinishReason.FILTERED}.get(
            reason or "", FinishReason.OTHER
        )
    return FinishReason.REFUSAL if refused else FinishReason.STOP


def tokens(response: Response) -> Usage:
    used: ResponseUsage | None = response.usage
    if used is None:
        return Usage()
    return Usage(
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cached_input_tokens=used.input_tokens_details.cached_tokens if used.input_tokens_details else 0,
        reasoning_tokens=used.output_tokens_details.reasoning_tokens if used.output_tokens_details else 0,
    )


def _calls(response: Response) -> Iterator[ResponseFunctionWebSearch]:
    return (item for item in response.output if item.type == "web_search_call")


def annotated(response: Response) -> SourceList:
    """The sources that the text links to, placed in the whole answer."""
    sources = SourceList()
    base = 0
    for part in _parts(response):
        if part.type != "output_text":
            continue
        for note in part.annotations or ():
            if note.type == "url_citation":
                span = place(part.text, note.start_index, note.end_index, url=note.url)
                start, end = (base + span[0], base + span[1]) if span else (None, None)
                sources.cite(note.url, title=note.title or "", start=start, end=end)
        base += len(part.text)
    return sources
