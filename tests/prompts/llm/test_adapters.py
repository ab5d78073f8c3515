"""Every adapter against the simulated providers, over real sockets: one promise, kept by all."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import pytest

from prompts.llm import catalog
from prompts.llm.adapter import Adapter
from prompts.llm.anthropic import AnthropicAdapter
from prompts.llm.compatible import CompatibleAdapter
from prompts.llm.errors import ErrorKind, LlmError
from prompts.llm.gemini import GeminiAdapter
from prompts.llm.openai import OpenAIAdapter
from prompts.llm.perplexity import PerplexityAdapter
from prompts.llm.simulator.server import Running, serve_in_thread
from prompts.llm.types import Credential, Delta, FinishReason, Provider, Reply, Request, Surface

K = ErrorKind
Ask = Callable[..., Request]
QUESTION = "What is the best project management tool for small teams?"


@dataclass(frozen=True)
class Side:
    kind: type[Adapter]
    model: str

    @property
    def provider(self) -> str:
        return self.kind.__name__.removesuffix("Adapter").lower().replace("gemini", "google")


SIDES = (
    Side(OpenAIAdapter, "gpt-5-mini"),
    Side(AnthropicAdapter, "claude-haiku-4-5"),
    Side(GeminiAdapter, "gemini-3.5-flash"),
    Side(PerplexityAdapter, "sonar"),
    Side(CompatibleAdapter, "llama3.3"),
)
SEARCHING = SIDES[:4]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with serve_in_thread() as simulator:
        yield simulator


@pytest.fixture
def simulator(running: Running) -> Running:
    running.reset()
    return running


@pytest.fixture(params=SIDES, ids=lambda side: side.provider)
def side(request: pytest.FixtureRequest) -> Side:
    found: Side = request.param
    return found


def credential(simulator: Running, side: Side, key: str = "sim-test-key") -> Credential:
    return Credential(
        provider=Provider(side.provider), id="sim-test", api_key=key, base_url=simulator.base_url(side.provider)
    )


@pytest.fixture
async def adapter(simulator: Running, side: Side) -> AsyncIterator[Adapter]:
    made = side.kind(credential(simulator, side))
    yield made
    await made.aclose()


@pytest.fixture
def question(ask: Ask, side: Side) -> Request:
    return ask(QUESTION, model=side.model, search=side in SEARCHING)


async def failure(adapter: Adapter, request: Request, *, stream: bool = False) -> LlmError:
    with pytest.raises(LlmError) as caught:
        await (whole(adapter, request) if stream else adapter.complete(request))
    return caught.value


async def whole(adapter: Adapter, request: Request) -> tuple[str, Reply]:
    pieces: list[Delta] = [piece async for piece in adapter.stream(request)]
    assert [piece.reply for piece in pieces[:-1]] == [None] * (len(pieces) - 1)
    reply = pieces[-1].reply
    assert reply is not None
    return "".join(piece.text for piece in pieces), reply


async def test_answer_is_whole(adapter: Adapter, question: Request, side: Side) -> None:
    reply = await adapter.complete(question)
    assert len(reply.text) > 100
    assert reply.finish_reason is FinishReason.STOP
    assert reply.model.startswith(side.model)
    assert reply.request_id
    assert reply.usage.input_tokens > 0
    assert reply.usage.output_tokens > 0
    assert reply.usage.requests == 1


async def test_stream_brings_the_same_shape(adapter: Adapter, question: Request) -> None:
    text, reply = await whole(adapter, question)
    assert text == reply.text
    assert reply.finish_reason is FinishReason.STOP
    assert reply.usage.output_tokens > 0
    assert reply.request_id


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("side", SEARCHING, ids=lambda side: side.provider, indirect=True)
async def test_sources_are_cited_where_they_stand(
    adapter: Adapter, question: Request, side: Side, stream: bool
) -> None:
    reply = (await whole(adapter, question))[1] if stream else await adapter.complete(question)
    cited = [citation for citation in reply.citations if citation.cited]
    assert cited
    assert [citation.position for citation in reply.citations] == list(range(1, len(reply.citations) + 1))
    assert all(citation.url.startswith("https://") for citation in cited)
    if side.provider == "google":  # whose URLs are redirects: the title is where they lead
        assert all("." in citation.title and " " not in citation.title for citation in cited)
    for citation in cited:
        assert citation.start is not None
        assert citation.end is not None
        assert reply.text[citation.start : citation.end].strip()
    assert reply.usage.searches >= 1


@pytest.mark.parametrize("side", SEARCHING, ids=lambda side: side.provider, indirect=True)
async def test_answers_of_other_scripts_keep_their_offsets(adapter: Adapter, ask: Ask, side: Side) -> None:
    asked = "少人数のチームにおすすめのプロジェクト管理ツールは何ですか？🎉"
    reply = await adapter.complete(ask(asked, model=side.model, search=True, country="JP", language="ja"))
    assert not reply.text.isascii()
    cited = [citation for citation in reply.citations if citation.cited]
    assert cited
    for citation in cited:
        assert citation.start is not None
        span = reply.text[citation.start : citation.end]
        assert span.strip()
        if side.provider == "openai":
            assert (span[0] in "([", span[-1]) == (True, ")")
        if side.provider == "perplexity":
            assert span[0] + span[-1] == "[]"


async def test_price_of_an_answer_is_known(adapter: Adapter, question: Request, side: Side) -> None:
    if side.provider == "compatible":
        pytest.skip("nobody knows what somebody's own server charges")
    engine = catalog.get(f"{side.provider}:{side.model}/{Surface.WEB_SEARCH.value}")
    cost = catalog.price(engine, (await adapter.complete(question)).usage)
    assert cost is not None
    assert 0 < cost < 1


TROUBLES = {
    "400": {K.BAD_REQUEST},
    "blocked": {K.CONTENT_POLICY},
    "401": {K.AUTH},
    "403": {K.AUTH},
    "billing": {K.BILLING},
    "404": {K.NOT_FOUND},
    "413": {K.BAD_REQUEST},
    "429": {K.RATE_LIMITED},
    "500": {K.SERVER},
    "503": {K.OVERLOADED},
    "529": {K.OVERLOADED},
    "html": {K.BAD_RESPONSE},
    "garbled": {K.BAD_RESPONSE},
    "empty": {K.BAD_RESPONSE},
    "cut": {K.BAD_RESPONSE, K.CONNECTION},
    "disconnect": {K.CONNECTION},
}


@pytest.mark.parametrize("fault", TROUBLES)
async def test_failure_has_one_kind_everywhere(
    simulator: Running, adapter: Adapter, question: Request, side: Side, fault: str
) -> None:
    simulator.fault(fault)
    error = await failure(adapter, question)
    assert error.kind in TROUBLES[fault]
    assert error.message
    assert "<html" not in error.message
    assert simulator.lane(side.provider)["requests"] == 1  # every attempt is counted: the SDK makes no second one


STREAM_TROUBLES = {
    "401": {K.AUTH},
    "429": {K.RATE_LIMITED},
    "529": {K.OVERLOADED},
    "html": {K.BAD_RESPONSE},
    "empty": {K.BAD_RESPONSE},
    "cut": {K.BAD_RESPONSE},
    "cut_clean": {K.BAD_RESPONSE},
    "stream_error": {K.SERVER, K.OVERLOADED},
    "disconnect": {K.CONNECTION},
}


@pytest.mark.parametrize("fault", STREAM_TROUBLES)
async def test_failure_of_a_stream_has_one_kind_everywhere(
    simulator: Running, adapter: Adapter, question: Request, side: Side, fault: str
) -> None:
    simulator.fault(fault)
    error = await failure(adapter, question, stream=True)
    assert error.kind in STREAM_TROUBLES[fault]
    assert simulator.lane(side.provider)["requests"] == 1


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_refused_request_says_when_to_come_back(
    simulator: Running, adapter: Adapter, question: Request, stream: bool
) -> None:
    simulator.fault("429", retry_after=7)
    error = await failure(adapter, question, stream=stream)
    assert error.kind is K.RATE_LIMITED
    assert error.retry_after == pytest.approx(7, abs=1)


async def test_limits_of_the_provider_are_told(
    simulator: Running, adapter: Adapter, question: Request, side: Side
) -> None:
    simulator.options(limits={side.provider: {"requests": 2, "tokens": 100_000, "window": 60}})
    first = await adapter.complete(question)
    await adapter.complete(question)
    error = await failure(adapter, question)
    assert error.kind is K.RATE_LIMITED
    assert error.retry_after is not None
    if side.provider in ("google", "compatible"):
        return  # they tell nothing but in their refusals
    assert (first.rate_limits.requests_limit, first.rate_limits.requests_remaining) == (2, 1)
    assert error.rate_limits.requests_remaining == 0


@pytest.mark.parametrize("fault", ["slow", "trickle", "hang"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_nothing_outlasts_the_deadline(
    simulator: Running, adapter: Adapter, ask: Ask, side: Side, fault: str, stream: bool
) -> None:
    simulator.fault(fault, delay=30)
    error = await failure(adapter, ask(QUESTION, model=side.model, timeout=0.3), stream=stream)
    assert error.kind is K.TIMEOUT


async def test_slow_answer_within_the_deadline_is_an_answer(
    simulator: Running, adapter: Adapter, question: Request
) -> None:
    simulator.fault("trickle", delay=0.01)
    assert (await adapter.complete(question)).text


async def test_answer_cut_by_its_limit_is_marked(simulator: Running, adapter: Adapter, question: Request) -> None:
    simulator.fault("truncate", times=2)
    assert (await adapter.complete(question)).finish_reason.truncated
    assert (await whole(adapter, question))[1].finish_reason.truncated


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_answer_taken_back_by_a_filter_is_marked(
    simulator: Running, adapter: Adapter, question: Request, side: Side, stream: bool
) -> None:
    simulator.fault("filter")
    reply = (await whole(adapter, question))[1] if stream else await adapter.complete(question)
    expected = FinishReason.REFUSAL if side.provider == "anthropic" else FinishReason.FILTERED
    assert reply.finish_reason is expected


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_refusal_is_an_answer(simulator: Running, adapter: Adapter, question: Request, stream: bool) -> None:
    simulator.fault("refusal")
    reply = (await whole(adapter, question))[1] if stream else await adapter.complete(question)
    assert reply.finish_reason in (FinishReason.REFUSAL, FinishReason.STOP)  # not every provider says so
    assert reply.text or reply.finish_reason is FinishReason.REFUSAL


async def test_wrong_key_is_an_auth_error_that_hides_it(simulator: Running, side: Side, question: Request) -> None:
    key = "wrong-0123456789abcdef"
    adapter = side.kind(credential(simulator, side, key))
    try:
        error = await failure(adapter, question)
    finally:
        await adapter.aclose()
    assert error.kind is K.AUTH
    assert key not in str(error)
    assert not error.retryable


async def test_unknown_model_is_not_found(adapter: Adapter, ask: Ask, side: Side) -> None:
    if side.provider == "compatible":
        pytest.skip("a compatible server may serve any model")
    assert (await failure(adapter, ask(QUESTION, model="no-such-model"))).kind is K.NOT_FOUND


async def test_connection_is_used_again(simulator: Running, adapter: Adapter, question: Request) -> None:
    simulator.fault("500", times=1)
    await failure(adapter, question)
    assert (await adapter.complete(question)).text


async def test_embeddings_where_there_are_any(adapter: Adapter, side: Side) -> None:
    models = {
        "google": "gemini-embedding-001",
        "openai": "text-embedding-3-small",
        "compatible": "text-embedding-3-small",
    }
    if side.provider not in models:
        with pytest.raises(LlmError) as caught:
            await adapter.embed(["one"], model="any")
        assert caught.value.kind is K.UNSUPPORTED
        return
    first, second = (await adapter.embed(["kanban board", "bread oven"], model=models[side.provider])).vectors
    assert len(first) == len(second) > 100
    assert first != second
