"""OpenAI's Responses API: items, URL citations, and its stream of typed events."""

from __future__ import annotations

from prompts.llm.simulator.exchange import Answer, Ask, Finish, Json

from .base import crumbs, event


def page(ask: Ask, answer: Answer) -> Json:
    text, annotations = linked_text(answer)
    output = _tool_items(ask, answer)
    if answer.finish is not Finish.EMPTY and (text or answer.finish is not Finish.LENGTH):
        output.append(_message(answer, text, annotations))
    return _response(ask, answer, output)


def frames(ask: Ask, answer: Answer) -> list[bytes]:
    return _Stream(ask, answer).frames()


def linked_text(answer: Answer) -> tuple[str, list[Json]]:
    """The text with its links written in, as this API does, and an annotation over each link."""
    parts: list[str] = []
    annotations: list[Json] = []
    length = 0
    for piece in answer.pieces:
        parts.append(piece.text)
        length += len(piece.text)
        if not piece.cites:
            continue
        links = []
        start = length + 2
        for index in piece.cites:
            source = answer.sources[index]
            url = source.url + ("&" if "?" in source.url else "?") + "utm_source=openai"
            link = f"[{source.domain.removeprefix('www.')}]({url})"
            links.append(link)
            annotations.append(
                {
                    "type": "url_citation",
                    "start_index": start,
                    "end_index": start + len(link),
                    "url": url,
                    "title": source.title,
                }
            )
            start += len(link) + 2
        written = f" ({', '.join(links)})"
        parts.append(written)
        length += len(written)
    return "".join(parts), annotations


def _tool_items(ask: Ask, answer: Answer) -> list[Json]:
    items: list[Json] = []
    if answer.reasoning_tokens:
        items.append({"id": f"rs_{answer.token}", "type": "reasoning", "summary": []})
    if answer.finish is Finish.EMPTY:
        return items
    for place, query in enumerate(answer.queries):
        action: Json = {"type": "search", "query": query, "queries": [query]}
        if "sources" in ask.wants:
            action["sources"] = [{"type": "url", "url": source.url} for source in answer.sources]
        call_id = f"ws_{place:02d}{answer.token[2:]}"
        items.append({"id": call_id, "type": "web_search_call", "status": "completed", "action": action})
    return items


def _message(answer: Answer, text: str, annotations: list[Json]) -> Json:
    if answer.finish is Finish.REFUSAL:
        part: Json = {"type": "refusal", "refusal": text}
    else:
        part = {"type": "output_text", "text": text, "annotations": annotations, "logprobs": []}
    status = "incomplete" if answer.finish in (Finish.LENGTH, Finish.FILTER) else "completed"
    return {"id": f"msg_{answer.token}", "type": "message", "status": status, "role": "assistant", "content": [part]}


def _response(ask: Ask, answer: Answer, output: list[Json]) -> Json:
    reasons = {Finish.LENGTH: "max_output_tokens", Finish.FILTER: "content_filter"}
    reason = reasons.get(answer.finish)
    return _shell(ask, answer) | {
        "status": "incomplete" if reason else "completed",
        "completed_at": None if reason else answer.created,
        "incomplete_details": {"reason": reason} if reason else None,
        "output": output,
        "usage": {
            "input_tokens": answer.input_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": answer.output_tokens,
            "output_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
            "total_tokens": answer.input_tokens + answer.output_tokens,
        },
    }


def _shell(ask: Ask, answer: Answer) -> Json:
    """A response that has only begun."""
    payload = ask.payload
    return {
        "id": f"resp_{answer.token}",
        "object": "response",
        "created_at": answer.created,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": payload.get("instructions"),
        "max_output_tokens": payload.get("max_output_tokens"),
        "max_tool_calls": None,
        "model": answer.model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": "medium", "summary": None} if answer.reasoning_tokens else None,
        "safety_identifier": None,
        "service_tier": "default",
        "store": True,
        "temperature": payload.get("temperature", 1.0),
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": payload.get("tool_choice", "auto"),
        "tools": payload.get("tools") or [],
        "top_logprobs": 0,
        "top_p": payload.get("top_p", 1.0),
        "truncation": "disabled",
        "usage": None,
        "user": None,
        "metadata": payload.get("metadata") or {},
    }


class _Stream:
    """Collects events; each carries the next sequence number."""

    def __init__(self, ask: Ask, answer: Answer) -> None:
        self.ask = ask
        self.answer = answer
        self.out: list[bytes] = []

    def frames(self) -> list[bytes]:
        whole = page(self.ask, self.answer)
        shell = _shell(self.ask, self.answer)
        self._send("response.created", response=shell)
        self._send("response.in_progress", response=shell)
        for index, item in enumerate(whole["output"]):
            if item["type"] == "message":
                self._message(index, item)
            else:
                self._tool(index, item)
        self._send("response.incomplete" if whole["incomplete_details"] else "response.completed", response=whole)
        return self.out

    def _send(self, name: str, **fields: object) -> None:
        self.out.append(event({"type": name, "sequence_number": len(self.out), **fields}, name))

    def _tool(self, index: int, item: Json) -> None:
        searching = item["type"] == "web_search_call"
        begun = {"id": item["id"], "type": item["type"], "status": "in_progress"} if searching else item
        if searching:
            begun["action"] = {"type": "search", "query": "", "queries": []}
        self._send("response.output_item.added", output_index=index, item=begun)
        if searching:
            for step in ("in_progress", "searching", "completed"):
                self._send(f"response.web_search_call.{step}", output_index=index, item_id=item["id"])
        self._send("response.output_item.done", output_index=index, item=item)

    def _message(self, index: int, item: Json) -> None:
        part = item["content"][0]
        place = {"item_id": item["id"], "output_index": index, "content_index": 0}
        begun = item | {"status": "in_progress", "content": []}
        self._send("response.output_item.added", output_index=index, item=begun)
        if part["type"] == "refusal":
            self._send("response.content_part.added", **place, part={"type": "refusal", "refusal": ""})
            for run in crumbs(part["refusal"]):
                self._send("response.refusal.delta", **place, delta=run)
            self._send("response.refusal.done", **place, refusal=part["refusal"])
        else:
            self._text(place, part)
        self._send("response.content_part.done", **place, part=part)
        self._send("response.output_item.done", output_index=index, item=item)

    def _text(self, place: Json, part: Json) -> None:
        empty = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        self._send("response.content_part.added", **place, part=empty)
        waiting = list(enumerate(part["annotations"]))
        sent = 0
        for run in crumbs(part["text"]):
            self._send("response.output_text.delta", **place, delta=run, logprobs=[])
            sent += len(run)
            while waiting and waiting[0][1]["end_index"] <= sent:
                number, annotation = waiting.pop(0)
                fields = {"annotation_index": number, "annotation": annotation}
                self._send("response.output_text.annotation.added", **place, **fields)
        self._send("response.output_text.done", **place, text=part["text"], logprobs=[])
