"""The simulator's Gemini API, seen through the official client."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from google import genai
from google.genai import errors, types

from prompts.llm.simulator.server import Running

QUESTION = "What is the best project management tool for small teams?"
MODEL = "gemini-3.5-flash"
SEARCH = types.GenerateContentConfig(tools=[types.Tool(google_search=types.GoogleSearch())])

pytestmark = [
    # One client for the module: making one costs most of a second in TLS contexts that nobody uses here.
    pytest.mark.asyncio(loop_scope="module"),
    # The client's own doing: it inherits from aiohttp's session, which aiohttp discourages.
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),
]


def connect(simulator: Running, key: str = "sim-key") -> genai.client.AsyncClient:
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=simulator.base_url("google"))).aio


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def connected(_simulator: Running) -> AsyncIterator[genai.client.AsyncClient]:
    async with connect(_simulator) as client:
        yield client


@pytest.fixture
def client(simulator: Running, connected: genai.client.AsyncClient) -> genai.client.AsyncClient:
    return connected


async def ask(client: genai.client.AsyncClient, **kwargs: object) -> types.GenerateContentResponse:
    return await client.models.generate_content(**({"model": MODEL, "contents": QUESTION} | kwargs))


async def test_answer_has_text_usage_and_finish_reason(client):
    response = await ask(client)
    assert len(response.text.split()) > 100
    assert response.candidates[0].finish_reason is types.FinishReason.STOP
    assert response.candidates[0].grounding_metadata is None
    usage = response.usage_metadata
    assert usage.total_token_count == (
        usage.prompt_token_count + usage.candidates_token_count + usage.thoughts_token_count
    )
    assert response.model_version == MODEL


async def test_grounding_segments_are_byte_ranges_of_the_text(client):
    response = await ask(client, contents="少人数のチームにおすすめのプロジェクト管理ツールは何ですか？", config=SEARCH)
    grounding = response.candidates[0].grounding_metadata
    data = response.text.encode()
    assert grounding.grounding_supports
    for support in grounding.grounding_supports:
        start, end = support.segment.start_index or 0, support.segment.end_index
        assert data[start:end].decode() == support.segment.text
        assert all(index < len(grounding.grounding_chunks) for index in support.grounding_chunk_indices)
    assert grounding.web_search_queries
    assert grounding.search_entry_point.rendered_content


async def test_citations_lead_through_the_redirect_service(client, simulator):
    grounding = (await ask(client, config=SEARCH)).candidates[0].grounding_metadata
    web = grounding.grounding_chunks[0].web
    prefix = "https://vertexaisearch.cloud.google.com"
    assert web.uri.startswith(f"{prefix}/grounding-api-redirect/AUZIYQ")
    url = web.uri.replace(prefix, simulator.root_url)
    async with aiohttp.request("GET", url, allow_redirects=False) as response:
        assert response.status == 302
        assert urlsplit(response.headers["location"]).hostname.removeprefix("www.") == web.title


async def test_redirects_can_be_switched_off(client, simulator):
    simulator.options(grounding_redirects=False)
    grounding = (await ask(client, config=SEARCH)).candidates[0].grounding_metadata
    assert all(".example" in chunk.web.uri or ".test" in chunk.web.uri for chunk in grounding.grounding_chunks)


async def test_stream_ends_with_reason_usage_and_grounding(client):
    stream = await client.models.generate_content_stream(model=MODEL, contents=QUESTION, config=SEARCH)
    chunks = [chunk async for chunk in stream]
    assert len(chunks) > 2
    assert all(chunk.candidates[0].finish_reason is None for chunk in chunks[:-1])
    last = chunks[-1].candidates[0]
    assert last.finish_reason is types.FinishReason.STOP
    assert last.grounding_metadata.grounding_chunks
    assert chunks[-1].usage_metadata.candidates_token_count > 0


async def test_token_limit_is_the_finish_reason(client):
    response = await ask(client, config=types.GenerateContentConfig(max_output_tokens=60))
    assert response.candidates[0].finish_reason is types.FinishReason.MAX_TOKENS


async def test_filtered_answer_has_no_content(client, simulator):
    simulator.fault("filter")
    candidate = (await ask(client)).candidates[0]
    assert candidate.finish_reason is types.FinishReason.SAFETY
    assert candidate.content is None
    assert candidate.safety_ratings[0].blocked


async def test_empty_answer_has_no_candidates(client, simulator):
    simulator.fault("empty")
    assert not (await ask(client)).candidates


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        ("400", 400, "INVALID_ARGUMENT"),
        ("401", 401, "UNAUTHENTICATED"),
        ("403", 403, "PERMISSION_DENIED"),
        ("404", 404, "NOT_FOUND"),
        ("429", 429, "RESOURCE_EXHAUSTED"),
        ("500", 500, "INTERNAL"),
        ("529", 503, "UNAVAILABLE"),
    ],
)
async def test_errors_have_the_shape_of_the_provider(client, simulator, fault, code, status):
    simulator.fault(fault, times=1)
    with pytest.raises(errors.APIError) as caught:
        await ask(client)
    assert (caught.value.code, caught.value.status) == (code, status)
    assert (await ask(client)).text


async def test_rate_limit_error_says_when_to_come_back_in_its_details(client, simulator):
    simulator.fault("429", retry_after=28)
    with pytest.raises(errors.ClientError) as caught:
        await ask(client)
    details = {detail["@type"].rpartition(".")[2]: detail for detail in caught.value.details["error"]["details"]}
    assert details["RetryInfo"]["retryDelay"] == "28s"
    assert details["QuotaFailure"]["violations"][0]["quotaDimensions"]["model"] == MODEL


async def test_wrong_key_is_an_invalid_argument(simulator):
    async with connect(simulator, "AIza-real") as client:
        with pytest.raises(errors.ClientError) as caught:
            await ask(client)
    assert caught.value.code == 400
    assert caught.value.details["error"]["details"][0]["reason"] == "API_KEY_INVALID"
    assert "AIza-real" not in str(caught.value)


async def test_unknown_model_is_not_found(client):
    with pytest.raises(errors.ClientError) as caught:
        await ask(client, model="gemini-nonexistent")
    assert caught.value.code == 404
    assert "models/gemini-nonexistent is not found" in caught.value.message


async def test_cut_answer_is_no_answer(client, simulator):
    simulator.fault("cut", times=1)
    with pytest.raises(aiohttp.ClientPayloadError):
        await ask(client)


async def test_batch_and_single_embeddings_answer(client, simulator):
    config = types.EmbedContentConfig(output_dimensionality=128)
    made = await client.models.embed_content(
        model="gemini-embedding-001", contents=["kanban board", "cake"], config=config
    )
    assert [len(vector.values) for vector in made.embeddings] == [128, 128]
    url = f"{simulator.base_url('google')}/v1beta/models/gemini-embedding-001:embedContent"
    body = {"content": {"parts": [{"text": "kanban board"}]}, "outputDimensionality": 128}
    async with aiohttp.request("POST", url, json=body, headers={"x-goog-api-key": "sim-key"}) as response:
        single = await response.json()
    assert single["embedding"]["values"] == pytest.approx(made.embeddings[0].values)


async def test_tokens_are_counted_and_models_listed(client):
    assert (await client.models.count_tokens(model=MODEL, contents=QUESTION)).total_tokens > 5
    assert (await client.models.get(model=MODEL)).name == f"models/{MODEL}"
