"""One adapter per credential, event loop and process, kept for the process's life: a new client costs 23 ms of CPU."""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable

from .adapter import Adapter
from .anthropic import AnthropicAdapter
from .anthropic_batches import AnthropicBatches
from .batches import Batches
from .compatible import CompatibleAdapter
from .errors import ErrorKind, LlmError, gettext_noop
from .gemini import GeminiAdapter
from .gemini_batches import GeminiBatches
from .openai import OpenAIAdapter
from .openai_batches import OpenAIBatches
from .perplexity import PerplexityAdapter
from .types import Credential, Provider

MAX_ADAPTERS = 256  # per event loop; the least recently used gives way

_ADAPTERS: dict[Provider, Callable[[Credential], Adapter]] = {
    Provider.OPENAI: OpenAIAdapter,
    Provider.ANTHROPIC: AnthropicAdapter,
    Provider.GOOGLE: GeminiAdapter,
    Provider.PERPLEXITY: PerplexityAdapter,
    Provider.COMPATIBLE: CompatibleAdapter,
}
_Key = tuple[Provider, str, str]


class AdapterPool:
    """The adapters of one process. Its dictionaries are only touched from the event loop that they belong to."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._by_loop: dict[asyncio.AbstractEventLoop, OrderedDict[_Key, Adapter]] = {}
        self._inherited: list[object] = []
        self._retiring: set[asyncio.Task[None]] = set()

    def adapter_for(self, credential: Credential) -> Adapter:
        """The adapter of a credential on the running loop. A changed key or base URL gets a new one, and the old one
        closes when its last call has ended."""
        adapters = self._adapters()
        key = (credential.provider, credential.id, credential.base_url)
        adapter = adapters.get(key)
        if adapter is None or adapter.credential.api_key != credential.api_key:
            if adapter is not None:
                self._retire(adapter)
            adapter = adapters[key] = _ADAPTERS[credential.provider](credential)
        adapters.move_to_end(key)
        while len(adapters) > MAX_ADAPTERS:
            self._retire(adapters.popitem(last=False)[1])
        return adapter

    async def aclose_all(self) -> None:
        """Close the running loop's adapters, at its end."""
        for adapter in self._adapters().values():
            await adapter.aclose()
        self._by_loop.pop(asyncio.get_running_loop(), None)
        if self._retiring:
            await asyncio.wait(self._retiring)

    def _adapters(self) -> OrderedDict[_Key, Adapter]:
        if os.getpid() != self._pid:
            self._forget_parent()
        for loop in [loop for loop in self._by_loop if loop.is_closed()]:
            del self._by_loop[loop]
        return self._by_loop.setdefault(asyncio.get_running_loop(), OrderedDict())

    def _forget_parent(self) -> None:
        """After a fork. The parent's sockets are shared: closing or collecting its clients here would say goodbye
        over the parent's own connections, so they are kept, untouched."""
        self._inherited.append((self._by_loop, self._retiring))
        self._by_loop, self._retiring, self._pid = {}, set(), os.getpid()

    def _retire(self, adapter: Adapter) -> None:
        task = asyncio.get_running_loop().create_task(adapter.retire())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


_pool = AdapterPool()


def adapter_for(credential: Credential) -> Adapter:
    return _pool.adapter_for(credential)


def batches_for(credential: Credential) -> Batches:
    """The batch endpoint behind a credential; raises `LlmError` where its provider has none that we speak."""
    adapter = adapter_for(credential)
    if isinstance(adapter, OpenAIAdapter):
        return OpenAIBatches(adapter)
    if isinstance(adapter, AnthropicAdapter):
        return AnthropicBatches(adapter)
    if isinstance(adapter, GeminiAdapter):
        return GeminiBatches(adapter)
    raise LlmError(
        ErrorKind.UNSUPPORTED,
        gettext_noop("%(provider)s offers no batches here."),
        values={"provider": credential.provider.label},
    )


async def aclose_all() -> None:
    await _pool.aclose_all()
