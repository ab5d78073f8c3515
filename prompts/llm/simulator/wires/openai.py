"""OpenAI: the Responses API, chat completions, embeddings, models, moderation and files."""

from __future__ import annotations

import re

from prompts.llm.simulator.exchange import (
    Allowance,
    Answer,
    Ask,
    Headers,
    Json,
    Operation,
    Refused,
    Trouble,
    count_tokens,
)

from . import chat, openai_errors, responses
from .asides import embeddings_page, files_page, models_page, moderation_page
from .base import Incoming, check_key, content_text, event, required, whole_number

REASONING = re.compile(r"(gpt-5(-mini|-nano)?|o\d.*)(-\d{4}-\d{2}-\d{2})?")
SEARCH_TOOLS = frozenset({"web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11"})
MISSING_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth."
)
OPERATIONS = {
    "/responses": Operation.RESPONSES,
    "/chat/completions": Operation.CHAT,
    "/embeddings": Operation.EMBED,
    "/moderations": Operation.MODERATE,
}


class OpenAI:
    provider = "openai"

    def read(self, incoming: Incoming) -> Ask:
        key = incoming.bearer()
        wrong = f"Incorrect API key provided: {key[:3]}***. You can find your API key at https://platform.openai.com/account/api-keys."
        check_key(key, missing=MISSING_KEY, wrong=wrong)
        path = incoming.path.removeprefix("/v1")
        if path == "/models" or path.startswith("/models/"):
            return Ask(provider=self.provider, operation=Operation.MODELS, model=path[8:], key=key)
        if path == "/files" or path.startswith("/files/"):
            payload = {"method": incoming.method, "path": path, "size": len(incoming.body)}
            return Ask(provider=self.provider, operation=Operation.FILES, model="", key=key, payload=payload)
        operation = OPERATIONS.get(path)
        if operation is None or incoming.method != "POST":
            raise Refused(Trouble.NOT_FOUND, f"Invalid URL ({incoming.method} /v1{path})", code="unknown_url")
        payload = incoming.json()
        if operation is Operation.RESPONSES:
            return self._responses(payload, key)
        if operation is Operation.CHAT:
            return self._chat(payload, key)
        model = str(payload.get("model") or "omni-moderation-latest")
        texts = required(payload, "input")
        tokens = count_tokens(content_text(texts))
        return Ask(
            provider=self.provider, operation=operation, model=model, key=key, input_tokens=tokens, payload=payload
        )

    def _responses(self, payload: Json, key: str) -> Ask:
        model = str(required(payload, "model"))
        given = required(payload, "input")
        searches = [tool for tool in payload.get("tools") or [] if tool.get("type") in SEARCH_TOOLS]
        self._check_responses(payload, model, searching=bool(searches))
        place = (searches[0].get("user_location") or {}) if searches else {}
        messages = [{"role": "user", "content": given}] if isinstance(given, str) else given
        wants = {"sources"} if "web_search_call.action.sources" in (payload.get("include") or ()) else set()
        return self._ask(
            payload,
            Operation.RESPONSES,
            key=key,
            messages=messages,
            system=str(payload.get("instructions") or ""),
            country=str(place.get("country") or ""),
            web_search=bool(searches),
            wants=frozenset(wants),
        )

    def _check_responses(self, payload: Json, model: str, *, searching: bool) -> None:
        limit = whole_number(payload, "max_output_tokens")
        if limit is not None and limit < 16:
            message = (
                "Invalid 'max_output_tokens': integer below minimum value. "
                f"Expected a value >= 16, but got {limit} instead."
            )
            raise Refused(Trouble.BAD_REQUEST, message, param="max_output_tokens", code="integer_below_min_value")
        self._check_reasoning_model(payload, model)
        effort = (payload.get("reasoning") or {}).get("effort")
        if searching and effort == "minimal":
            message = "The following tools cannot be used with reasoning.effort 'minimal': web_search."
            raise Refused(Trouble.BAD_REQUEST, message, param="tools")

    def _check_reasoning_model(self, payload: Json, model: str) -> None:
        if self.provider != "openai" or not REASONING.fullmatch(model):
            return
        if payload.get("temperature") not in (None, 1, 1.0):
            message = "Unsupported parameter: 'temperature' is not supported with this model."
            raise Refused(Trouble.BAD_REQUEST, message, param="temperature")
        if payload.get("max_tokens") is not None:
            message = (
                "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead."
            )
            raise Refused(Trouble.BAD_REQUEST, message, param="max_tokens", code="unsupported_parameter")

    def _chat(self, payload: Json, key: str) -> Ask:
        model = str(required(payload, "model"))
        messages = required(payload, "messages")
        self._check_reasoning_model(payload, model)
        search = payload.get("web_search_options")
        place = ((search or {}).get("user_location") or {}).get("approximate") or {}
        wants = {"usage"} if (payload.get("stream_options") or {}).get("include_usage") else set()
        return self._ask(
            payload,
            Operation.CHAT,
            key=key,
            messages=messages,
            country=str(place.get("country") or ""),
            web_search=self.searches(payload),
            wants=frozenset(wants),
        )

    def searches(self, payload: Json) -> bool:
        return payload.get("web_search_options") is not None

    def _ask(
        self,
        payload: Json,
        operation: Operation,
        *,
        key: str,
        messages: list[Json],
        system: str = "",
        country: str,
        web_search: bool,
        wants: frozenset[str],
    ) -> Ask:
        if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
            raise Refused(
                Trouble.BAD_REQUEST, "Invalid type for messages: expected an array of objects.", param="messages"
            )
        texts = [(str(message.get("role")), content_text(message.get("content"))) for message in messages]
        systems = [text for role, text in texts if role in ("system", "developer")]
        asked = [text for role, text in texts if role == "user"]
        return Ask(
            provider=self.provider,
            operation=operation,
            model=str(payload["model"]),
            key=key,
            prompt=asked[-1] if asked else "",
            system="\n".join([system, *systems]).strip(),
            country=country,
            web_search=web_search,
            stream=bool(payload.get("stream")),
            max_tokens=whole_number(payload, "max_output_tokens", "max_completion_tokens", "max_tokens"),
            input_tokens=count_tokens(system) + sum(count_tokens(text) + 4 for _, text in texts),
            wants=wants,
            payload=payload,
        )

    def page(self, ask: Ask, answer: Answer) -> Json:
        return responses.page(ask, answer) if ask.operation is Operation.RESPONSES else chat.page(ask, answer)

    def frames(self, ask: Ask, answer: Answer) -> list[bytes]:
        return responses.frames(ask, answer) if ask.operation is Operation.RESPONSES else chat.frames(ask, answer)

    def broken_frame(self, ask: Ask) -> bytes:
        message = "An error occurred while processing your request."
        if ask.operation is Operation.RESPONSES:
            failure = {"type": "error", "code": "server_error", "message": message, "param": None, "sequence_number": 9}
            return event(failure, "error")
        return event({"error": {"message": message, "type": "server_error", "param": None, "code": None}})

    def aside(self, ask: Ask) -> Json:
        if ask.operation is Operation.EMBED:
            return embeddings_page(ask)
        if ask.operation is Operation.MODERATE:
            return moderation_page(ask)
        return files_page(ask) if ask.operation is Operation.FILES else models_page(ask)

    def error(self, refused: Refused, *, ask: Ask | None, allowance: Allowance) -> tuple[int, Json]:
        return openai_errors.openai_error(refused, ask=ask, allowance=allowance)

    def headers(self, allowance: Allowance, *, token: str, failed: bool) -> Headers:
        return [
            (b"x-request-id", b"req_" + token[:32].encode()),
            (b"openai-version", b"2020-10-01"),
            (b"openai-organization", b"org-simulated"),
            *openai_errors.limit_headers(allowance),
        ]


class Compatible(OpenAI):
    """A plain server of chat completions, as Ollama, vLLM and others offer it: no search, no limits in headers."""

    provider = "compatible"

    def searches(self, payload: Json) -> bool:
        return False

    def error(self, refused: Refused, *, ask: Ask | None, allowance: Allowance) -> tuple[int, Json]:
        if refused.trouble is Trouble.NOT_FOUND and ask:
            message = f'model "{ask.model}" not found, try pulling it first'
            return 404, {"error": {"message": message, "type": "api_error", "param": None, "code": None}}
        return super().error(refused, ask=ask, allowance=allowance)

    def headers(self, allowance: Allowance, *, token: str, failed: bool) -> Headers:
        return openai_errors.limit_headers(allowance) if failed else []
