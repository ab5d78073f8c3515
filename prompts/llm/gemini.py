"""Google's Gemini through generate_content, grounded in Google Search.

Google takes no country: the user's place is a coordinate (`places.py`), the user's language a BCP 47 code.
Grounding URLs are Google's redirects, kept as they are; their title is the domain they lead to.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import aiohttp
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as gt

from . import failures
from .adapter import EMBED_TIMEOUT, KEEPALIVE, MAX_CONNECTIONS, Adapter, tls
from .citations import Offsets, SourceList, byte_offsets
from .errors import ErrorKind, LlmError, gettext_noop
from .headers import request_id
from .places import place_of
from .types import Credential, Delta, Embedding, FinishReason, Reply, Request, Surface, Usage

BASE_URL = "https://generativelanguage.googleapis.com/"
_READ_BUFFER = 2**22  # bytes; an event of a stream is one line

_FINISH_REASONS = {
    gt.FinishReason.STOP: FinishReason.STOP,
    gt.FinishReason.MAX_TOKENS: FinishReason.LENGTH,
    gt.FinishReason.CONTINUATION: FinishReason.LENGTH,
    gt.FinishReason.SAFETY: FinishReason.FILTERED,
    gt.FinishReason.RECITATION: FinishReason.FILTERED,
    gt.FinishReason.LANGUAGE: FinishReason.FILTERED,
    gt.FinishReason.BLOCKLIST: FinishReason.FILTERED,
    gt.FinishReason.PROHIBITED_CONTENT: FinishReason.FILTERED,
    gt.FinishReason.SPII: FinishReason.FILTERED,
    gt.FinishReason.MODEL_ARMOR: FinishReason.FILTERED,
}


# The responses of the call under way. A stream left early keeps its connection until the garbage collector comes
# by: the SDK holds it in a cycle and offers no way to close it.
_opened: ContextVar[list[aiohttp.ClientResponse] | None] = ContextVar("gemini_opened", default=None)


async def _note(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    response = await handler(request)
    opened = _opened.get()
    if opened is not None:
        opened.append(response)
    return response


@contextmanager
def _noted(opened: list[aiohttp.ClientResponse]) -> Iterator[None]:
    token = _opened.set(opened)
    try:
        yield
    finally:
        _opened.reset(token)


@dataclass(slots=True)
class _Transcript:
    """A whole answer, or what a stream has brought of it. Grounding segments count bytes within one part."""

    parts: list[str] = field(default_factory=list)
    grounding: list[gt.GroundingMetadata] = field(default_factory=list)
    usage: gt.GenerateContentResponseUsageMetadata | None = None
    finish: gt.FinishReason | None = None
    model: str = ""
    id: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def add(self, response: gt.GenerateContentResponse) -> str:
        """Take in a chunk (or a whole response) and return the text that it brought."""
        self.usage = response.usage_metadata or self.usage
        self.model = response.model_version or self.model
        self.id = response.response_id or self.id
        if response.sdk_http_response and response.sdk_http_response.headers:
            self.headers = response.sdk_http_response.headers
        if not response.candidates:
            self._check_blocked(response.prompt_feedback)
            return ""
        candidate = response.candidates[0]
        self.finish = candidate.finish_reason or self.finish
        if candidate.grounding_metadata:
            self.grounding.append(candidate.grounding_metadata)
        parts = (candidate.content.parts or []) if candidate.content else []
        brought = [part.text for part in parts if part.text and not part.thought]
        self.parts.extend(brought)
        return "".join(brought)

    @staticmethod
    def _check_blocked(feedback: gt.GenerateContentResponsePromptFeedback | None) -> None:
        if feedback and feedback.block_reason:
            if said := feedback.block_reason_message:
                raise LlmError(ErrorKind.CONTENT_POLICY, failures.scrubbed(said), verbatim=True)
            raise LlmError(
                ErrorKind.CONTENT_POLICY,
                gettext_noop("The prompt was blocked: %(reason)s."),
                values={"reason": feedback.block_reason.value},
            )

    def reply(self, *, model: str) -> Reply:
        text = "".join(self.parts)
        return Reply(
            text=text,
            model=self.model or model,
            finish_reason=_FINISH_REASONS.get(self.finish, FinishReason.OTHER) if self.finish else FinishReason.OTHER,
            usage=_usage(self.usage, searches=len(self.queries)),
            citations=_sources(self.grounding, text).citations(),
            searches=self.queries,
            request_id=request_id(self.headers) or self.id,
        )

    @property
    def queries(self) -> tuple[str, ...]:
        return tuple(
            dict.fromkeys(query for data in self.grounding for query in data.web_search_queries or () if query)
        )


class GeminiAdapter(Adapter):
    sdk_errors = (genai_errors.APIError, aiohttp.ClientError)

    def __init__(self, credential: Credential) -> None:
        super().__init__(credential)
        # The SDK would make the same session itself, in a way that aiohttp has deprecated.
        connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=KEEPALIVE)
        self._session = aiohttp.ClientSession(
            connector=connector, trust_env=True, read_bufsize=_READ_BUFFER, middlewares=(_note,)
        )
        self.client = genai.Client(
            vertexai=False,
            api_key=credential.api_key or "none",
            http_options=gt.HttpOptions(
                base_url=credential.base_url or BASE_URL,
                aiohttp_client=self._session,
                client_args={"verify": tls()},
                async_client_args={"verify": tls(), "ssl": tls()},
                # Without options the SDK tries a broken connection a second time by itself, after 1 to 10 seconds.
                retry_options=gt.HttpRetryOptions(attempts=1),
            ),
        )

    async def aclose(self) -> None:
        await self._session.close()
        await self.client.aio.aclose()
        self.client.close()

    async def _complete(self, request: Request) -> Reply:
        opened: list[aiohttp.ClientResponse] = []
        try:
            with _noted(opened):
                response = await self.client.aio.models.generate_content(
                    model=request.model, contents=contents_of(request), config=config_of(request)
                )
        finally:
            for one in opened:
                one.close()
        return reply_of(response, model=request.model)

    async def _stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        transcript = _Transcript()
        opened: list[aiohttp.ClientResponse] = []
        try:
            with _noted(opened):
                chunks = await self.client.aio.models.generate_content_stream(
                    model=request.model, contents=contents_of(request), config=config_of(request)
                )
                chunk = await anext(chunks, None)  # only now is the request sent
            while chunk is not None:
                if text := transcript.add(chunk):
                    yield Delta(text=text)
                chunk = await anext(chunks, None)
        finally:
            for response in opened:
                response.close()
        if transcript.finish:
            yield Delta(reply=transcript.reply(model=request.model))

    async def _embed(self, texts: Sequence[str], *, model: str) -> Embedding:
        contents = [gt.Content(role="user", parts=[gt.Part(text=text)]) for text in texts]
        options = gt.HttpOptions(timeout=int(EMBED_TIMEOUT * 1000))
        response = await self.client.aio.models.embed_content(
            model=model, contents=list(contents), config=gt.EmbedContentConfig(http_options=options)
        )
        used = response.usage_metadata
        return Embedding(
            vectors=tuple(tuple(embedding.values or ()) for embedding in response.embeddings or ()),
            model=model,
            usage=Usage(input_tokens=(used.prompt_token_count or 0) if used else 0),
        )

    def _translate(self, error: Exception) -> failures.Rejection | ErrorKind | None:
        if isinstance(error, genai_errors.APIError):
            headers = getattr(error.response, "headers", None) or {}
            status = error.code if isinstance(error.code, int) else None
            return failures.Rejection(status=status, body=error.details, headers=headers)
        if isinstance(error, aiohttp.ServerTimeoutError):
            return ErrorKind.TIMEOUT
        if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientResponseError):
            return ErrorKind.BAD_RESPONSE
        return ErrorKind.CONNECTION if isinstance(error, aiohttp.ClientError) else None


def reply_of(response: gt.GenerateContentResponse, *, model: str) -> Reply:
    """A whole response, whichever way it came."""
    transcript = _Transcript()
    transcript.add(response)
    if not response.candidates:
        raise LlmError(ErrorKind.BAD_RESPONSE, gettext_noop("The answer has no candidates."))
    return transcript.reply(model=model)


def contents_of(request: Request) -> list[gt.ContentUnionDict]:
    return [
        gt.Content(role="model" if turn.role == "assistant" else "user", parts=[gt.Part(text=turn.text)])
        for turn in request.turns
    ]


def config_of(request: Request) -> gt.GenerateContentConfig:
    grounded = request.surface is Surface.WEB_SEARCH
    return gt.GenerateContentConfig(
        http_options=gt.HttpOptions(timeout=int(request.timeout * 1000)),
        system_instruction=request.system or None,
        temperature=request.temperature,
        max_output_tokens=request.max_output_tokens,
        tools=[gt.Tool(google_search=gt.GoogleSearch())] if grounded else None,
        tool_config=_user_place(request) if grounded else None,
        # Both would send further requests that nobody counts.
        automatic_function_calling=gt.AutomaticFunctionCallingConfig(disable=True),
        automatic_continuation=False,
    )


def _user_place(request: Request) -> gt.ToolConfig | None:
    place = place_of(request.country)
    if place is None and not request.language:
        return None
    return gt.ToolConfig(
        retrieval_config=gt.RetrievalConfig(
            lat_lng=gt.LatLng(latitude=place.latitude, longitude=place.longitude) if place else None,
            language_code=request.language or None,
        )
    )


def _sources(grounding: Iterable[gt.GroundingMetadata], text: str) -> SourceList:
    """Supports name the spans and the chunks (the pages) that carry them; a chunk without support was only read."""
    sources = SourceList()
    code_points = byte_offsets(text)
    for data in grounding:
        pages = [chunk.web or gt.GroundingChunkWeb() for chunk in data.grounding_chunks or ()]
        for support in data.grounding_supports or ():
            start, end = _span(support.segment, text, code_points)
            for page in (pages[index] for index in support.grounding_chunk_indices or () if 0 <= index < len(pages)):
                sources.cite(page.uri or "", title=page.title or page.domain or "", start=start, end=end)
        for page in pages:
            sources.look(page.uri or "", title=page.title or page.domain or "")
    return sources


def _span(segment: gt.Segment | None, text: str, code_points: Offsets) -> tuple[int, int] | tuple[None, None]:
    """Offsets are bytes of UTF-8; where they contradict the segment's own text, that text is looked for."""
    if segment is None:
        return None, None
    start, end = code_points(segment.start_index or 0), code_points(segment.end_index or 0)
    quoted = segment.text or ""
    if end > start and (not quoted or text[start:end] == quoted):
        return start, end
    found = text.find(quoted) if quoted else -1
    return (found, found + len(quoted)) if found >= 0 else (None, None)


def _usage(used: gt.GenerateContentResponseUsageMetadata | None, *, searches: int) -> Usage:
    """Thinking is billed as output but counted apart; what a search brings in is billed as input."""
    if used is None:
        return Usage(searches=searches)
    thoughts = used.thoughts_token_count or 0
    return Usage(
        input_tokens=(used.prompt_token_count or 0) + (used.tool_use_prompt_token_count or 0),
        output_tokens=(used.candidates_token_count or 0) + thoughts,
        cached_input_tokens=used.cached_content_token_count or 0,
        reasoning_tokens=thoughts,
        searches=searches,
    )
