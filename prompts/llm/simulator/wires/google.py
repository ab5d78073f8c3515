"""Google's Gemini API: generateContent, its stream, Search grounding, embeddings."""

from __future__ import annotations

import base64
import re

import orjson

from prompts.llm.simulator.exchange import (
    Allowance,
    Answer,
    Ask,
    Finish,
    Headers,
    Json,
    Operation,
    Refused,
    Trouble,
    count_tokens,
)

from .base import Incoming, check_key, content_text, crumbs
from .embeddings import embed

PATH = re.compile(r"/v1(?:beta|alpha)?/models/([^:/]+):(\w+)")
LIST = re.compile(r"/v1(?:beta|alpha)?/models(?:/([^:/]+))?")
OPERATIONS = {
    "generateContent": Operation.GENERATE,
    "streamGenerateContent": Operation.GENERATE,
    "embedContent": Operation.EMBED,
    "batchEmbedContents": Operation.EMBED,
    "countTokens": Operation.COUNT,
}
ERRORS: dict[Trouble, tuple[int, str, str]] = {
    Trouble.BAD_REQUEST: (400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
    Trouble.BLOCKED: (400, "INVALID_ARGUMENT", "The request was blocked by policy."),
    Trouble.AUTH: (
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials.",
    ),
    Trouble.FORBIDDEN: (403, "PERMISSION_DENIED", "Your project has been denied access."),
    Trouble.BILLING: (
        429,
        "RESOURCE_EXHAUSTED",
        "Your prepayment credits are depleted. Please go to AI Studio to manage your project and billing.",
    ),
    Trouble.NOT_FOUND: (404, "NOT_FOUND", "Requested entity was not found."),
    Trouble.TOO_LARGE: (413, "INVALID_ARGUMENT", "Request payload size exceeds the limit."),
    Trouble.RATE_LIMITED: (
        429,
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    Trouble.SERVER: (500, "INTERNAL", "An internal error has occurred."),
    Trouble.UNAVAILABLE: (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    Trouble.OVERLOADED: (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
}
FINISHES = {Finish.LENGTH: "MAX_TOKENS", Finish.FILTER: "SAFETY"}
SAFETY = ("HARM_CATEGORY_HARASSMENT", "HARM_CATEGORY_HATE_SPEECH", "HARM_CATEGORY_DANGEROUS_CONTENT")
REDIRECT = "https://vertexaisearch.cloud.google.com/grounding-api-redirect/"


class Google:
    provider = "google"

    def read(self, incoming: Incoming) -> Ask:
        key = incoming.header(b"x-goog-api-key") or incoming.query.get("key", "")
        check_key(
            key,
            missing="Method doesn't allow unregistered callers (callers without established identity).",
            wrong="API key not valid. Please pass a valid API key.",
        )
        listed = LIST.fullmatch(incoming.path)
        if listed and incoming.method == "GET":
            return Ask(provider=self.provider, operation=Operation.MODELS, model=listed[1] or "", key=key)
        found = PATH.fullmatch(incoming.path)
        if not found or found[2] not in OPERATIONS or incoming.method != "POST":
            raise Refused(Trouble.NOT_FOUND, f"Not found: {incoming.path}", code="path")
        payload = incoming.json()
        payload["_method"] = found[2]
        if OPERATIONS[found[2]] is Operation.EMBED:
            return self._embedding(payload, model=found[1], key=key)
        return self._ask(payload, OPERATIONS[found[2]], model=found[1], key=key)

    def _embedding(self, payload: Json, *, model: str, key: str) -> Ask:
        tokens = sum(count_tokens(text) for text, _ in _embedded(payload))
        return Ask(
            provider=self.provider,
            operation=Operation.EMBED,
            model=model,
            key=key,
            input_tokens=tokens,
            payload=payload,
        )

    def _ask(self, payload: Json, operation: Operation, *, model: str, key: str) -> Ask:
        contents = payload.get("contents")
        if not isinstance(contents, list) or not contents:
            raise Refused(Trouble.BAD_REQUEST, "* GenerateContentRequest.contents: contents is not specified\n")
        system = content_text((payload.get("systemInstruction") or {}).get("parts"))
        texts = [(content.get("role") or "user", content_text(content.get("parts"))) for content in contents]
        asked = [text for role, text in texts if role == "user"]
        settings = payload.get("generationConfig") or {}
        limit = settings.get("maxOutputTokens")
        tools = payload.get("tools") or []
        return Ask(
            provider=self.provider,
            operation=operation,
            model=model,
            key=key,
            prompt=asked[-1] if asked else "",
            system=system,
            web_search=any("googleSearch" in tool or "google_search" in tool for tool in tools),
            stream=payload["_method"] == "streamGenerateContent",
            max_tokens=int(limit) if limit else None,
            input_tokens=count_tokens(system) + sum(count_tokens(text) + 2 for _, text in texts),
            payload=payload,
        )

    def page(self, ask: Ask, answer: Answer) -> Json:
        candidate = _candidate(answer, answer.text)
        candidate["finishReason"] = FINISHES.get(answer.finish, "STOP")
        if answer.finish is Finish.FILTER:
            candidate.pop("content")
            candidate["safetyRatings"] = [
                {"category": name, "probability": "HIGH" if not place else "NEGLIGIBLE", "blocked": not place}
                for place, name in enumerate(SAFETY)
            ]
        elif answer.queries and answer.text:
            candidate["groundingMetadata"] = grounding(answer)
        return _chunk(answer, candidate, usage=_usage(answer))

    def frames(self, ask: Ask, answer: Answer) -> list[bytes]:
        whole = self.page(ask, answer)
        if answer.finish in (Finish.EMPTY, Finish.FILTER) or not answer.text:
            return [_frame(whole)]
        runs = crumbs(answer.text, 120)
        first = {"promptTokenCount": answer.input_tokens, "totalTokenCount": answer.input_tokens}
        frames = [_frame(_chunk(answer, _candidate(answer, run), usage=first)) for run in runs[:-1]]
        whole["candidates"][0]["content"]["parts"][0]["text"] = runs[-1]
        return [*frames, _frame(whole)]

    def broken_frame(self, ask: Ask) -> bytes:
        return _frame({"error": {"code": 503, "message": ERRORS[Trouble.UNAVAILABLE][2], "status": "UNAVAILABLE"}})

    def aside(self, ask: Ask) -> Json:
        if ask.operation is Operation.COUNT:
            return {"totalTokens": ask.input_tokens}
        if ask.operation is Operation.MODELS:
            return _model(ask.model) if ask.model else {"models": [_model("gemini-3.5-flash")]}
        vectors = [{"values": embed(text, size).tolist()} for text, size in _embedded(ask.payload)]
        return {"embeddings": vectors} if "requests" in ask.payload else {"embedding": vectors[0]}

    def error(self, refused: Refused, *, ask: Ask | None, allowance: Allowance) -> tuple[int, Json]:
        status, state, message = ERRORS[refused.trouble]
        details: list[Json] = []
        if refused.trouble is Trouble.AUTH and refused.code == "wrong":
            # This API calls a wrong key an invalid argument.
            status, state = 400, "INVALID_ARGUMENT"
            info = {"reason": "API_KEY_INVALID", "domain": "googleapis.com"}
            details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", **info}]
        elif refused.trouble is Trouble.AUTH and refused.code == "missing":
            status, state = 403, "PERMISSION_DENIED"
        elif refused.trouble is Trouble.NOT_FOUND and ask:
            message = (
                f"models/{ask.model} is not found for API version v1beta, or is not supported for generateContent."
            )
        elif refused.trouble is Trouble.RATE_LIMITED:
            details = _quota_details(ask, allowance)
            message += f"\nPlease retry in {allowance.retry_after:.9f}s."
        error: Json = {"code": status, "message": refused.message or message, "status": state}
        return status, {"error": error | ({"details": details} if details else {})}

    def headers(self, allowance: Allowance, *, token: str, failed: bool) -> Headers:
        # This API sends no rate-limit headers and no Retry-After: both are in the error's details.
        return [(b"vary", b"Origin, X-Origin, Referer"), (b"server-timing", b"gfet4t7; dur=640")]


def grounding(answer: Answer) -> Json:
    """Only cited sources become chunks; segments are offsets into the text's UTF-8 bytes."""
    order = {index: place for place, index in enumerate(answer.cited)}
    supports: list[Json] = []
    offset = 0
    for piece in answer.pieces:
        end = offset + len(piece.text.encode("utf-8", "surrogatepass"))
        if piece.cites:
            segment: Json = {"startIndex": offset, "endIndex": end, "text": piece.text}
            if not offset:
                segment.pop("startIndex")  # zero is left out on this wire
            supports.append({"segment": segment, "groundingChunkIndices": [order[index] for index in piece.cites]})
        offset = end
    metadata: Json = {
        "searchEntryPoint": {"renderedContent": '<div class="container"><a class="chip">Search</a></div>'},
        "webSearchQueries": list(answer.queries),
    }
    if order:
        metadata["groundingChunks"] = [_web(answer, index) for index in order]
        metadata["groundingSupports"] = supports
    return metadata


def _web(answer: Answer, index: int) -> Json:
    source = answer.sources[index]
    if not answer.root:
        return {"web": {"uri": source.url, "title": source.title}}
    return {"web": {"uri": answer.root + sealed(source.url), "title": source.domain.removeprefix("www.")}}


def sealed(url: str) -> str:
    return "AUZIYQ" + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def unsealed(token: str) -> str:
    coded = token.removeprefix("AUZIYQ")
    return base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4)).decode()


def _candidate(answer: Answer, text: str) -> Json:
    return {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}


def _chunk(answer: Answer, candidate: Json, *, usage: Json) -> Json:
    page: Json = {"candidates": [candidate]} if answer.finish is not Finish.EMPTY else {}
    return page | {"usageMetadata": usage, "modelVersion": answer.model, "responseId": answer.token[:22]}


def _usage(answer: Answer) -> Json:
    said = answer.output_tokens - answer.reasoning_tokens
    usage: Json = {
        "promptTokenCount": answer.input_tokens,
        "candidatesTokenCount": said,
        "totalTokenCount": answer.input_tokens + answer.output_tokens,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": answer.input_tokens}],
    }
    if answer.reasoning_tokens:
        usage["thoughtsTokenCount"] = answer.reasoning_tokens
    return usage


def _embedded(payload: Json) -> list[tuple[str, int]]:
    """Texts and sizes of one request or a batch of them."""
    requests = payload.get("requests") or [payload]
    found = []
    for request in requests:
        settings = request.get("embedContentConfig") or {}
        size = request.get("outputDimensionality") or settings.get("outputDimensionality") or 3072
        found.append((content_text((request.get("content") or {}).get("parts")), int(size)))
    return found


def _quota_details(ask: Ask | None, allowance: Allowance) -> list[Json]:
    level = allowance.tokens if allowance.exceeded == "tokens" else allowance.requests
    unit = "TokensPerModelPerMinute" if allowance.exceeded == "tokens" else "RequestsPerMinutePerProjectPerModel"
    violation = {
        "quotaMetric": f"generativelanguage.googleapis.com/generate_content_{allowance.exceeded}",
        "quotaId": f"GenerateContent{unit}",
        "quotaDimensions": {"location": "global", "model": ask.model if ask else ""},
        "quotaValue": str(level.limit if level else 10),
    }
    kind = "type.googleapis.com/google.rpc."
    return [
        {"@type": f"{kind}QuotaFailure", "violations": [violation]},
        {
            "@type": f"{kind}Help",
            "links": [{"description": "Learn more", "url": "https://ai.google.dev/gemini-api/docs/rate-limits"}],
        },
        {"@type": f"{kind}RetryInfo", "retryDelay": f"{max(1, round(allowance.retry_after))}s"},
    ]


def _frame(data: Json) -> bytes:
    return b"data: " + orjson.dumps(data) + b"\r\n\r\n"


def _model(name: str) -> Json:
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }
