"""Perplexity's and compatible servers' own shapes, as documented, played back to the unmodified SDK."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from prompts.llm.adapter import Adapter
from prompts.llm.compatible import CompatibleAdapter
from prompts.llm.errors import ErrorKind, LlmError
from prompts.llm.perplexity import PerplexityAdapter
from prompts.llm.types import Credential, FinishReason, Provider, Request
from tests.prompts.llm.wire import Played, Wire, sse

Connect = Callable[..., Adapter]
Ask = Callable[..., Request]

RESULTS = [{"url": f"https://{name}.example/", "title": f"Page {name}"} for name in "abc"]


def completion(text: str | None, *, finish: str = "stop", **extras: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_780_000_000,
        "model": "sonar",
        "choices": [{"index": 0, "finish_reason": finish, "message": message}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
        **extras,
    }


def chunk(text: str, *, finish: str | None = None, **extras: Any) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": finish, "delta": {"content": text}}
    return completion(None) | {"object": "chat.completion.chunk", "choices": [choice], **extras}


@pytest.fixture
async def sonar(wire: Wire, connect: Connect) -> Adapter:
    return connect(PerplexityAdapter, wire.root)


@pytest.fixture
async def server(wire: Wire, connect: Connect) -> Adapter:
    return connect(CompatibleAdapter, f"{wire.root}/v1")


async def test_marker_in_the_text_makes_a_source_cited(wire: Wire, sonar: Adapter, ask: Ask) -> None:
    text = "🎉 Acme is best[3][1]. Acme again[3], and [9] is nobody."
    wire.play(Played(completion(text, search_results=RESULTS, citations=["https://ignored.example/"])))
    reply = await sonar.complete(ask(search=True))
    assert reply.text == text
    found = [(c.title, c.cited, text[c.start : c.end] if c.cited else None) for c in reply.citations]
    assert found == [("Page c", True, "[3]"), ("Page a", True, "[1]"), ("Page b", False, None)]
    assert reply.citations[0].start == text.index("[3]")


async def test_bare_citations_serve_where_results_are_missing(wire: Wire, sonar: Adapter, ask: Ask) -> None:
    wire.play(Played(completion("Acme[1].", citations=["https://a.example/", "https://b.example/"])))
    reply = await sonar.complete(ask(search=True))
    assert [(c.url, c.cited) for c in reply.citations] == [("https://a.example/", True), ("https://b.example/", False)]


async def test_country_reaches_the_web_search(wire: Wire, sonar: Adapter, ask: Ask) -> None:
    wire.play(*[Played(completion("Acme."))] * 2)
    await sonar.complete(ask(search=True, country="it", system="Be brief."))
    await sonar.complete(ask(search=True))
    near, anywhere = (asked.body for asked in wire.asked)
    assert near["web_search_options"] == {"user_location": {"country": "IT"}}
    assert near["messages"][0] == {"role": "system", "content": "Be brief."}
    assert "web_search_options" not in anywhere
    assert wire.asked[0].path == "/chat/completions"


async def test_bill_of_the_provider_is_kept(wire: Wire, sonar: Adapter, ask: Ask) -> None:
    cost = {"input_tokens_cost": 0.00001, "output_tokens_cost": 0.0003, "request_cost": 0.005, "total_cost": 0.00531}
    usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30, "num_search_queries": 2, "cost": cost}
    wire.play(Played(completion("Acme.", usage=usage)))
    reply = await sonar.complete(ask(search=True))
    assert (reply.usage.cost, reply.usage.searches) == (Decimal("0.00531"), 2)


@pytest.mark.parametrize("cost", [None, "free", -1, True, {}, {"total_cost": "NaN"}, float("inf")])
async def test_senseless_bill_is_no_bill(wire: Wire, server: Adapter, ask: Ask, cost: object) -> None:
    body = completion("Acme.")
    body["usage"]["cost"] = cost
    wire.play(Played(body))
    assert (await server.complete(ask())).usage.cost is None


async def test_streamed_results_come_with_the_reply(wire: Wire, sonar: Adapter, ask: Ask) -> None:
    wire.play(
        sse(
            chunk("Acme "),
            chunk("rules[2].", search_results=RESULTS),
            chunk("", finish="stop"),
            done=True,
        )
    )
    *pieces, last = [piece async for piece in sonar.stream(ask(search=True))]
    assert [piece.text for piece in pieces] == ["Acme ", "rules[2]."]
    assert last.reply is not None
    assert [c.title for c in last.reply.citations if c.cited] == ["Page b"]
    assert last.reply.usage.output_tokens == 20
    assert "stream_options" not in wire.asked[0].body


async def test_compatible_server_is_asked_for_the_usage_of_a_stream(wire: Wire, server: Adapter, ask: Ask) -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    without = {**chunk("Acme."), "usage": None}
    wire.play(
        sse(without, {**chunk("", finish="stop"), "usage": None}, chunk("", usage=usage) | {"choices": []}, done=True)
    )
    *_, last = [piece async for piece in server.stream(ask())]
    assert last.reply is not None
    assert (last.reply.text, last.reply.usage.input_tokens) == ("Acme.", 7)
    assert wire.asked[0].body["stream_options"] == {"include_usage": True}
    assert wire.asked[0].path == "/v1/chat/completions"


async def test_annotations_of_a_compatible_server_are_sources(wire: Wire, server: Adapter, ask: Ask) -> None:
    text = "Best: [Acme](https://acme.example/x)."
    start = text.index("[")
    note = {"url": "https://acme.example/x", "title": "Acme", "start_index": start, "end_index": len(text) - 1}
    body = completion(text)
    body["choices"][0]["message"]["annotations"] = [{"type": "url_citation", "url_citation": note}]
    streamed = chunk(text, finish="stop")
    streamed["choices"][0]["delta"]["annotations"] = [{"type": "url_citation", "url_citation": note}]
    wire.play(Played(body), sse(streamed, done=True))
    reply = await server.complete(ask())
    *_, last = [piece async for piece in server.stream(ask())]
    assert last.reply is not None
    for citations in (reply.citations, last.reply.citations):
        assert [(c.title, c.start, c.end) for c in citations] == [("Acme", start, len(text) - 1)]


@pytest.mark.parametrize(
    ("body", "finish"),
    [
        (completion("Use", finish="length"), FinishReason.LENGTH),
        (completion("", finish="content_filter"), FinishReason.FILTERED),
        (completion("Use", finish="tool_calls"), FinishReason.OTHER),
    ],
)
async def test_finish_reason_is_told(
    wire: Wire, server: Adapter, ask: Ask, body: dict[str, Any], finish: FinishReason
) -> None:
    wire.play(Played(body))
    assert (await server.complete(ask())).finish_reason is finish


@pytest.mark.parametrize(
    "played",
    [
        Played("<html>hello</html>", content_type="text/html"),
        Played("{'no': json"),
        Played({}),
        Played(completion("x") | {"choices": []}),
        Played(completion("x") | {"choices": None}),
        Played(completion("x") | {"choices": "many"}),
        Played(completion(None)),
    ],
    ids=["html", "broken", "object", "no-choices", "null-choices", "odd-choices", "no-text"],
)
async def test_senseless_success_is_a_bad_response(wire: Wire, server: Adapter, ask: Ask, played: Played) -> None:
    wire.play(played)
    with pytest.raises(LlmError) as caught:
        await server.complete(ask())
    assert caught.value.kind is ErrorKind.BAD_RESPONSE


async def test_answer_without_usage_is_still_an_answer(wire: Wire, server: Adapter, ask: Ask) -> None:
    wire.play(Played(completion("Acme.") | {"usage": None}))
    assert (await server.complete(ask())).usage.input_tokens == 0


async def test_ollamas_plain_error_is_understood(wire: Wire, server: Adapter, ask: Ask) -> None:
    wire.play(
        Played({"error": {"message": "model 'x' not found, try pulling it first", "type": "api_error"}}, status=404)
    )
    with pytest.raises(LlmError) as caught:
        await server.complete(ask())
    assert caught.value.kind is ErrorKind.NOT_FOUND
    assert "pulling it" in caught.value.message


async def test_compatible_server_needs_a_base_url() -> None:
    with pytest.raises(LlmError, match="base URL"):
        CompatibleAdapter(Credential(provider=Provider.COMPATIBLE, id="x", api_key=""))


async def test_server_without_a_key_can_be_asked(wire: Wire, connect: Connect, ask: Ask) -> None:
    wire.play(Played(completion("Acme.")))
    adapter = connect(CompatibleAdapter, f"{wire.root}/v1", key="")
    assert (await adapter.complete(ask())).text == "Acme."


def agent_answer(text: str, *annotations: dict[str, Any]) -> dict[str, Any]:
    results = [{"id": number, **result, "snippet": "x"} for number, result in enumerate(RESULTS, start=1)]
    part = {"type": "output_text", "text": text, "annotations": list(annotations)}
    return {
        "id": "resp_1",
        "object": "response",
        "model": "perplexity/sonar",
        "status": "completed",
        "output": [
            {"type": "search_results", "queries": ["best tool"], "results": results},
            {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [part]},
        ],
        "usage": {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30, "cost": {"total_cost": 0.0025}},
    }


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_agent_models_speak_the_responses_protocol(wire: Wire, sonar: Adapter, ask: Ask, stream: bool) -> None:
    body = agent_answer("Acme is best [2].")
    request = ask(model="perplexity/sonar", search=True, country="de")
    if stream:
        wire.play(sse({"type": "response.completed", "response": body}))
        reply = [piece async for piece in sonar.stream(request)][-1].reply
        assert reply is not None
    else:
        wire.play(Played(body))
        reply = await sonar.complete(request)
    assert [(c.title, c.cited) for c in reply.citations] == [("Page b", True), ("Page a", False), ("Page c", False)]
    assert reply.text[reply.citations[0].start : reply.citations[0].end] == "[2]"
    assert (reply.usage.cost, reply.usage.searches, reply.searches) == (Decimal("0.0025"), 1, ("best tool",))
    (asked,) = wire.asked
    assert asked.path == "/v1/responses"
    assert asked.body["tools"] == [{"type": "web_search", "user_location": {"country": "DE"}}]
    assert not {"store", "include"} & asked.body.keys()  # unknown fields are refused


async def test_agent_links_are_citations_too(wire: Wire, sonar: Adapter, ask: Ask) -> None:
    text = "See (https://a.example/)."
    link = {"type": "url_citation", "url": "https://a.example/", "title": "A", "start_index": 4, "end_index": 24}
    wire.play(Played(agent_answer(text, link)))
    reply = await sonar.complete(ask(model="perplexity/sonar", search=True))
    assert [(c.url, c.start, c.end) for c in reply.citations if c.cited] == [("https://a.example/", 4, 24)]


async def test_failed_agent_run_is_an_error_though_its_status_is_200(wire: Wire, sonar: Adapter, ask: Ask) -> None:
    body = agent_answer("") | {"status": "failed", "error": {"message": "Upstream broke.", "type": "internal_error"}}
    wire.play(Played(body))
    with pytest.raises(LlmError) as caught:
        await sonar.complete(ask(model="perplexity/sonar", search=True))
    assert (caught.value.kind, caught.value.message) == (ErrorKind.SERVER, "Upstream broke.")
