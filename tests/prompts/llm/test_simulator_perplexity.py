"""The simulator's Perplexity, seen through OpenAI's client as the provider recommends."""

import re
from collections.abc import AsyncIterator

import openai
import pytest
import pytest_asyncio

from prompts.llm.simulator.server import Running

# One client for the module: making one costs most of a second in TLS contexts that nobody uses here.
pytestmark = pytest.mark.asyncio(loop_scope="module")

MESSAGES = [{"role": "user", "content": "What is the best project management tool for small teams?"}]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def connected(_simulator: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    base_url = _simulator.base_url("perplexity")
    async with openai.AsyncOpenAI(api_key="sim-key", base_url=base_url, max_retries=0) as client:
        yield client


@pytest.fixture
def client(simulator: Running, connected: openai.AsyncOpenAI) -> openai.AsyncOpenAI:
    return connected


async def ask(client: openai.AsyncOpenAI, model: str = "sonar", **kwargs: object):
    return await client.chat.completions.create(model=model, messages=MESSAGES, **kwargs)


@pytest.mark.parametrize("model", ["sonar", "sonar-pro"])
async def test_numbers_in_the_text_point_into_the_citations(client, model):
    chat = await ask(client, model)
    numbers = {int(number) for number in re.findall(r"\[(\d+)\]", chat.choices[0].message.content)}
    assert numbers
    assert numbers <= set(range(1, len(chat.citations) + 1))
    assert [result["url"] for result in chat.search_results] == chat.citations
    assert all(result["title"] and result["date"] for result in chat.search_results)
    assert chat.choices[0].finish_reason == "stop"


async def test_usage_carries_the_bill(client):
    usage = (await ask(client, extra_body={"web_search_options": {"search_context_size": "high"}})).usage
    assert usage.search_context_size == "high"
    assert usage.num_search_queries >= 1
    cost = usage.cost
    parts = cost["input_tokens_cost"] + cost["output_tokens_cost"] + cost["request_cost"]
    assert cost["request_cost"] == 0.012
    assert cost["total_cost"] == pytest.approx(parts, abs=1e-5)


async def test_search_can_be_switched_off(client):
    chat = await ask(client, extra_body={"disable_search": True})
    assert chat.citations == []
    assert not re.search(r"\[\d+\]", chat.choices[0].message.content)


async def test_stream_repeats_sources_and_ends_with_the_bill(client):
    chunks = [chunk async for chunk in await ask(client, stream=True)]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    last = chunks[-1]
    assert last.choices[0].finish_reason == "stop"
    assert last.choices[0].message["content"] == text
    assert last.usage.cost["total_cost"] > 0
    assert all(chunk.citations == last.citations for chunk in chunks)


async def test_unknown_model_is_a_bad_request_here(client):
    with pytest.raises(openai.BadRequestError) as caught:
        await ask(client, "sonar-nonexistent")
    assert caught.value.type == "invalid_model"
    assert "Invalid model 'sonar-nonexistent'" in caught.value.message


@pytest.mark.parametrize(
    ("fault", "error", "status"),
    [
        ("401", openai.AuthenticationError, 401),
        ("billing", openai.AuthenticationError, 401),
        ("429", openai.RateLimitError, 429),
        ("500", openai.InternalServerError, 500),
        ("529", openai.InternalServerError, 503),
    ],
)
async def test_errors_have_the_shape_of_the_provider(client, simulator, fault, error, status):
    simulator.fault(fault, times=1)
    with pytest.raises(error) as caught:
        await ask(client)
    assert caught.value.status_code == status
    assert caught.value.body["code"] == status


async def test_empty_choices_and_truncation(client, simulator):
    simulator.fault("empty", times=1)
    assert (await ask(client)).choices == []
    assert (await ask(client, max_tokens=25)).choices[0].finish_reason == "length"
