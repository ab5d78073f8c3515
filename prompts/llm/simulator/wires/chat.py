"""OpenAI's chat completions, which compatible servers speak too."""

from __future__ import annotations

from prompts.llm.simulator.exchange import Answer, Ask, Finish, Json

from .base import crumbs, event
from .responses import linked_text

REASONS = {Finish.LENGTH: "length", Finish.FILTER: "content_filter"}


def page(ask: Ask, answer: Answer) -> Json:
    text, annotations = linked_text(answer)
    refused = answer.finish is Finish.REFUSAL
    message: Json = {
        "role": "assistant",
        "content": None if refused else text,
        "refusal": text if refused else None,
        "annotations": [{"type": "url_citation", "url_citation": _bare(note)} for note in annotations],
    }
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": REASONS.get(answer.finish, "stop")}
    return {
        "id": f"chatcmpl-{answer.token[:29]}",
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.model,
        "choices": [] if answer.finish is Finish.EMPTY else [choice],
        "usage": usage(answer),
        "service_tier": "default",
        "system_fingerprint": None,
    }


def frames(ask: Ask, answer: Answer) -> list[bytes]:
    text, annotations = linked_text(answer)
    field = "refusal" if answer.finish is Finish.REFUSAL else "content"
    out: list[bytes] = []
    if answer.finish is not Finish.EMPTY:
        out.append(_chunk(ask, answer, {"role": "assistant", "content": "", "refusal": None}))
        out += [_chunk(ask, answer, {field: run}) for run in crumbs(text)]
        if annotations:
            notes = [{"type": "url_citation", "url_citation": _bare(note)} for note in annotations]
            out.append(_chunk(ask, answer, {"annotations": notes}))
        out.append(_chunk(ask, answer, {}, REASONS.get(answer.finish, "stop")))
    if "usage" in ask.wants:
        out.append(event(_head(answer) | {"choices": [], "usage": usage(answer)}))
    out.append(b"data: [DONE]\n\n")
    return out


def usage(answer: Answer) -> Json:
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": answer.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _head(answer: Answer) -> Json:
    return {
        "id": f"chatcmpl-{answer.token[:29]}",
        "object": "chat.completion.chunk",
        "created": answer.created,
        "model": answer.model,
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _chunk(ask: Ask, answer: Answer, delta: Json, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    chunk = _head(answer) | {"choices": [choice]}
    if "usage" in ask.wants:
        chunk["usage"] = None
    return event(chunk)


def _bare(annotation: Json) -> Json:
    return {name: value for name, value in annotation.items() if name != "type"}
