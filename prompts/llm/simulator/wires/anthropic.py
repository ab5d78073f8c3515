"""Anthropic's Messages API, with its web-search server tool."""

from __future__ import annotations

import base64
import datetime as dt
import json

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

from .base import Incoming, check_key, content_text, crumbs, event, whole_number

ERRORS: dict[Trouble, tuple[int, str, str]] = {
    Trouble.BAD_REQUEST: (400, "invalid_request_error", "Invalid request"),
    Trouble.BLOCKED: (400, "invalid_request_error", "Output blocked by content filtering policy"),
    Trouble.AUTH: (401, "authentication_error", "invalid x-api-key"),
    Trouble.FORBIDDEN: (
        403,
        "permission_error",
        "Your API key does not have permission to use the specified resource.",
    ),
    Trouble.BILLING: (
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.",
    ),
    Trouble.NOT_FOUND: (404, "not_found_error", "Not found"),
    Trouble.TOO_LARGE: (413, "request_too_large", "Request exceeds the maximum size"),
    Trouble.RATE_LIMITED: (429, "rate_limit_error", "Number of requests has exceeded your rate limit"),
    Trouble.SERVER: (500, "api_error", "Internal server error"),
    Trouble.UNAVAILABLE: (503, "api_error", "Service unavailable"),
    Trouble.OVERLOADED: (529, "overloaded_error", "Overloaded"),
}
STOPS = {Finish.LENGTH: "max_tokens", Finish.REFUSAL: "refusal", Finish.FILTER: "refusal"}


class Anthropic:
    provider = "anthropic"

    def read(self, incoming: Incoming) -> Ask:
        key = incoming.header(b"x-api-key") or incoming.bearer()
        check_key(key, missing="x-api-key header is required", wrong="invalid x-api-key")
        path = incoming.path.removeprefix("/v1")
        if incoming.method == "GET" and path.startswith("/models"):
            return Ask(provider=self.provider, operation=Operation.MODELS, model=path[8:], key=key)
        operation = {"/messages": Operation.MESSAGES, "/messages/count_tokens": Operation.COUNT}.get(path)
        if operation is None or incoming.method != "POST":
            raise Refused(Trouble.NOT_FOUND, f"Not Found: {path}", code="path")
        return self._ask(incoming.json(), operation, key)

    def _ask(self, payload: Json, operation: Operation, key: str) -> Ask:
        for name in ("model", "messages") if operation is Operation.COUNT else ("model", "max_tokens", "messages"):
            if payload.get(name) is None:
                raise Refused(Trouble.BAD_REQUEST, f"{name}: Field required", param=name)
        messages = payload["messages"]
        if not isinstance(messages, list) or not messages:
            raise Refused(Trouble.BAD_REQUEST, "messages: at least one message is required")
        if any(message.get("role") not in ("user", "assistant", "system") for message in messages):
            raise Refused(Trouble.BAD_REQUEST, 'messages: Unexpected role. Allowed are "user" or "assistant"')
        if not content_text(messages[-1].get("content")).strip():
            raise Refused(Trouble.BAD_REQUEST, "messages: text content blocks must be non-empty")
        searches = [tool for tool in payload.get("tools") or [] if str(tool.get("type", "")).startswith("web_search_")]
        place = (searches[0].get("user_location") or {}) if searches else {}
        system = content_text(payload.get("system"))
        texts = [content_text(message.get("content")) for message in messages]
        asked = [text for message, text in zip(messages, texts, strict=True) if message["role"] == "user"]
        return Ask(
            provider=self.provider,
            operation=operation,
            model=str(payload["model"]),
            key=key,
            prompt=asked[-1] if asked else "",
            system=system,
            country=str(place.get("country") or ""),
            web_search=bool(searches),
            stream=bool(payload.get("stream")),
            max_tokens=whole_number(payload, "max_tokens"),
            input_tokens=count_tokens(system) + sum(count_tokens(text) + 4 for text in texts),
            payload=payload,
        )

    def page(self, ask: Ask, answer: Answer) -> Json:
        return _message(answer) | {
            "content": content_blocks(answer),
            "stop_reason": STOPS.get(answer.finish, "end_turn"),
            "stop_details": _stop_details(answer),
            "usage": _usage(answer),
        }

    def frames(self, ask: Ask, answer: Answer) -> list[bytes]:
        usage = _usage(answer)
        start = _message(answer) | {"usage": usage | {"output_tokens": 1}}
        frames = [event({"type": "message_start", "message": start}, "message_start"), event({"type": "ping"}, "ping")]
        for index, block in enumerate(content_blocks(answer)):
            frames += _block_frames(index, block)
        delta = {
            "stop_reason": STOPS.get(answer.finish, "end_turn"),
            "stop_sequence": None,
            "stop_details": _stop_details(answer),
        }
        frames.append(event({"type": "message_delta", "delta": delta, "usage": usage}, "message_delta"))
        frames.append(event({"type": "message_stop"}, "message_stop"))
        return frames

    def broken_frame(self, ask: Ask) -> bytes:
        error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        return event(error, "error")

    def aside(self, ask: Ask) -> Json:
        if ask.operation is Operation.COUNT:
            return {"input_tokens": ask.input_tokens}
        if ask.model:
            return _model(ask.model)
        data = [_model(name) for name in ("claude-haiku-4-5-20251001", "claude-sonnet-4-5-20250929")]
        return {"data": data, "has_more": False, "first_id": data[0]["id"], "last_id": data[-1]["id"]}

    def error(self, refused: Refused, *, ask: Ask | None, allowance: Allowance) -> tuple[int, Json]:
        status, kind, message = ERRORS[refused.trouble]
        if refused.trouble is Trouble.NOT_FOUND and ask:
            message = f"model: {ask.model}"
        elif refused.trouble is Trouble.RATE_LIMITED and allowance.exceeded == "tokens":
            message = "This request would exceed your organization's rate limit of input tokens per minute"
        error = {"type": kind, "message": refused.message or message}
        return status, {"type": "error", "error": error, "request_id": "req_simulated"}

    def headers(self, allowance: Allowance, *, token: str, failed: bool) -> Headers:
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        headers: Headers = [
            (b"request-id", b"req_" + token[8:32].encode()),
            (b"anthropic-organization-id", b"00000000-0000-4000-8000-000000000000"),
        ]
        for names, level in ((("requests",), allowance.requests), (("tokens", "input-tokens"), allowance.tokens)):
            if level is None:
                continue
            reset = (now + dt.timedelta(seconds=round(level.reset))).strftime("%Y-%m-%dT%H:%M:%SZ")
            for name in names:
                prefix = f"anthropic-ratelimit-{name}-"
                headers.append((f"{prefix}limit".encode(), str(level.limit).encode()))
                headers.append((f"{prefix}remaining".encode(), str(level.remaining).encode()))
                headers.append((f"{prefix}reset".encode(), reset.encode()))
        if allowance.retry_after:
            headers.append((b"retry-after", str(max(1, round(allowance.retry_after))).encode()))
        return headers


def content_blocks(answer: Answer) -> list[Json]:
    """Search call and results, then text blocks: every cited run is a block of its own."""
    if answer.finish is Finish.EMPTY:
        return []
    blocks: list[Json] = []
    for place, query in enumerate(answer.queries):
        call = f"srvtoolu_{place:02d}{answer.token[2:26]}"
        blocks.append({"type": "server_tool_use", "id": call, "name": "web_search", "input": {"query": query}})
        found = [_result(answer, index) for index in range(place, len(answer.sources), len(answer.queries))]
        blocks.append({"type": "web_search_tool_result", "tool_use_id": call, "content": found})
    plain = ""
    for piece in answer.pieces:
        if not piece.cites:
            plain += piece.text
            continue
        if plain:
            blocks.append({"type": "text", "text": plain, "citations": None})
            plain = ""
        notes = [_citation(answer, index, piece.text) for index in piece.cites]
        blocks.append({"type": "text", "text": piece.text, "citations": notes})
    if plain:
        blocks.append({"type": "text", "text": plain, "citations": None})
    return blocks


def _result(answer: Answer, index: int) -> Json:
    source = answer.sources[index]
    return {
        "type": "web_search_result",
        "url": source.url,
        "title": source.title,
        "encrypted_content": _sealed(source.url),
        "page_age": f"{index + 2} weeks ago" if index % 3 else None,
    }


def _citation(answer: Answer, index: int, text: str) -> Json:
    source = answer.sources[index]
    return {
        "type": "web_search_result_location",
        "url": source.url,
        "title": source.title,
        "cited_text": text[:150],
        "encrypted_index": _sealed(f"{index}:{source.url}"),
    }


def _sealed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _message(answer: Answer) -> Json:
    return {
        "id": f"msg_{answer.token[:24]}",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _stop_details(answer: Answer) -> Json | None:
    if answer.finish not in (Finish.REFUSAL, Finish.FILTER):
        return None
    return {"type": "refusal", "category": "general_harms", "explanation": None}


def _usage(answer: Answer) -> Json:
    usage: Json = {
        "input_tokens": answer.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": answer.output_tokens,
    }
    if answer.queries:
        usage["server_tool_use"] = {"web_search_requests": len(answer.queries), "web_fetch_requests": 0}
    return usage | {"service_tier": "standard"}


def _block_frames(index: int, block: Json) -> list[bytes]:
    kind = block["type"]
    deltas: list[Json] = []
    start = block
    if kind == "server_tool_use":
        start = block | {"input": {}}
        deltas = [
            {"type": "input_json_delta", "partial_json": run} for run in ("", *crumbs(json.dumps(block["input"]), 12))
        ]
    elif kind == "text":
        start = {"type": "text", "text": ""} | ({"citations": []} if block["citations"] else {})
        deltas = [{"type": "citations_delta", "citation": note} for note in block["citations"] or ()]
        deltas += [{"type": "text_delta", "text": run} for run in crumbs(block["text"])]
    frames = [event({"type": "content_block_start", "index": index, "content_block": start}, "content_block_start")]
    name = "content_block_delta"
    frames += [event({"type": name, "index": index, "delta": delta}, name) for delta in deltas]
    frames.append(event({"type": "content_block_stop", "index": index}, "content_block_stop"))
    return frames


def _model(name: str) -> Json:
    return {"type": "model", "id": name, "display_name": name, "created_at": "2025-10-01T00:00:00Z"}
