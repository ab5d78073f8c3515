"""The providers' batch endpoints, over real HTTP: what comes back is what the live endpoint would have said."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from prompts.llm import catalog, clients
from prompts.llm.batches import Batches, BatchItem, BatchState
from prompts.llm.errors import ErrorKind, LlmError
from prompts.llm.simulator.server import Running
from prompts.llm.types import Credential, FinishReason, Provider, Reply, Request, Surface, Turn, Usage

ENGINES = {
    "openai": "openai:gpt-5.4-mini/model",
    "anthropic": "anthropic:claude-haiku-4-5/web_search",
    "google": "google:gemini-3.8-flash/web_search",
}


@dataclass
class Desk:
    provider: str
    batches: Batches
    credential: Credential
    simulator: Running

    def item(self, number: int, **changes: object) -> BatchItem:
        engine = catalog.get(ENGINES[self.provider])
        request = Request(
            model=engine.model,
            turns=(Turn(role="user", text=f"Which task board is best for team {number}?"),),
            surface=engine.surface,
            country="DE" if engine.takes_country else "",
            max_output_tokens=engine.max_output_tokens,
        )
        return BatchItem(custom_id=f"job-{number}", request=replace(request, **changes))  # type: ignore[arg-type]

    def items(self, count: int = 4) -> list[BatchItem]:
        return [self.item(number) for number in range(count)]

    async def came(self, batch_id: str, items: list[BatchItem]) -> list[tuple[str, Reply | LlmError]]:
        ids = [item.custom_id for item in items]
        return [pair async for pair in self.batches.results(batch_id, ids=ids, model=items[0].request.model)]

    async def live(self, item: BatchItem) -> Reply:
        return await clients.adapter_for(self.credential).complete(item.request)


@pytest.fixture(params=sorted(ENGINES))
async def desk(request: pytest.FixtureRequest, simulator: Running) -> AsyncIterator[Desk]:
    base = simulator.base_url(request.param)
    credential = Credential(provider=Provider(request.param), id=f"sim-{base}", api_key="sim-key", base_url=base)
    yield Desk(request.param, clients.batches_for(credential), credential, simulator)
    await clients.aclose_all()


async def test_a_batch_answers_what_the_live_endpoint_answers(desk: Desk) -> None:
    items = desk.items()
    name = await desk.batches.submit(items, name="first")
    status = await desk.batches.poll(name)
    assert (status.state, status.done, status.failed) == (BatchState.ENDED, 4, 0)
    came = dict(await desk.came(name, items))
    desk.simulator.reset()
    for item in items:
        live, batched = await desk.live(item), came[item.custom_id]
        assert isinstance(batched, Reply)
        for part in ("text", "model", "finish_reason", "usage", "citations", "searches"):
            assert getattr(batched, part) == getattr(live, part), part


async def test_a_batch_that_takes_long_is_running_until_it_ends(desk: Desk) -> None:
    desk.simulator.options(batch_seconds=3600.0)
    name = await desk.batches.submit(desk.items(), name="slow")
    assert (await desk.batches.poll(name)).state is BatchState.RUNNING


async def test_what_a_batch_did_not_get_to_before_it_expired_is_told_apart(desk: Desk) -> None:
    # The first two of four are answered in the first half of the time, then the batch is over.
    desk.simulator.options(batch_seconds=0.4, batch_expires=0.2)
    items = desk.items()
    name = await desk.batches.submit(items, name="late")
    while (await desk.batches.poll(name)).state is BatchState.RUNNING:
        pass
    came = dict(await desk.came(name, items))
    assert {key: type(came[key]).__name__ for key in sorted(came)} == {
        "job-0": "Reply",
        "job-1": "Reply",
        "job-2": "LlmError",
        "job-3": "LlmError",
    }
    assert {error.retryable for error in came.values() if isinstance(error, LlmError)} == {True}


async def test_a_cancelled_batch_keeps_what_it_had_answered(desk: Desk) -> None:
    desk.simulator.options(batch_seconds=3600.0)
    items = desk.items()
    name = await desk.batches.submit(items, name="unwanted")
    await desk.batches.cancel(name)
    assert (await desk.batches.poll(name)).state is BatchState.ENDED
    assert [type(one).__name__ for _, one in await desk.came(name, items)] == ["LlmError"] * 4


@pytest.mark.parametrize(
    ("fault", "kind"), [("500", ErrorKind.SERVER), ("429", ErrorKind.RATE_LIMITED), ("404", ErrorKind.NOT_FOUND)]
)
async def test_entries_that_fail_spoil_no_others(desk: Desk, fault: str, kind: ErrorKind) -> None:
    desk.simulator.fault(fault, match={"prompt_contains": "team 2", "batched": True})
    items = desk.items()
    came = dict(await desk.came(await desk.batches.submit(items, name="mixed"), items))
    failed = came.pop("job-2")
    assert isinstance(failed, LlmError)
    assert failed.kind is kind
    assert len(came) == 3
    assert all(isinstance(one, Reply) for one in came.values())


async def test_an_answer_that_was_cut_off_says_so(desk: Desk) -> None:
    desk.simulator.fault("truncate", match={"prompt_contains": "team 1"})
    items = desk.items(2)
    came = dict(await desk.came(await desk.batches.submit(items, name="cut"), items))
    cut = came["job-1"]
    assert isinstance(cut, Reply)
    assert cut.finish_reason is FinishReason.LENGTH


async def test_an_empty_answer_is_none(desk: Desk) -> None:
    desk.simulator.fault("empty", match={"prompt_contains": "team 1"})
    items = desk.items(2)
    came = dict(await desk.came(await desk.batches.submit(items, name="empty"), items))
    empty = came["job-1"]
    assert isinstance(empty, LlmError)
    assert empty.kind is ErrorKind.BAD_RESPONSE


async def test_lines_that_break_off_are_left_out_and_strangers_keep_their_own_names(desk: Desk) -> None:
    desk.simulator.options(batch_noise=True)
    items = desk.items()
    came = await desk.came(await desk.batches.submit(items, name="noise"), items)
    names = [key for key, _ in came]
    assert set(names) == {"job-0", "job-1", "job-2", "job-3", "nobody-1"}
    assert len(names) == 6  # one of them twice


async def test_a_lost_batch_is_found_again(desk: Desk) -> None:
    started = time.time()
    name = await desk.batches.submit(desk.items(), name="lost")
    await desk.batches.submit(desk.items(3), name="another")
    [found] = await desk.batches.find("lost", size=4, since=started)
    assert found.id == name
    assert found.proven == (desk.provider != "anthropic")
    assert await desk.batches.find("never", size=17, since=started) == []


async def test_a_provider_that_is_down_is_an_error_of_its_kind(desk: Desk) -> None:
    name = await desk.batches.submit(desk.items(), name="down")
    desk.simulator.fault("503", match={"operation": "batch"})
    with pytest.raises(LlmError) as raised:
        await desk.batches.poll(name)
    assert raised.value.kind is ErrorKind.OVERLOADED
    with pytest.raises(LlmError):
        await desk.came(name, desk.items())


async def test_a_batch_that_nobody_knows_is_not_found(desk: Desk) -> None:
    unknown = "batches/unknown" if desk.provider == "google" else "unknown"
    with pytest.raises(LlmError) as raised:
        await desk.batches.poll(unknown)
    assert raised.value.kind is ErrorKind.NOT_FOUND


async def test_a_wrong_key_is_told(desk: Desk) -> None:
    wrong = replace(desk.credential, id="sim-wrong", api_key="wrong-key")
    with pytest.raises(LlmError) as raised:
        await clients.batches_for(wrong).submit(desk.items(), name="wrong")
    assert raised.value.kind is ErrorKind.AUTH


async def test_more_than_a_provider_takes_is_refused_before_it_is_sent(desk: Desk) -> None:
    long = [desk.item(number, turns=(Turn(role="user", text="x" * 2_000_000),)) for number in range(140)]
    with pytest.raises(LlmError) as raised:
        await desk.batches.submit(long, name="large")
    assert raised.value.kind is ErrorKind.BAD_REQUEST
    assert desk.simulator.lane(desk.provider)["requests"] == 0


async def test_gemini_tells_answers_apart_by_their_order_where_it_forgets_their_metadata(simulator: Running) -> None:
    simulator.options(batch_metadata=False)
    base = simulator.base_url("google")
    credential = Credential(provider=Provider.GOOGLE, id="sim-order", api_key="sim-key", base_url=base)
    desk = Desk("google", clients.batches_for(credential), credential, simulator)
    items = desk.items()
    came = await desk.came(await desk.batches.submit(items, name="order"), items)
    assert [key for key, _ in came] == [item.custom_id for item in items]
    await clients.aclose_all()


async def test_perplexity_has_no_batches_here(simulator: Running) -> None:
    base = simulator.base_url("perplexity")
    credential = Credential(provider=Provider.PERPLEXITY, id="sim-none", api_key="sim-key", base_url=base)
    with pytest.raises(LlmError) as raised:
        clients.batches_for(credential)
    assert raised.value.kind is ErrorKind.UNSUPPORTED
    await clients.aclose_all()


def test_the_catalog_says_which_engines_batch_and_why_others_do_not() -> None:
    for engine in catalog.BUILT_IN.engines:
        assert engine.batches != bool(engine.unbatched), engine.key
        searching = engine.surface is Surface.WEB_SEARCH
        assert engine.batches == (
            engine.provider in (Provider.ANTHROPIC, Provider.GOOGLE)
            or (engine.provider is Provider.OPENAI and not searching)
        ), engine.key


@pytest.mark.parametrize("key", sorted(ENGINES.values()))
def test_a_batch_costs_half_of_the_tokens_and_all_of_the_searches(key: str) -> None:
    engine = catalog.get(key)
    tokens = Usage(input_tokens=1_000_000, output_tokens=10_000)
    live, batched = catalog.price(engine, tokens), catalog.price(engine, tokens, batch=True)
    assert live
    assert batched == live / 2
    searched = replace(tokens, searches=3)
    full = catalog.price(engine, searched)
    assert full
    assert catalog.price(engine, searched, batch=True) == full - live / 2


def test_where_no_batch_rate_is_known_the_published_share_counts() -> None:
    engine = catalog.get("google:gemini-3.5-flash/model")
    usage = Usage(input_tokens=1_000, output_tokens=1_000)
    live = catalog.price(engine, usage)
    assert live
    assert catalog.price(engine, usage, batch=True) == live / 2
    assert catalog.price(catalog.get("perplexity:sonar/web_search"), usage, batch=True) is None
