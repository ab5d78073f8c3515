"""The simulator's OpenAI, seen through the official client."""

from collections.abc import AsyncIterator

import openai
import pytest
import pytest_asyncio

from prompts.llm.simulator.server import Running

# One client for the module: making one costs most of a second in TLS contexts that nobody uses here.
pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = "What is the best project management tool for small teams?"
MODEL = "gpt-5-mini"
SEARCH = [{"type": "web_search", "user_location": {"type": "approximate", "country": "DE"}}]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def connected(_simulator: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    base_url = _simulator.base_url("openai")
    async with openai.AsyncOpenAI(api_key="sim-key", base_url=base_url, max_retries=0) as client:
        yield client


@pytest.fixture
def client(simulator: Running, connected: openai.AsyncOpenAI) -> openai.AsyncOpenAI:
    return connected


async def ask(client: openai.AsyncOpenAI, **kwargs: object) -> openai.types.responses.Response:
    return await client.responses.create(**({"model": MODEL, "input": QUESTION} | kwargs))


async def test_answer_has_text_usage_and_dated_model(client):
    response = await ask(client)
    assert response.status == "completed"
    assert response.model == "gpt-5-mini-2025-08-07"
    assert len(response.output_text.split()) > 100
    usage = response.usage
    assert usage.input_tokens > 0
    assert usage.output_tokens > usage.output_tokens_details.reasoning_tokens > 0
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens


async def test_answer_without_search_cites_nothing(client):
    response = await ask(client)
    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert response.output[-1].content[0].annotations == []


async def test_url_citations_span_their_links(client):
    response = await ask(client, tools=SEARCH)
    part = response.output[-1].content[0]
    assert part.annotations
    for note in part.annotations:
        link = part.text[note.start_index : note.end_index]
        assert link.startswith("[")
        assert link.endswith(f"]({note.url})")
        assert note.url.endswith("utm_source=openai")
        assert note.title


async def test_search_call_names_query_and_sources_on_request(client):
    response = await ask(client, tools=SEARCH, include=["web_search_call.action.sources"])
    call = next(item for item in response.output if item.type == "web_search_call")
    assert call.status == "completed"
    assert call.action.query
    cited = {note.url.split("?utm")[0].split("&utm")[0] for note in response.output[-1].content[0].annotations}
    assert cited <= {source.url for source in call.action.sources}


async def test_sources_are_left_out_unless_asked_for(client):
    response = await ask(client, tools=SEARCH)
    call = next(item for item in response.output if item.type == "web_search_call")
    assert call.action.sources is None


async def test_stream_tells_the_same_as_its_last_event(client):
    text, annotations, last, numbers = "", [], None, []
    async for event in await ask(client, tools=SEARCH, stream=True):
        numbers.append(event.sequence_number)
        if event.type == "response.output_text.delta":
            text += event.delta
        elif event.type == "response.output_text.annotation.added":
            annotations.append(event.annotation)
        last = event
    assert last.type == "response.completed"
    assert last.response.output_text == text
    assert len(last.response.output[-1].content[0].annotations) == len(annotations) > 0
    assert numbers == list(range(len(numbers)))


async def test_stream_helper_of_the_client_accepts_the_events(client):
    async with client.responses.stream(model=MODEL, input=QUESTION, tools=SEARCH) as stream:
        final = await stream.get_final_response()
    assert final.output_text


async def test_stream_walks_through_the_search(client):
    kinds = [event.type async for event in await ask(client, tools=SEARCH, stream=True)]
    steps = [kind.rpartition(".")[2] for kind in kinds if kind.startswith("response.web_search_call")]
    assert steps[:3] == ["in_progress", "searching", "completed"]
    assert kinds[:2] == ["response.created", "response.in_progress"]


async def test_token_limit_makes_the_response_incomplete(client):
    response = await ask(client, max_output_tokens=80)
    assert response.status == "incomplete"
    assert response.incomplete_details.reason == "max_output_tokens"
    assert response.usage.output_tokens <= 80


async def test_truncated_stream_ends_with_incomplete(client):
    events = [event async for event in await ask(client, max_output_tokens=80, stream=True)]
    assert events[-1].type == "response.incomplete"


async def test_refusal_is_a_part_of_its_own(client, simulator):
    simulator.fault("refusal")
    response = await ask(client)
    assert response.output[-1].content[0].type == "refusal"
    assert response.output_text == ""
    kinds = {event.type async for event in await ask(client, stream=True)}
    assert {"response.refusal.delta", "response.refusal.done"} <= kinds


async def test_content_filter_makes_the_response_incomplete(client, simulator):
    simulator.fault("filter")
    response = await ask(client)
    assert response.incomplete_details.reason == "content_filter"


async def test_empty_response_has_no_message(client, simulator):
    simulator.fault("empty")
    response = await ask(client)
    assert [item for item in response.output if item.type == "message"] == []
    chat = await client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": QUESTION}])
    assert chat.choices == []


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("400", openai.BadRequestError, None),
        ("401", openai.AuthenticationError, "invalid_api_key"),
        ("403", openai.PermissionDeniedError, "unsupported_country_region_territory"),
        ("404", openai.NotFoundError, "model_not_found"),
        ("429", openai.RateLimitError, "rate_limit_exceeded"),
        ("billing", openai.RateLimitError, "insufficient_quota"),
        ("500", openai.InternalServerError, None),
        ("503", openai.InternalServerError, None),
    ],
)
async def test_errors_have_the_shape_of_the_provider(client, simulator, fault, error, code):
    simulator.fault(fault, times=1)
    with pytest.raises(error) as caught:
        await ask(client)
    assert caught.value.code == code
    assert caught.value.body["message"]
    assert caught.value.request_id.startswith("req_")
    assert (await ask(client)).status == "completed"


async def test_rate_limit_error_says_when_to_come_back(client, simulator):
    simulator.fault("429", retry_after=2.5)
    with pytest.raises(openai.RateLimitError) as caught:
        await ask(client)
    assert caught.value.response.headers["retry-after-ms"] == "2500"
    assert "try again in 2.5s" in caught.value.message


async def test_wrong_key_is_told_apart_from_a_missing_model(simulator):
    async with openai.AsyncOpenAI(api_key="sk-real", base_url=simulator.base_url("openai"), max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await ask(client)
    assert caught.value.code == "invalid_api_key"
    assert "sk-real" not in caught.value.message


async def test_unknown_model_is_not_found(client):
    with pytest.raises(openai.NotFoundError) as caught:
        await ask(client, model="gpt-nonexistent")
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 0.2},
        {"max_output_tokens": 5},
        {"tools": SEARCH, "reasoning": {"effort": "minimal"}},
        {"input": ""},
    ],
)
async def test_requests_that_the_real_provider_refuses_are_refused(client, wrong):
    with pytest.raises(openai.BadRequestError):
        await ask(client, **wrong)


async def test_cut_connections_surface_as_connection_errors(client, simulator):
    for fault in ("cut", "disconnect"):
        simulator.fault(fault, times=1)
        with pytest.raises(openai.APIConnectionError):
            await ask(client)


async def test_cut_stream_breaks_while_reading(client, simulator):
    simulator.fault("cut", times=1)
    with pytest.raises(openai.APIConnectionError):
        async for _ in await ask(client, stream=True):
            pass


async def test_cleanly_cut_stream_lacks_its_last_event(client, simulator):
    simulator.fault("cut_clean", times=1)
    kinds = [event.type async for event in await ask(client, stream=True)]
    assert kinds[0] == "response.created"
    assert "response.completed" not in kinds


async def test_stream_can_fail_in_the_middle(client, simulator):
    simulator.fault("stream_error")
    events = [event async for event in await ask(client, stream=True)]
    assert events[-1].type == "error"
    with pytest.raises(openai.APIError):
        stream = await client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": QUESTION}], stream=True
        )
        async for _ in stream:
            pass


async def test_proxy_page_is_no_response(client, simulator):
    simulator.fault("html", times=1)
    raw = await client.responses.with_raw_response.create(model=MODEL, input=QUESTION)
    assert raw.headers["content-type"] == "text/html"
    assert "502 Bad Gateway" in raw.text


async def test_chat_completion_counts_tokens_and_finishes(client):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION}]
    chat = await client.chat.completions.create(model="gpt-4o", messages=messages)
    assert chat.choices[0].finish_reason == "stop"
    assert chat.usage.total_tokens == chat.usage.prompt_tokens + chat.usage.completion_tokens
    short = await client.chat.completions.create(model="gpt-4o", messages=messages, max_tokens=20)
    assert short.choices[0].finish_reason == "length"


async def test_chat_stream_ends_with_usage_where_asked_for(client):
    stream = await client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": QUESTION}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.completion_tokens > 0


async def test_compatible_server_speaks_chat_and_knows_no_strange_model(simulator):
    base_url = simulator.base_url("compatible")
    messages = [{"role": "user", "content": QUESTION}]
    async with openai.AsyncOpenAI(api_key="sim-key", base_url=base_url, max_retries=0) as client:
        chat = await client.chat.completions.create(model="llama3.3:70b", messages=messages)
        assert chat.choices[0].message.content
        assert chat.model == "llama3.3:70b"
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(model="unknown-model", messages=messages)


async def test_embeddings_put_texts_alike_close_together(client):
    texts = ["kanban boards for teams", "a kanban board for my team", "chocolate cake recipe"]
    made = await client.embeddings.create(model="text-embedding-3-small", input=texts)
    near, close, far = (item.embedding for item in made.data)
    assert len(near) == 1536
    assert sum(a * b for a, b in zip(near, close, strict=True)) > 2 * abs(
        sum(a * b for a, b in zip(near, far, strict=True))
    )
    assert made.usage.prompt_tokens > 0
    plain = await client.embeddings.create(
        model="text-embedding-3-small", input=texts[0], encoding_format="float", dimensions=64
    )
    assert len(plain.data[0].embedding) == 64


async def test_models_moderation_and_files_answer(client):
    assert MODEL in [model.id async for model in client.models.list()]
    verdict = await client.moderations.create(input="I will kill you")
    assert verdict.results[0].flagged
    assert not (await client.moderations.create(input="Good morning")).results[0].flagged
    kept = await client.files.create(file=("notes.txt", b"hello"), purpose="user_data")
    assert kept.status == "processed"
    assert (await client.files.delete(kept.id)).deleted
