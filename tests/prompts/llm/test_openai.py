"""OpenAI's own shapes, as documented, played back to the unmodified SDK."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from prompts.llm.adapter import Adapter
from prompts.llm.errors import ErrorKind, LlmError
from prompts.llm.openai import OpenAIAdapter
from prompts.llm.types import FinishReason, Request
from tests.prompts.llm.wire import Played, Wire, sse

Connect = Callable[..., Adapter]
Ask = Callable[..., Request]

LINK = "([Example](https://example.com/best?utm_source=openai))"


def message(*content: dict[str, Any]) -> dict[str, Any]:
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": list(content)}


def said(text: str, *annotations: dict[str, Any]) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": list(annotations), "logprobs": []}


def cited(start: int, end: int, url: str, title: str = "Example") -> dict[str, Any]:
    return {"type": "url_citation", "start_index": start, "end_index": end, "url": url, "title": title}


def searched(query: str, *urls: str) -> dict[str, Any]:
    sources = [{"type": "url", "url": url} for url in urls]
    action = {"type": "search", "query": query, "queries": [query], "sources": sources}
    return {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": action}


def response(*output: dict[str, Any], status: str = "completed", **kwargs: Any) -> dict[str, Any]:
    usage = {
        "input_tokens": 900,
        "input_tokens_details": {"cached_tokens": 128, "cache_write_tokens": 0},
        "output_tokens": 300,
        "output_tokens_details": {"reasoning_tokens": 192},
        "total_tokens": 1200,
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_780_000_000,
        "model": "gpt-5-mini-2025-08-07",
        "status": status,
        "error": None,
        "incomplete_details": None,
        "output": list(output),
        "usage": usage,
        **kwargs,
    }


@pytest.fixture
def openai(wire: Wire, connect: Connect) -> Adapter:
    return connect(OpenAIAdapter, f"{wire.root}/v1")


async def test_answer_comes_with_usage_limits_and_ids(wire: Wire, openai: Adapter, ask: Ask) -> None:
    headers = {"x-request-id": "req_7", "x-ratelimit-remaining-requests": "4998", "x-ratelimit-reset-tokens": "6ms"}
    wire.play(Played(response(message(said("Use Acme."))), headers=headers))
    reply = await openai.complete(ask(system="Be brief."))
    assert (reply.text, reply.finish_reason, reply.model) == ("Use Acme.", FinishReason.STOP, "gpt-5-mini-2025-08-07")
    assert (reply.usage.input_tokens, reply.usage.cached_input_tokens) == (900, 128)
    assert (reply.usage.output_tokens, reply.usage.reasoning_tokens) == (300, 192)
    assert (reply.request_id, reply.rate_limits.requests_remaining) == ("req_7", 4998)
    (asked,) = wire.asked
    assert asked.path == "/v1/responses"
    assert asked.body["instructions"] == "Be brief."
    assert asked.body["store"] is False
    assert "tools" not in asked.body
    assert "temperature" not in asked.body


async def test_country_reaches_the_web_search(wire: Wire, openai: Adapter, ask: Ask) -> None:
    wire.play(*[Played(response(message(said("Use Acme."))))] * 2)
    await openai.complete(ask(search=True, country="de"))
    await openai.complete(ask(search=True))
    near, anywhere = (asked.body for asked in wire.asked)
    assert near["tools"][0]["user_location"] == {"type": "approximate", "country": "DE"}
    assert near["include"] == ["web_search_call.action.sources"]
    assert anywhere["tools"][0]["user_location"] == {"type": "approximate"}  # left out it would mean the United States


async def test_environment_of_the_operator_stays_out(
    wire: Wire, connect: Connect, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-operator")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-operator")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    wire.play(Played(response(message(said("Use Acme.")))))
    await connect(OpenAIAdapter, f"{wire.root}/v1").complete(ask())
    assert not {"openai-organization", "openai-project"} & wire.asked[0].headers.keys()


async def test_citations_are_placed_in_code_points_across_parts(wire: Wire, openai: Adapter, ask: Ask) -> None:
    first = "🎉 Top pick: Acme. "
    second = f"Ünder 🎉 budget {LINK}."
    start = second.index("(")
    link = cited(start, start + len(LINK), "https://example.com/best?utm_source=openai")
    wire.play(
        Played(
            response(
                searched("best tool", "https://example.com/best", "https://other.example/list"),
                message(said(first), said(second, link)),
            )
        )
    )
    reply = await openai.complete(ask(search=True))
    used, seen = reply.citations
    assert used.start is not None
    assert reply.text[used.start : used.end] == LINK
    assert (used.title, used.cited, used.position) == ("Example", True, 1)
    assert (seen.url, seen.cited, seen.position, seen.start) == ("https://other.example/list", False, 2, None)
    assert (reply.searches, reply.usage.searches) == (("best tool",), 1)


async def test_pages_opened_are_sources_and_no_searches(wire: Wire, openai: Adapter, ask: Ask) -> None:
    opened = {"type": "open_page", "url": "https://read.example/"}
    call = {"id": "ws_2", "type": "web_search_call", "status": "completed", "action": opened}
    wire.play(Played(response(call, message(said("Use Acme.")))))
    reply = await openai.complete(ask(search=True))
    assert [(c.url, c.cited) for c in reply.citations] == [("https://read.example/", False)]
    assert reply.usage.searches == 0


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("max_output_tokens", FinishReason.LENGTH), ("content_filter", FinishReason.FILTERED)],
)
async def test_incomplete_answer_says_why(
    wire: Wire, openai: Adapter, ask: Ask, reason: str, finish: FinishReason
) -> None:
    half = response(message(said("Use")), status="incomplete", incomplete_details={"reason": reason})
    wire.play(Played(half))
    assert (await openai.complete(ask())).finish_reason is finish


async def test_thinking_that_used_up_the_limit_is_truncated_and_no_error(wire: Wire, openai: Adapter, ask: Ask) -> None:
    wire.play(Played(response(status="incomplete", incomplete_details={"reason": "max_output_tokens"})))
    reply = await openai.complete(ask())
    assert (reply.text, reply.finish_reason.truncated) == ("", True)


async def test_refusal_is_an_answer(wire: Wire, openai: Adapter, ask: Ask) -> None:
    wire.play(Played(response(message({"type": "refusal", "refusal": "I cannot say."}))))
    reply = await openai.complete(ask())
    assert (reply.text, reply.finish_reason) == ("I cannot say.", FinishReason.REFUSAL)


async def test_failed_response_keeps_the_providers_reason(wire: Wire, openai: Adapter, ask: Ask) -> None:
    wire.play(Played(response(status="failed", error={"code": "rate_limit_exceeded", "message": "Too fast."})))
    with pytest.raises(LlmError) as caught:
        await openai.complete(ask())
    assert (caught.value.kind, caught.value.message) == (ErrorKind.RATE_LIMITED, "Too fast.")


@pytest.mark.parametrize(
    "played",
    [
        Played("<html>hello</html>", content_type="text/html"),
        Played("{'no': json", content_type="application/json"),
        Played("", content_type="application/json"),
        Played("[]"),
        Played({}),
        Played({"status": "completed", "output": "none"}),
        Played(response()),
        Played(response(message(said("   ")))),
    ],
    ids=["html", "broken", "nothing", "list", "object", "odd-output", "no-output", "blank"],
)
async def test_senseless_success_is_a_bad_response(wire: Wire, openai: Adapter, ask: Ask, played: Played) -> None:
    wire.play(played)
    with pytest.raises(LlmError) as caught:
        await openai.complete(ask())
    assert caught.value.kind is ErrorKind.BAD_RESPONSE


async def test_each_failure_is_one_request(wire: Wire, openai: Adapter, ask: Ask) -> None:
    wire.play(Played({"error": {"message": "x", "code": None, "type": "server_error"}}, status=500))
    with pytest.raises(LlmError) as caught:
        await openai.complete(ask())
    assert caught.value.kind is ErrorKind.SERVER
    assert len(wire.asked) == 1


async def test_key_is_in_no_error_and_no_traceback(wire: Wire, connect: Connect, ask: Ask) -> None:
    key = "tenant-secret-0123456789"
    wire.play(
        Played({"error": {"message": f"Incorrect API key provided: {key}.", "code": "invalid_api_key"}}, status=401)
    )
    with pytest.raises(LlmError) as caught:
        await connect(OpenAIAdapter, wire.root, key=key).complete(ask())
    assert caught.value.kind is ErrorKind.AUTH
    assert key not in str(caught.value)
    assert caught.value.__suppress_context__


async def test_whole_call_has_one_deadline(wire: Wire, openai: Adapter, ask: Ask) -> None:
    wire.play(Played(response(message(said("Late."))), wait=30))
    with pytest.raises(LlmError) as caught:
        await openai.complete(ask(timeout=0.2))
    assert caught.value.kind is ErrorKind.TIMEOUT


async def test_nobody_listening_is_a_connection_error(connect: Connect, ask: Ask) -> None:
    with pytest.raises(LlmError) as caught:
        await connect(OpenAIAdapter, "http://127.0.0.1:9/v1").complete(ask())
    assert caught.value.kind is ErrorKind.CONNECTION


def streamed(*events: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"sequence_number": number, **event} for number, event in enumerate(events)]


def delta(text: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": text}


async def test_stream_ends_with_the_whole_reply(wire: Wire, openai: Adapter, ask: Ask) -> None:
    whole = response(message(said("Use Acme.")))
    events = streamed(delta("Use "), delta("Acme."), {"type": "response.completed", "response": whole})
    wire.play(sse(*events, headers={"x-request-id": "req_8"}))
    *pieces, last = [piece async for piece in openai.stream(ask())]
    assert "".join(piece.text for piece in pieces) == "Use Acme."
    assert last.reply is not None
    assert (last.reply.text, last.reply.request_id, last.reply.usage.output_tokens) == ("Use Acme.", "req_8", 300)
    assert wire.asked[0].body["stream"] is True


@pytest.mark.parametrize("cut", [False, True])
async def test_stream_without_its_end_is_a_bad_response(wire: Wire, openai: Adapter, ask: Ask, cut: bool) -> None:
    wire.play(sse(*streamed(delta("Use "), delta("Ac")), cut=cut, wait=0.1))
    with pytest.raises(LlmError) as caught:
        [piece async for piece in openai.stream(ask())]
    assert caught.value.kind is ErrorKind.BAD_RESPONSE


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"type": "error", "code": "server_error", "message": "Oops.", "param": None}, ErrorKind.SERVER),
        ({"error": {"type": "server_error", "code": "rate_limit_exceeded", "message": "x"}}, ErrorKind.RATE_LIMITED),
        (
            {
                "type": "response.failed",
                "response": response(status="failed", error={"code": "server_error", "message": "Oops."}),
            },
            ErrorKind.SERVER,
        ),
    ],
)
async def test_error_inside_a_stream_keeps_its_kind(
    wire: Wire, openai: Adapter, ask: Ask, event: dict[str, Any], kind: ErrorKind
) -> None:
    wire.play(sse(*streamed(delta("Use "), event)))
    with pytest.raises(LlmError) as caught:
        [piece async for piece in openai.stream(ask())]
    assert caught.value.kind is kind


async def test_stream_left_early_closes_its_connection(wire: Wire, openai: Adapter, ask: Ask) -> None:
    wire.play(sse(*streamed(delta("Use ")), cut=True, wait=30))
    async with aclosing(openai.stream(ask(timeout=60))) as pieces:  # type: ignore[type-var]
        assert (await anext(pieces)).text == "Use "
        assert wire.open == 1
    await wire.idle.wait()
    assert wire.aborted == 1


async def test_stream_of_a_cancelled_task_closes_its_connection(wire: Wire, openai: Adapter, ask: Ask) -> None:
    wire.play(sse(*streamed(delta("Use ")), cut=True, wait=30))
    arrived = asyncio.Event()

    async def listen() -> None:
        async for _ in openai.stream(ask(timeout=60)):
            arrived.set()

    task = asyncio.create_task(listen())
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await wire.idle.wait()
    assert wire.aborted == 1


async def test_trickling_stream_ends_at_the_deadline(wire: Wire, openai: Adapter, ask: Ask) -> None:
    wire.play(sse(*streamed(delta("Use ")), cut=True, wait=30))
    with pytest.raises(LlmError) as caught:
        [piece async for piece in openai.stream(ask(timeout=0.3))]
    assert caught.value.kind is ErrorKind.TIMEOUT


async def test_embeddings_keep_the_order_of_the_texts(wire: Wire, openai: Adapter) -> None:
    rows = [{"object": "embedding", "index": index, "embedding": [float(index), 0.5]} for index in (1, 0)]
    usage = {"prompt_tokens": 7, "total_tokens": 7}
    wire.play(Played({"object": "list", "model": "text-embedding-3-small", "data": rows, "usage": usage}))
    embedding = await openai.embed(["a", "b"], model="text-embedding-3-small")
    assert embedding.vectors == ((0.0, 0.5), (1.0, 0.5))
    assert (embedding.model, embedding.usage.input_tokens) == ("text-embedding-3-small", 7)


async def test_missing_vectors_are_a_bad_response(wire: Wire, openai: Adapter) -> None:
    wire.play(Played({"object": "list", "model": "m", "data": [], "usage": {"prompt_tokens": 1, "total_tokens": 1}}))
    with pytest.raises(LlmError) as caught:
        await openai.embed(["a"], model="m")
    assert caught.value.kind is ErrorKind.BAD_RESPONSE
