"""Anthropic's own shapes, as documented, played back to the unmodified SDK."""

from collections.abc import Callable
from typing import Any

import pytest

from prompts.llm.adapter import Adapter
from prompts.llm.anthropic import MAX_CONTINUATIONS, AnthropicAdapter
from prompts.llm.errors import ErrorKind, LlmError
from prompts.llm.types import FinishReason, Request
from tests.prompts.llm.wire import Played, Wire, sse

Connect = Callable[..., Adapter]
Ask = Callable[..., Request]


def text(words: str, *urls: str) -> dict[str, Any]:
    location = {"type": "web_search_result_location", "cited_text": "x", "encrypted_index": "y"}
    citations = [{**location, "url": url, "title": f"About {url}"} for url in urls]
    return {"type": "text", "text": words, "citations": citations or None}


def search(query: str, *urls: str) -> list[dict[str, Any]]:
    result = {"type": "web_search_result", "encrypted_content": "z", "page_age": None}
    found = [{**result, "url": url, "title": f"About {url}"} for url in urls]
    return [
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": query}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": found},
    ]


def message(*content: dict[str, Any], stop: str = "end_turn", searches: int = 0) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5-20251001",
        "content": list(content),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 100,
            "cache_read_input_tokens": 20,
            "cache_creation_input_tokens": 0,
            "output_tokens": 50,
            "output_tokens_details": {"thinking_tokens": 30},
            "server_tool_use": {"web_search_requests": searches, "web_fetch_requests": 0},
        },
    }


@pytest.fixture
def claude(wire: Wire, connect: Connect) -> Adapter:
    return connect(AnthropicAdapter, wire.root)


async def test_answer_comes_with_usage_limits_and_ids(wire: Wire, claude: Adapter, ask: Ask) -> None:
    headers = {"request-id": "req_5", "anthropic-ratelimit-requests-remaining": "49"}
    wire.play(Played(message(text("Use Acme.")), headers=headers))
    reply = await claude.complete(ask(system="Be brief.", max_output_tokens=77))
    assert (reply.text, reply.finish_reason) == ("Use Acme.", FinishReason.STOP)
    assert (reply.usage.input_tokens, reply.usage.cached_input_tokens) == (120, 20)
    assert (reply.usage.output_tokens, reply.usage.reasoning_tokens) == (50, 30)
    assert (reply.request_id, reply.rate_limits.requests_remaining) == ("req_5", 49)
    (asked,) = wire.asked
    assert (asked.path, asked.body["system"], asked.body["max_tokens"]) == ("/v1/messages", "Be brief.", 77)
    assert "tools" not in asked.body


async def test_country_reaches_the_web_search(wire: Wire, claude: Adapter, ask: Ask) -> None:
    wire.play(*[Played(message(text("Use Acme.")))] * 2)
    await claude.complete(ask(search=True, country="fr"))
    await claude.complete(ask(search=True))
    near, anywhere = (asked.body["tools"][0] for asked in wire.asked)
    assert near["user_location"] == {"type": "approximate", "country": "FR"}
    assert "user_location" not in anywhere
    assert (near["name"], near["allowed_callers"]) == ("web_search", ["direct"])


async def test_citation_spans_its_text_block(wire: Wire, claude: Adapter, ask: Ask) -> None:
    found = search("best tool", "https://a.example/", "https://b.example/")
    blocks = [text("🎉 Sure. "), *found, text("Acme is best", "https://b.example/"), text(".")]
    wire.play(Played(message(*blocks, searches=1)))
    reply = await claude.complete(ask(search=True))
    used, seen = reply.citations
    assert reply.text == "🎉 Sure. Acme is best."
    assert used.start is not None
    assert reply.text[used.start : used.end] == "Acme is best"
    assert (used.url, used.title, used.cited) == ("https://b.example/", "About https://b.example/", True)
    assert (seen.url, seen.cited, seen.position) == ("https://a.example/", False, 2)
    assert (reply.searches, reply.usage.searches) == (("best tool",), 1)


async def test_paused_turn_goes_on_until_it_ends(wire: Wire, claude: Adapter, ask: Ask) -> None:
    first = message(text("Looking. "), *search("one", "https://a.example/"), stop="pause_turn", searches=1)
    second = message(text("Still. "), stop="pause_turn")
    last = message(text("Acme.", "https://a.example/"), searches=1)
    wire.play(Played(first), Played(second), Played(last))
    reply = await claude.complete(ask(search=True))
    assert (reply.text, reply.finish_reason) == ("Looking. Still. Acme.", FinishReason.STOP)
    assert (reply.usage.requests, reply.usage.searches, reply.usage.output_tokens) == (3, 2, 150)
    roles = [[item["role"] for item in asked.body["messages"]] for asked in wire.asked]
    assert roles == [["user"], ["user", "assistant"], ["user", "assistant"]]
    resent = wire.asked[2].body["messages"][1]["content"]
    assert [block["type"] for block in resent] == ["text", "server_tool_use", "web_search_tool_result", "text"]
    assert reply.text[reply.citations[0].start : reply.citations[0].end] == "Acme."


async def test_turn_that_never_ends_counts_as_truncated(wire: Wire, claude: Adapter, ask: Ask) -> None:
    wire.play(*[Played(message(text("Well, "), stop="pause_turn"))] * (1 + MAX_CONTINUATIONS))
    reply = await claude.complete(ask(search=True))
    assert reply.finish_reason.truncated
    assert len(wire.asked) == 1 + MAX_CONTINUATIONS


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("max_tokens", FinishReason.LENGTH),
        ("model_context_window_exceeded", FinishReason.LENGTH),
        ("refusal", FinishReason.REFUSAL),
        ("stop_sequence", FinishReason.STOP),
        ("something_new", FinishReason.OTHER),
    ],
)
async def test_stop_reason_is_told(wire: Wire, claude: Adapter, ask: Ask, stop: str, finish: FinishReason) -> None:
    wire.play(Played(message(text("Use"), stop=stop)))
    assert (await claude.complete(ask())).finish_reason is finish


async def test_failed_search_leaves_no_sources(wire: Wire, claude: Adapter, ask: Ask) -> None:
    error = {"type": "web_search_tool_result_error", "error_code": "unavailable"}
    call, result = search("best tool")
    wire.play(Played(message(call, {**result, "content": error}, text("From memory: Acme."))))
    reply = await claude.complete(ask(search=True))
    assert (reply.text, reply.citations) == ("From memory: Acme.", ())


@pytest.mark.parametrize(
    "played",
    [
        Played("<html>hello</html>", content_type="text/html"),
        Played("{'no': json"),
        Played({}),
        Played({"type": "message", "content": None}),
        Played(message()),
    ],
    ids=["html", "broken", "object", "null-content", "empty"],
)
async def test_senseless_success_is_a_bad_response(wire: Wire, claude: Adapter, ask: Ask, played: Played) -> None:
    wire.play(played)
    with pytest.raises(LlmError) as caught:
        await claude.complete(ask())
    assert caught.value.kind is ErrorKind.BAD_RESPONSE


async def test_nobody_listening_is_a_connection_error(connect: Connect, ask: Ask) -> None:
    with pytest.raises(LlmError) as caught:
        await connect(AnthropicAdapter, "http://127.0.0.1:9").complete(ask())
    assert caught.value.kind is ErrorKind.CONNECTION


async def test_no_embeddings_here(claude: Adapter) -> None:
    with pytest.raises(LlmError) as caught:
        await claude.embed(["a"], model="m")
    assert (caught.value.kind, caught.value.retryable) == (ErrorKind.UNSUPPORTED, False)


def streamed(*words: str, stop: str = "end_turn", url: str = "") -> list[dict[str, Any]]:
    start = message() | {"stop_reason": None, "usage": {"input_tokens": 100, "output_tokens": 1}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
    ]
    events += [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in words
    ]
    if url:
        citation = text("", url)["citations"][0]
        events.append(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": citation}}
        )
    return [
        *events,
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": stop, "stop_sequence": None},
            "usage": {"output_tokens": 40},
        },
        {"type": "message_stop"},
    ]


async def test_stream_ends_with_the_whole_reply(wire: Wire, claude: Adapter, ask: Ask) -> None:
    wire.play(sse(*streamed("Use ", "Acme.", url="https://a.example/"), headers={"request-id": "req_6"}))
    *pieces, last = [piece async for piece in claude.stream(ask(search=True))]
    assert [piece.text for piece in pieces] == ["Use ", "Acme."]
    assert last.reply is not None
    assert (last.reply.text, last.reply.request_id, last.reply.usage.output_tokens) == ("Use Acme.", "req_6", 40)
    assert [(c.url, c.start, c.end) for c in last.reply.citations] == [("https://a.example/", 0, 9)]


async def test_stream_goes_on_after_a_pause(wire: Wire, claude: Adapter, ask: Ask) -> None:
    wire.play(sse(*streamed("Looking. ", stop="pause_turn")), sse(*streamed("Acme.")))
    *pieces, last = [piece async for piece in claude.stream(ask(search=True))]
    assert "".join(piece.text for piece in pieces) == "Looking. Acme."
    assert last.reply is not None
    assert (last.reply.text, last.reply.usage.requests) == ("Looking. Acme.", 2)


@pytest.mark.parametrize("cut", [False, True])
async def test_stream_without_its_end_is_a_bad_response(wire: Wire, claude: Adapter, ask: Ask, cut: bool) -> None:
    wire.play(sse(*streamed("Use ", "Acme.")[:-2], cut=cut, wait=0.1))
    with pytest.raises(LlmError) as caught:
        [piece async for piece in claude.stream(ask())]
    assert caught.value.kind is ErrorKind.BAD_RESPONSE


async def test_error_inside_a_stream_keeps_its_kind(wire: Wire, claude: Adapter, ask: Ask) -> None:
    trouble = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    wire.play(sse(*streamed("Use ")[:4], trouble))
    with pytest.raises(LlmError) as caught:
        [piece async for piece in claude.stream(ask())]
    assert (caught.value.kind, caught.value.message) == (ErrorKind.OVERLOADED, "Overloaded")
