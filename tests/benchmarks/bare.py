"""A bare asyncio loop over the providers' SDKs that stores nothing: what a scan is measured against."""

import argparse
import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from prompts.llm import catalog, gemini
from prompts.llm.clients import aclose_all, adapter_for
from prompts.llm.simulator.server import PATHS
from prompts.llm.types import Credential, Request, Turn

QUESTION = "Which project management tool is best for team {}?"
WARM_UP = 20


def main(arguments: list[str]) -> None:
    """Prints one JSON object: answers, wall and CPU seconds, most memory in MB."""
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("engines", nargs="+")
    parser.add_argument("--answers", type=int, required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    options = parser.parse_args(arguments)
    answers = options.answers - options.answers % len(options.engines)
    wall, cpu = asyncio.run(ask_all(options.root, options.engines, answers=answers, concurrency=options.concurrency))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"answers": answers, "wall": wall, "cpu": cpu, "memory": peak}), flush=True)


async def ask_all(root: str, engines: list[str], *, answers: int, concurrency: int) -> tuple[float, float]:
    """The SDKs' own calls with our parameters, `concurrency` at a time; what they return is dropped."""
    asks = [raw_call(root, key) for key in engines]
    await asyncio.gather(*(ask(number) for ask in asks for number in range(WARM_UP)))
    left = iter([(asks[number % len(asks)], number) for number in range(answers)])
    began, before = time.monotonic(), time.process_time()

    async def work() -> None:
        for ask, number in left:
            await ask(number)

    await asyncio.gather(*(work() for _ in range(concurrency)))
    wall, cpu = time.monotonic() - began, time.process_time() - before
    await aclose_all()
    return wall, cpu


def raw_call(root: str, key: str) -> Callable[[int], Awaitable[None]]:
    """The SDK client that the product uses for an engine, and the SDK's own call with the product's parameters."""
    engine = catalog.get(key)
    provider = engine.provider.value
    credential = Credential(provider=engine.provider, id="bare", api_key="sim-bare", base_url=root + PATHS[provider])
    adapter: Any = adapter_for(credential)
    client = adapter.client

    async def ask(number: int) -> None:
        turn = Turn(role="user", text=QUESTION.format(number))
        limit = engine.max_output_tokens
        asked = Request(
            model=engine.model, turns=(turn,), surface=engine.surface, max_output_tokens=limit, timeout=120.0
        )
        if provider == "openai":
            await client.responses.create(**adapter.params(asked), timeout=asked.timeout)
        elif provider == "anthropic":
            await client.messages.create(**adapter.params(asked))
        elif provider == "google":
            contents, config = gemini.contents_of(asked), gemini.config_of(asked)
            await client.aio.models.generate_content(model=asked.model, contents=contents, config=config)
        else:
            await client.chat.completions.create(**adapter.params(asked), timeout=asked.timeout)

    return ask


if __name__ == "__main__":
    main(sys.argv[1:])
