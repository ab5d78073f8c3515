"""Google's own shapes, as documented, played back to the unmodified SDK."""

from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from prompts.llm.adapter import Adapter
from prompts.llm.errors import ErrorKind, LlmError
from prompts.llm.gemini import GeminiAdapter
from prompts.llm.places import place_of
from prompts.llm.types import FinishReason, Request
from tests.prompts.llm.wire import Played, Wire, sse

Connect = Callable[..., Adapter]
Ask = Callable[..., Request]

REDIRECT = "https://vertexaisearch.cloud.google.com/grounding-api-redirect/"


def page(name: str) -> dict[str, Any]:
    return {"web": {"uri": f"{REDIRECT}{name}", "title": f"{name}.example"}}


def support(text: str, part: str, *chunks: int) -> dict[str, Any]:
    start = len(text[: text.index(part)].encode())
    segment = {"startIndex": start, "endIndex": start + len(part.encode()), "text": part}
    return {"segment": segment, "groundingChunkIndices": list(chunks)}


def answer(*parts: str, finish: str | None = "STOP", **candidate: Any) -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": part} for part in parts]}
    return {
        "candidates": [{"content": content, "index": 0, **({"finishReason": finish} if finish else {}), **candidate}],
        "usageMetadata": {
            "promptTokenCount": 100,
            "toolUsePromptTokenCount": 40,
            "candidatesTokenCount": 60,
            "thoughtsTokenCount": 200,
            "cachedContentTokenCount": 10,
            "totalTokenCount": 400,
        },
        "modelVersion": "gemini-3.8-flash",
        "responseId": "resp-1",
    }


@pytest.fixture
async def gemini(wire: Wire, connect: Connect) -> Adapter:
    return connect(GeminiAdapter, wire.root)


async def test_answer_comes_with_usage_and_ids(wire: Wire, gemini: Adapter, ask: Ask) -> None:
    wire.play(Played(answer("Use ", "Acme.")))
    reply = await gemini.complete(ask(model="gemini-3.8-flash", system="Be brief.", max_output_tokens=77))
    assert (reply.text, reply.finish_reason, reply.model) == ("Use Acme.", FinishReason.STOP, "gemini-3.8-flash")
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.reasoning_tokens) == (140, 260, 200)
    assert (reply.usage.cached_input_tokens, reply.request_id) == (10, "resp-1")
    (asked,) = wire.asked
    assert asked.path.endswith("/models/gemini-3.8-flash:generateContent")
    assert asked.headers["x-goog-api-key"] == "sim-key-1234567890"
    assert "key=" not in asked.query
    assert asked.body["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert asked.body["generationConfig"]["maxOutputTokens"] == 77
    assert "tools" not in asked.body


async def test_country_reaches_the_search_as_a_place(wire: Wire, gemini: Adapter, ask: Ask) -> None:
    wire.play(*[Played(answer("Use Acme."))] * 2)
    await gemini.complete(ask(search=True, country="de", language="de"))
    await gemini.complete(ask(search=True))
    near, anywhere = (asked.body for asked in wire.asked)
    # The SDK spells these three in snake case, which Google reads as well.
    where = {"lat_lng": {"latitude": 52.5, "longitude": 13.4}, "language_code": "de"}
    assert near["toolConfig"] == {"retrievalConfig": where}
    assert near["tools"] == [{"googleSearch": {}}]
    assert "toolConfig" not in anywhere


def test_unknown_country_has_no_place() -> None:
    assert place_of("") is None
    assert place_of("ZZ") is None
    assert place_of("jp") == (35.7, 139.7)


async def test_citations_are_placed_in_code_points(wire: Wire, gemini: Adapter, ask: Ask) -> None:
    text = "🎉 Für kleine Teams: Acme. 日本では Orbit."
    grounding = {
        "webSearchQueries": ["best tool", "tool japan"],
        "groundingChunks": [page("a"), page("b"), page("c")],
        "groundingSupports": [support(text, "日本では Orbit.", 1), support(text, "Für kleine Teams: Acme.", 2, 1)],
    }
    wire.play(Played(answer(text, groundingMetadata=grounding)))
    reply = await gemini.complete(ask(search=True))
    spans = [(c.title, c.position, c.cited, reply.text[c.start : c.end] if c.cited else None) for c in reply.citations]
    assert spans == [
        ("c.example", 1, True, "Für kleine Teams: Acme."),
        ("b.example", 2, True, "日本では Orbit."),
        ("a.example", 3, False, None),
    ]
    assert reply.citations[0].url == f"{REDIRECT}c"
    assert reply.searches == ("best tool", "tool japan")
    assert reply.usage.searches == 2


async def test_offsets_that_contradict_the_quoted_text_give_way_to_it(wire: Wire, gemini: Adapter, ask: Ask) -> None:
    segment = {"partIndex": 1, "endIndex": 5, "text": "Acme."}
    lost = {"partIndex": 1, "endIndex": 5, "text": "nowhere"}
    grounding = {
        "groundingChunks": [page("a"), page("b")],
        "groundingSupports": [
            {"segment": segment, "groundingChunkIndices": [0, 9]},
            {"segment": lost, "groundingChunkIndices": [1]},
        ],
    }
    wire.play(Played(answer("Take this: ", "Acme.", groundingMetadata=grounding)))
    placed, unplaced = (await gemini.complete(ask(search=True))).citations
    assert (placed.start, placed.end) == (11, 16)
    assert (unplaced.cited, unplaced.start) == (True, None)


async def test_thoughts_are_no_part_of_the_answer(wire: Wire, gemini: Adapter, ask: Ask) -> None:
    whole = answer("Use Acme.")
    whole["candidates"][0]["content"]["parts"].insert(0, {"text": "Hmm, Acme or Orbit?", "thought": True})
    wire.play(Played(whole))
    assert (await gemini.complete(ask())).text == "Use Acme."


@pytest.mark.parametrize(
    ("told", "finish"),
    [("MAX_TOKENS", FinishReason.LENGTH), ("SAFETY", FinishReason.FILTERED), ("RECITATION", FinishReason.FILTERED)],
)
async def test_finish_reason_is_told(wire: Wire, gemini: Adapter, ask: Ask, told: str, finish: FinishReason) -> None:
    wire.play(Played({"candidates": [{"finishReason": told, "index": 0}], "usageMetadata": {"promptTokenCount": 5}}))
    reply = await gemini.complete(ask())
    assert (reply.finish_reason, reply.text, reply.usage.input_tokens) == (finish, "", 5)


async def test_blocked_prompt_is_a_policy_error(wire: Wire, gemini: Adapter, ask: Ask) -> None:
    wire.play(Played({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {}}))
    with pytest.raises(LlmError) as caught:
        await gemini.complete(ask())
    assert (caught.value.kind, caught.value.retryable) == (ErrorKind.CONTENT_POLICY, False)


@pytest.mark.parametrize(
    "played",
    [
        Played("<html>hello</html>", content_type="text/html"),
        Played("{'no': json"),
        Played(""),
        Played({}),
        Played({"candidates": []}),
        Played({"candidates": "many"}),
        Played(answer()),
    ],
    ids=["html", "broken", "nothing", "object", "no-candidates", "odd-candidates", "no-text"],
)
async def test_senseless_success_is_a_bad_response(wire: Wire, gemini: Adapter, ask: Ask, played: Played) -> None:
    wire.play(played)
    with pytest.raises(LlmError) as caught:
        await gemini.complete(ask())
    assert caught.value.kind is ErrorKind.BAD_RESPONSE


async def test_refusal_to_serve_is_one_request_and_says_when_to_return(wire: Wire, gemini: Adapter, ask: Ask) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}]
    error = {"code": 429, "message": "Quota exceeded.", "status": "RESOURCE_EXHAUSTED", "details": details}
    wire.play(Played({"error": error}, status=429))
    with pytest.raises(LlmError) as caught:
        await gemini.complete(ask())
    assert (caught.value.kind, caught.value.retry_after, caught.value.status) == (ErrorKind.RATE_LIMITED, 17.0, 429)
    assert len(wire.asked) == 1


@pytest.mark.parametrize("content_type", ["text/html", "application/json"])
async def test_gateways_page_is_judged_by_its_status(wire: Wire, gemini: Adapter, ask: Ask, content_type: str) -> None:
    wire.play(Played("<html>Service Unavailable</html>", status=503, content_type=content_type))
    with pytest.raises(LlmError) as caught:
        await gemini.complete(ask())
    assert caught.value.retryable
    assert "<html>" not in str(caught.value)


async def test_nobody_listening_is_a_connection_error_at_once(connect: Connect, ask: Ask) -> None:
    with pytest.raises(LlmError) as caught:
        await connect(GeminiAdapter, "http://127.0.0.1:9").complete(ask(timeout=0.9))
    assert caught.value.kind is ErrorKind.CONNECTION  # the SDK's own second attempt would run into the deadline


async def test_broken_body_is_a_bad_response(wire: Wire, gemini: Adapter, ask: Ask) -> None:
    wire.play(Played('{"candidates": [', cut=True))
    with pytest.raises(LlmError) as caught:
        await gemini.complete(ask())
    assert caught.value.kind is ErrorKind.BAD_RESPONSE


async def test_whole_call_has_one_deadline(wire: Wire, gemini: Adapter, ask: Ask) -> None:
    wire.play(Played(answer("Late."), wait=30))
    with pytest.raises(LlmError) as caught:
        await gemini.complete(ask(timeout=0.2))
    assert caught.value.kind is ErrorKind.TIMEOUT


async def test_stream_ends_with_the_whole_reply(wire: Wire, gemini: Adapter, ask: Ask) -> None:
    grounding = {"groundingChunks": [page("a")], "groundingSupports": [support("Use 🎉 Acme.", "Acme.", 0)]}
    wire.play(sse(answer("Use 🎉 ", finish=None), answer("Acme.", groundingMetadata=grounding)))
    *pieces, last = [piece async for piece in gemini.stream(ask(search=True))]
    assert [piece.text for piece in pieces] == ["Use 🎉 ", "Acme."]
    assert last.reply is not None
    assert (last.reply.text, last.reply.usage.output_tokens) == ("Use 🎉 Acme.", 260)
    assert [(c.start, c.end) for c in last.reply.citations] == [(6, 11)]
    assert wire.asked[0].path.endswith(":streamGenerateContent")


@pytest.mark.parametrize("cut", [False, True])
async def test_stream_without_its_end_is_a_bad_response(wire: Wire, gemini: Adapter, ask: Ask, cut: bool) -> None:
    wire.play(sse(answer("Use ", finish=None), answer("Ac", finish=None), cut=cut, wait=0.1))
    with pytest.raises(LlmError) as caught:
        [piece async for piece in gemini.stream(ask())]
    assert caught.value.kind is ErrorKind.BAD_RESPONSE


async def test_error_inside_a_stream_keeps_its_kind(wire: Wire, gemini: Adapter, ask: Ask) -> None:
    wire.play(sse(answer("Use ", finish=None), {"error": {"code": 503, "message": "Busy.", "status": "UNAVAILABLE"}}))
    with pytest.raises(LlmError) as caught:
        [piece async for piece in gemini.stream(ask())]
    assert caught.value.kind is ErrorKind.OVERLOADED


async def test_stream_left_early_closes_its_connection(wire: Wire, gemini: Adapter, ask: Ask) -> None:
    wire.play(sse(answer("Use ", finish=None), cut=True, wait=30))
    async with aclosing(gemini.stream(ask(timeout=60))) as pieces:  # type: ignore[type-var]
        assert (await anext(pieces)).text == "Use "
    await wire.idle.wait()
    assert wire.aborted == 1


async def test_embeddings_keep_the_order_of_the_texts(wire: Wire, gemini: Adapter) -> None:
    wire.play(Played({"embeddings": [{"values": [0.1, 0.2]}, {"values": [0.3, 0.4]}]}))
    embedding = await gemini.embed(["a", "b"], model="gemini-embedding-001")
    assert embedding.vectors == ((0.1, 0.2), (0.3, 0.4))
    assert wire.asked[0].path.endswith("/models/gemini-embedding-001:batchEmbedContents")
