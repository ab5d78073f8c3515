from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from prompts.llm.adapter import Adapter
from prompts.llm.types import Credential, Provider, Request, Surface, Turn
from tests.prompts.llm.wire import Wire, serving


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with serving(Wire()) as server:
        yield server


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Adapter]]:
    """Makes adapters, and closes them in the end."""
    made: list[Adapter] = []

    def make(kind: type[Adapter], base_url: str, *, key: str = "sim-key-1234567890") -> Adapter:
        made.append(kind(Credential(provider=Provider.OPENAI, id="test", api_key=key, base_url=base_url)))
        return made[-1]

    yield make
    for adapter in made:
        await adapter.aclose()


@pytest.fixture
def ask() -> Callable[..., Request]:
    """A request with everything defaulted but what the test is about; `search=True` asks for web search."""

    def make(text: str = "Which tool is best?", *, search: bool = False, **kwargs: Any) -> Request:
        surface = Surface.WEB_SEARCH if search else Surface.MODEL
        defaults: dict[str, Any] = {"model": "some-model", "timeout": 10.0, "surface": surface}
        return Request(turns=(Turn(role="user", text=text),), **(defaults | kwargs))

    return make
