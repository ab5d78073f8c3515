"""Perplexity: chat completions with numbered citations, search results and its own bill."""

from __future__ import annotations

import datetime as dt
import uuid

import orjson

from prompts.llm.simulator.exchange import Allowance, Answer, Ask, Finish, Headers, Json, Operation, Refused, Trouble

from . import openai_errors
from .base import Incoming, check_key, crumbs
from .chat import REASONS
from .openai import OpenAI

PRICES = {"sonar": (1.0, 1.0), "sonar-pro": (3.0, 15.0)}  # dollars a million tokens
REQUEST_FEES = {"low": 0.005, "medium": 0.008, "high": 0.012}
DOCS = "https://docs.perplexity.ai/docs/getting-started/models"
TYPES = {
    Trouble.BAD_REQUEST: (400, "bad_request", "Invalid request."),
    Trouble.BLOCKED: (400, "bad_request", "The request was rejected by our content policy."),
    Trouble.FORBIDDEN: (403, "forbidden", "Access denied."),
    Trouble.BILLING: (
        401,
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    Trouble.TOO_LARGE: (413, "request_too_large", "Request body is too large."),
    Trouble.RATE_LIMITED: (429, "rate_limit_exceeded", "Request rate limit exceeded, please try again later."),
    Trouble.SERVER: (500, "internal_server_error", "Internal server error."),
    Trouble.UNAVAILABLE: (503, "service_unavailable", "Service temporarily unavailable."),
    Trouble.OVERLOADED: (503, "service_unavailable", "Service temporarily unavailable."),
}


class Perplexity(OpenAI):
    provider = "perplexity"

    def read(self, incoming: Incoming) -> Ask:
        wrong = (
            "Invalid API key provided. You can generate or find your API key at https://www.perplexity.ai/settings/api"
        )
        key = check_key(incoming.bearer(), missing=wrong, wrong=wrong)
        if incoming.method != "POST" or incoming.path.removeprefix("/v1") not in ("/chat/completions", "/sonar"):
            raise Refused(Trouble.NOT_FOUND, "Not found", code="path")
        return self._chat(incoming.json(), key)

    def searches(self, payload: Json) -> bool:
        return not payload.get("disable_search")

    def _chat(self, payload: Json, key: str) -> Ask:
        search = payload.get("web_search_options") or {}
        place = search.get("user_location") or {}
        asked = super()._chat(payload | {"web_search_options": None}, key)
        wants = frozenset({"usage"})
        country = str(place.get("country") or (place.get("approximate") or {}).get("country") or "")
        return Ask(
            provider=asked.provider,
            operation=Operation.CHAT,
            model=asked.model,
            key=key,
            prompt=asked.prompt,
            system=asked.system,
            country=country,
            web_search=self.searches(payload),
            stream=asked.stream,
            max_tokens=asked.max_tokens,
            input_tokens=asked.input_tokens,
            wants=wants,
            payload=payload,
        )

    def page(self, ask: Ask, answer: Answer) -> Json:
        message = {"role": "assistant", "content": numbered_text(answer)}
        return _page(ask, answer, message, {"role": "assistant", "content": ""}, "chat.completion")

    def frames(self, ask: Ask, answer: Answer) -> list[bytes]:
        if answer.finish is Finish.EMPTY:
            return [_frame(self.page(ask, answer) | {"object": "chat.completion.chunk"}), b"data: [DONE]\r\n\r\n"]
        nothing = {"role": "assistant", "content": ""}
        whole = _page(
            ask, answer, {"role": "assistant", "content": numbered_text(answer)}, nothing, "chat.completion.done"
        )
        # Every chunk repeats the sources: they are encoded once.
        whole["search_results"] = orjson.Fragment(orjson.dumps(whole["search_results"]))
        whole["citations"] = orjson.Fragment(orjson.dumps(whole["citations"]))
        frames, sent = [], ""
        for run in crumbs(numbered_text(answer)):
            sent += run
            said, delta = {"role": "assistant", "content": sent}, {"role": "assistant", "content": run}
            choice = {"index": 0, "finish_reason": None, "message": said, "delta": delta}
            share = len(sent) / max(1, len(answer.text))
            changed = {
                "object": "chat.completion.chunk",
                "usage": _usage(ask, answer, share=share),
                "choices": [choice],
            }
            frames.append(_frame(whole | changed))
        return [*frames, _frame(whole), b"data: [DONE]\r\n\r\n"]

    def error(self, refused: Refused, *, ask: Ask | None, allowance: Allowance) -> tuple[int, Json]:
        if refused.trouble is Trouble.NOT_FOUND and refused.code != "path":
            # This API answers 400, not 404, to a model that it does not know.
            model = ask.model if ask else ""
            message = f"Invalid model '{model}'. Permitted models can be found in the documentation at {DOCS}."
            return 400, _error(message, "invalid_model", 400)
        if refused.trouble is Trouble.NOT_FOUND:
            return 404, _error(refused.message, "not_found", 404)
        if refused.trouble is Trouble.AUTH:
            return 401, _error(refused.message or "Invalid API key provided.", "invalid_api_key", 401)
        status, kind, message = TYPES[refused.trouble]
        return status, _error(refused.message or message, kind, status)

    def headers(self, allowance: Allowance, *, token: str, failed: bool) -> Headers:
        headers = openai_errors.limit_headers(allowance)
        return [(b"x-request-id", token[:32].encode()), *(pair for pair in headers if pair[0] != b"retry-after-ms")]


def numbered_text(answer: Answer) -> str:
    """The text with `[1][2]` behind what it cites; numbers count the sources from one."""
    return "".join(piece.text + "".join(f"[{index + 1}]" for index in piece.cites) for piece in answer.pieces)


def _page(ask: Ask, answer: Answer, message: Json, delta: Json, kind: str) -> Json:
    reason = REASONS.get(answer.finish, "stop")
    choice = {"index": 0, "finish_reason": reason, "message": message, "delta": delta}
    return {
        "id": str(uuid.UUID(answer.token[:32])),
        "model": answer.model,
        "created": answer.created,
        "usage": _usage(ask, answer, share=1.0),
        "citations": [source.url for source in answer.sources],
        "search_results": _results(answer),
        "object": kind,
        "choices": [] if answer.finish is Finish.EMPTY else [choice],
    }


def _results(answer: Answer) -> list[Json]:
    today = dt.datetime.fromtimestamp(answer.created, dt.UTC).date()
    updated = today.isoformat()
    return [
        {
            "title": source.title,
            "url": source.url,
            "date": (today - dt.timedelta(days=30 + 17 * place)).isoformat(),
            "last_updated": updated,
            "snippet": source.snippet or source.title,
            "source": "web",
        }
        for place, source in enumerate(answer.sources)
    ]


def _usage(ask: Ask, answer: Answer, *, share: float) -> Json:
    size = str((ask.payload.get("web_search_options") or {}).get("search_context_size") or "low")
    price_in, price_out = PRICES.get(ask.model, (2.0, 8.0))
    produced = min(answer.output_tokens, round(answer.output_tokens * share))
    costs = {
        "input_tokens_cost": round(answer.input_tokens * price_in / 1e6, 6),
        "output_tokens_cost": round(produced * price_out / 1e6, 6),
        "request_cost": REQUEST_FEES.get(size, 0.005) if ask.web_search else 0.0,
    }
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": produced,
        "total_tokens": answer.input_tokens + produced,
        "search_context_size": size,
        "num_search_queries": len(answer.queries),
        "cost": costs | {"total_cost": round(sum(costs.values()), 6)},
    }


def _frame(data: Json) -> bytes:
    return b"data: " + orjson.dumps(data) + b"\r\n\r\n"


def _error(message: str, kind: str, code: int) -> Json:
    return {"error": {"message": message, "type": kind, "code": code}}
