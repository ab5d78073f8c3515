"""Anthropic's Message Batches.

A batch has no name and takes no data of ours but the custom ids, which can be read only when it has ended. One that was
accepted while its submitter died is looked for by time and size, and proven by its results.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import orjson
from anthropic.types import Message
from anthropic.types.messages import MessageBatch

from .adapter import answered, expect
from .anthropic import AnthropicAdapter, reply_of
from .batch_adapter import CANCELLED, EXPIRED, LISTED, READ_SECONDS, SUBMIT_SECONDS, AdapterBatches, read, unanswered
from .batches import BatchItem, BatchState, BatchStatus, FoundBatch
from .errors import LlmError
from .types import Reply

_SKEW = 600.0  # seconds that our clock and Anthropic's may differ
_UNASKED = {"expired": EXPIRED, "canceled": CANCELLED}


class AnthropicBatches(AdapterBatches[AnthropicAdapter]):
    async def submit(self, items: Sequence[BatchItem], *, name: str) -> str:
        requests: list[Any] = [{"custom_id": item.custom_id, "params": self._params(item)} for item in items]
        self._check_size(sum(len(orjson.dumps(request)) + 1 for request in requests))
        async with self._adapter.calling(timeout=SUBMIT_SECONDS):
            batch = await self._adapter.client.messages.batches.create(requests=requests, timeout=SUBMIT_SECONDS)
            return expect(batch, MessageBatch).id

    async def find(self, name: str, *, size: int, since: float) -> list[FoundBatch]:
        """Whatever came since then with as many requests."""
        found, looked = [], 0
        async with self._adapter.calling(timeout=READ_SECONDS):
            async for batch in self._adapter.client.messages.batches.list(limit=100):
                looked += 1
                if looked > LISTED or batch.created_at.timestamp() < since - _SKEW:
                    break
                if _size(batch) == size:
                    found.append(FoundBatch(id=batch.id, proven=False))
        return found

    async def poll(self, batch_id: str) -> BatchStatus:
        async with self._adapter.calling(timeout=READ_SECONDS):
            polled = await self._adapter.client.messages.batches.retrieve(batch_id, timeout=READ_SECONDS)
            batch = expect(polled, MessageBatch)
            counts = batch.request_counts
            return BatchStatus(
                state=BatchState.ENDED if batch.processing_status == "ended" else BatchState.RUNNING,
                done=counts.succeeded,
                failed=counts.errored + counts.expired + counts.canceled,
            )

    async def results(
        self, batch_id: str, *, ids: Sequence[str], model: str
    ) -> AsyncGenerator[tuple[str, Reply | LlmError], None]:
        async with self._adapter.calling(timeout=READ_SECONDS):
            # The SDK's own decoder gives up at the first line that is not JSON; the lines beneath do not.
            decoder = await self._adapter.client.messages.batches.results(batch_id, timeout=READ_SECONDS)
        try:
            async with aclosing(self._each(decoder.http_response.aiter_lines())) as lines:
                async for line in lines:
                    yield line["custom_id"], self._outcome(line.get("result"))
        finally:
            await decoder.close()

    async def cancel(self, batch_id: str) -> None:
        async with self._adapter.calling(timeout=READ_SECONDS):
            await self._adapter.client.messages.batches.cancel(batch_id, timeout=READ_SECONDS)

    def _params(self, item: BatchItem) -> dict[str, Any]:
        params = self._adapter.params(item.request)
        params.pop("timeout")  # the client's, not the message's
        return params

    def _outcome(self, result: object) -> Reply | LlmError:
        """A turn that paused cannot be continued inside a batch: it is cut off, as one is whose patience ran out."""
        if not isinstance(result, dict):
            return read(lambda: expect(result, Reply))
        if result.get("type") in _UNASKED:
            return unanswered(_UNASKED[result["type"]])
        if result.get("type") != "succeeded":
            return self._refused(result.get("error"), status=None)
        return read(lambda: answered(reply_of(Message.construct(**expect(result.get("message"), dict)))))


def _size(batch: MessageBatch) -> int:
    counts = batch.request_counts
    return counts.processing + counts.succeeded + counts.errored + counts.expired + counts.canceled
