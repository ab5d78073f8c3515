"""The simulator's Anthropic, seen through the official client."""

import datetime as dt
from collections.abc import AsyncIterator

import aiohttp
import anthropic
import httpx2
import pytest
import pytest_asyncio

from prompts.llm.simulator.server import Running

# One client for the module: making one costs most of a second in TLS contexts that nobody uses here.
pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = "What is the best project management tool for small teams?"
MODEL = "claude-haiku-4-5"
SEARCH = [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def connected(_simulator: Running) -> AsyncIterator[anthropic.AsyncAnthropic]:
    base_url = _simulator.base_url("anthropic")
    async with anthropic.AsyncAnthropic(api_key="sim-key", base_url=base_url, max_retries=0) as client:
        yield client


@pytest.fixture
def client(simulator: Running, connected: anthropic.AsyncAnthropic) -> anthropic.AsyncAnthropic:
    return connected


async def ask(client: anthropic.AsyncAnthropic, **kwargs: object) -> anthropic.types.Message:
    defaults = {"model": MODEL, "max_tokens": 2048, "messages": [{"role": "user", "content": QUESTION}]}
    return await client.messages.create(**(defaults | kwargs))


async def test_answer_has_text_usage_and_dated_model(client):
    message = await ask(client)
    assert message.model == "claude-haiku-4-5-20251001"
    assert message.stop_reason == "end_turn"
    assert [block.type for block in message.content] == ["text"]
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 100
    assert message.usage.server_tool_use is None


async def test_search_results_come_before_the_text_that_cites_them(client):
    message = await ask(client, tools=SEARCH)
    kinds = [block.type for block in message.content]
    assert kinds[:2] == ["server_tool_use", "web_search_tool_result"]
    found = {
        result.url for block in message.content if block.type == "web_search_tool_result" for result in block.content
    }
    cited = [note for block in message.content if block.type == "text" for note in block.citations or ()]
    assert cited
    assert {note.url for note in cited} <= found
    assert all(note.type == "web_search_result_location" and note.cited_text for note in cited)
    assert message.usage.server_tool_use.web_search_requests == kinds.count("server_tool_use")


async def test_every_tool_use_has_its_result(client):
    message = await ask(client, tools=SEARCH)
    calls = [block.id for block in message.content if block.type == "server_tool_use"]
    results = [block.tool_use_id for block in message.content if block.type == "web_search_tool_result"]
    assert calls == results
    assert all(block.input["query"] for block in message.content if block.type == "server_tool_use")


async def test_stream_accumulates_to_a_whole_message(client):
    async with client.messages.stream(
        model=MODEL, max_tokens=2048, messages=[{"role": "user", "content": QUESTION}], tools=SEARCH
    ) as stream:
        text = "".join([run async for run in stream.text_stream])
        message = await stream.get_final_message()
    assert text == "".join(block.text for block in message.content if block.type == "text")
    assert any(block.citations for block in message.content if block.type == "text")
    assert message.content[0].input["query"]
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 100


async def test_token_limit_is_the_stop_reason(client):
    message = await ask(client, max_tokens=30)
    assert message.stop_reason == "max_tokens"
    assert message.usage.output_tokens <= 30


async def test_refusal_has_a_reason_of_its_own(client, simulator):
    simulator.fault("refusal")
    message = await ask(client)
    assert message.stop_reason == "refusal"
    assert message.stop_details.type == "refusal"


async def test_empty_message_has_no_content(client, simulator):
    simulator.fault("empty")
    assert (await ask(client)).content == []


@pytest.mark.parametrize(
    ("fault", "error", "kind"),
    [
        ("400", anthropic.BadRequestError, "invalid_request_error"),
        ("blocked", anthropic.BadRequestError, "invalid_request_error"),
        ("401", anthropic.AuthenticationError, "authentication_error"),
        ("403", anthropic.PermissionDeniedError, "permission_error"),
        ("404", anthropic.NotFoundError, "not_found_error"),
        ("413", anthropic.RequestTooLargeError, "request_too_large"),
        ("429", anthropic.RateLimitError, "rate_limit_error"),
        ("500", anthropic.InternalServerError, "api_error"),
        ("529", anthropic.OverloadedError, "overloaded_error"),
    ],
)
async def test_errors_have_the_shape_of_the_provider(client, simulator, fault, error, kind):
    simulator.fault(fault, times=1)
    with pytest.raises(error) as caught:
        await ask(client)
    assert caught.value.body["type"] == "error"
    assert caught.value.body["error"]["type"] == kind
    assert caught.value.request_id.startswith("req_")
    assert (await ask(client)).stop_reason == "end_turn"


async def test_rate_limit_error_says_when_to_come_back(client, simulator):
    simulator.fault("429", retry_after=7)
    with pytest.raises(anthropic.RateLimitError) as caught:
        await ask(client)
    assert caught.value.response.headers["retry-after"] == "7"


async def test_successes_carry_the_rate_limits(client, simulator):
    simulator.options(limits={"anthropic": {"requests": 50, "tokens": 100_000}})
    raw = await client.messages.with_raw_response.create(
        model=MODEL, max_tokens=100, messages=[{"role": "user", "content": QUESTION}]
    )
    headers = raw.headers
    assert headers["anthropic-ratelimit-requests-limit"] == "50"
    assert headers["anthropic-ratelimit-requests-remaining"] == "49"
    assert int(headers["anthropic-ratelimit-tokens-remaining"]) < 100_000
    assert headers["anthropic-ratelimit-input-tokens-limit"] == "100000"
    reset = dt.datetime.fromisoformat(headers["anthropic-ratelimit-requests-reset"])
    assert reset > dt.datetime.now(dt.UTC)


async def test_unknown_model_and_wrong_key_are_told_apart(client):
    with pytest.raises(anthropic.NotFoundError) as caught:
        await ask(client, model="claude-nonexistent")
    assert caught.value.body["error"]["message"] == "model: claude-nonexistent"
    with pytest.raises(anthropic.AuthenticationError) as refused:
        await ask(client.with_options(api_key="sk-ant-real"))
    assert "sk-ant-real" not in str(refused.value)


async def test_empty_question_is_a_bad_request(client):
    with pytest.raises(anthropic.BadRequestError):
        await ask(client, messages=[{"role": "user", "content": ""}])


async def test_missing_token_limit_is_a_bad_request(simulator):
    body = {"model": MODEL, "messages": [{"role": "user", "content": QUESTION}]}
    url = simulator.base_url("anthropic") + "/v1/messages"
    async with aiohttp.request("POST", url, json=body, headers={"x-api-key": "sim-key"}) as response:
        assert response.status == 400
        assert (await response.json())["error"]["message"] == "max_tokens: Field required"


async def test_stream_can_fail_in_the_middle(client, simulator):
    simulator.fault("stream_error")
    with pytest.raises(anthropic.APIStatusError) as caught:
        async for _ in await ask(client, stream=True):
            pass
    assert caught.value.body["error"]["type"] == "overloaded_error"


async def test_cut_stream_breaks_while_reading(client, simulator):
    simulator.fault("cut")
    # This client does not wrap what breaks after the headers.
    with pytest.raises(httpx2.HTTPError):
        async for _ in await ask(client, stream=True):
            pass


async def test_tokens_are_counted_and_models_listed(client):
    count = await client.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": QUESTION}])
    assert count.input_tokens > 5
    assert "claude-haiku-4-5-20251001" in [model.id async for model in client.models.list()]
