import asyncio
import os
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from prompts.llm import clients
from prompts.llm.clients import AdapterPool
from prompts.llm.openai import OpenAIAdapter
from prompts.llm.types import Credential, Provider, Request
from tests.prompts.llm.wire import Played, Wire, serving, sse

Ask = Callable[..., Request]
OPENAI = Credential(provider=Provider.OPENAI, id="abc", api_key="sim-one", base_url="http://127.0.0.1:9/v1")


def changed(credential: Credential, **changes: str) -> Credential:
    fields = {"provider": credential.provider, "id": credential.id, "api_key": credential.api_key}
    return Credential(**(fields | {"base_url": credential.base_url} | changes))  # type: ignore[arg-type]


@pytest.fixture
async def pool() -> AsyncIterator[AdapterPool]:
    made = AdapterPool()
    yield made
    await made.aclose_all()


async def test_same_credential_gets_the_same_adapter(pool: AdapterPool) -> None:
    assert pool.adapter_for(OPENAI) is pool.adapter_for(changed(OPENAI))


async def test_other_credential_or_server_gets_its_own(pool: AdapterPool) -> None:
    adapters = {
        pool.adapter_for(credential)
        for credential in (OPENAI, changed(OPENAI, id="def"), changed(OPENAI, base_url="http://127.0.0.1:8/v1"))
    }
    assert len(adapters) == 3


@pytest.mark.parametrize("provider", Provider)
async def test_every_provider_has_an_adapter(pool: AdapterPool, provider: Provider) -> None:
    credential = Credential(provider=provider, id="abc", api_key="sim-one", base_url="http://127.0.0.1:9")
    assert pool.adapter_for(credential).credential is credential


async def test_changed_key_gets_a_new_adapter_and_closes_the_old(pool: AdapterPool) -> None:
    old = pool.adapter_for(OPENAI)
    new = pool.adapter_for(changed(OPENAI, api_key="sim-two"))
    assert new is not old
    assert new is pool.adapter_for(changed(OPENAI, api_key="sim-two"))
    await pool.aclose_all()
    assert isinstance(old, OpenAIAdapter)
    assert old.client.is_closed()


async def test_stream_under_way_survives_a_changed_key(wire: Wire, pool: AdapterPool, ask: Ask) -> None:
    delta = {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": "Hi"}
    whole = {
        "id": "r",
        "object": "response",
        "model": "m",
        "status": "completed",
        "output": [
            {
                "id": "m",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "Hi", "annotations": []}],
            }
        ],
    }
    wire.play(sse(delta, {"type": "response.completed", "response": whole}))
    credential = changed(OPENAI, base_url=f"{wire.root}/v1")
    old = pool.adapter_for(credential)
    pieces = old.stream(ask())
    assert (await anext(pieces)).text == "Hi"
    pool.adapter_for(changed(credential, api_key="sim-two"))
    await asyncio.sleep(0)
    last = [piece async for piece in pieces][-1]
    assert last.reply is not None
    assert isinstance(old, OpenAIAdapter)
    assert old.client.is_closed()


async def test_pool_keeps_no_more_than_its_limit(pool: AdapterPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "MAX_ADAPTERS", 2)
    first, second = (pool.adapter_for(changed(OPENAI, id=str(number))) for number in range(2))
    assert pool.adapter_for(changed(OPENAI, id="0")) is first
    pool.adapter_for(changed(OPENAI, id="2"))
    assert pool.adapter_for(changed(OPENAI, id="0")) is first
    assert pool.adapter_for(changed(OPENAI, id="1")) is not second


def test_each_event_loop_has_its_own() -> None:
    pool = AdapterPool()

    async def use() -> int:
        adapter = pool.adapter_for(OPENAI)
        await pool.aclose_all()
        return id(adapter)

    kept = [asyncio.run(use()), asyncio.run(use())]
    assert len(kept) == 2
    assert not pool._by_loop


def test_loop_that_ended_is_forgotten() -> None:
    pool = AdapterPool()

    async def use(*, close: bool) -> int:
        pool.adapter_for(OPENAI)
        if close:
            await pool.aclose_all()
        return len(pool._by_loop)

    assert asyncio.run(use(close=False)) == 1
    assert asyncio.run(use(close=True)) == 0


async def test_child_process_leaves_its_parents_clients_alone(
    pool: AdapterPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    parents = pool.adapter_for(OPENAI)
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    assert pool.adapter_for(OPENAI) is not parents
    await pool.aclose_all()
    assert isinstance(parents, OpenAIAdapter)
    assert not parents.client.is_closed()
    await parents.aclose()


class Crowd(Wire):
    """Answers nobody before everybody has asked."""

    size = 300  # the transports' own limit is 100 connections

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.open += 1
        if self.open == self.size:
            self.idle.set()
        await self.idle.wait()
        return web.json_response(
            {
                "candidates": [{"content": {"parts": [{"text": "Acme."}], "role": "model"}, "finishReason": "STOP"}],
                "choices": [
                    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Acme."}}
                ],
                "model": "m",
            }
        )


@pytest.mark.parametrize("provider", [Provider.COMPATIBLE, Provider.GOOGLE])
async def test_many_calls_are_in_flight_at_once(pool: AdapterPool, ask: Ask, provider: Provider) -> None:
    async with serving(Crowd()) as crowd:
        credential = changed(OPENAI, provider=provider, base_url=crowd.root)
        calls = [pool.adapter_for(credential).complete(ask(timeout=60)) for _ in range(Crowd.size)]
        assert {reply.text for reply in await asyncio.gather(*calls)} == {"Acme."}


async def test_module_has_one_pool(wire: Wire) -> None:
    credential = changed(OPENAI, base_url=wire.root)
    wire.play(Played({}))
    assert clients.adapter_for(credential) is clients.adapter_for(credential)
    await clients.aclose_all()
