"""OpenAI's Batch API, for the endpoint that the adapter uses: Responses."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Any

import httpx2
import orjson
from openai.types import Batch
from openai.types.responses import Response

from .adapter import answered, expect
from .batch_adapter import CANCELLED, EXPIRED, LISTED, READ_SECONDS, SUBMIT_SECONDS, AdapterBatches, read, unanswered
from .batches import BatchItem, BatchState, BatchStatus, FoundBatch
from .errors import ErrorKind, LlmError, gettext_noop
from .openai import OpenAIAdapter
from .types import Reply

_KEPT = 7 * 24 * 3600  # seconds that OpenAI keeps the questions and answers of a batch
_ENDED = frozenset({"completed", "expired", "cancelled"})
_UNASKED = {"batch_expired": EXPIRED, "batch_cancelled": CANCELLED}
_NAME = "prompter"


class OpenAIBatches(AdapterBatches[OpenAIAdapter]):
    async def submit(self, items: Sequence[BatchItem], *, name: str) -> str:
        body = b"".join(self._lines(items))
        self._check_size(len(body))
        client = self._adapter.client
        async with self._adapter.calling(timeout=SUBMIT_SECONDS):
            file = await client.files.create(
                file=(f"{name}.jsonl", body, "application/jsonl"),
                purpose="batch",
                expires_after={"anchor": "created_at", "seconds": _KEPT},
                timeout=SUBMIT_SECONDS,
            )
            batch = await client.batches.create(
                input_file_id=file.id,
                endpoint="/v1/responses",
                completion_window="24h",
                metadata={_NAME: name},
                output_expires_after={"anchor": "created_at", "seconds": _KEPT},
                timeout=SUBMIT_SECONDS,
            )
            return expect(batch, Batch).id

    async def find(self, name: str, *, size: int, since: float) -> list[FoundBatch]:
        """By the name in its metadata."""
        async with self._adapter.calling(timeout=READ_SECONDS):
            looked = 0
            async for batch in self._adapter.client.batches.list(limit=100):
                looked += 1
                if (batch.metadata or {}).get(_NAME) == name:
                    return [FoundBatch(id=batch.id, proven=True)]
                if looked >= LISTED:
                    break
            return []

    async def poll(self, batch_id: str) -> BatchStatus:
        batch = await self._batch(batch_id)
        counts = batch.request_counts
        state = BatchState.ENDED if batch.status in _ENDED else BatchState.RUNNING
        reason = None
        if batch.status == "failed":
            state, reason = BatchState.FAILED, self._reason(batch)
        return BatchStatus(
            state=state,
            done=counts.completed if counts else None,
            failed=counts.failed if counts else None,
            reason=reason,
        )

    async def results(
        self, batch_id: str, *, ids: Sequence[str], model: str
    ) -> AsyncGenerator[tuple[str, Reply | LlmError], None]:
        """Answers and refusals are in a file each, either of which may not be there."""
        batch = await self._batch(batch_id)
        if not batch.output_file_id and batch.request_counts and batch.request_counts.completed:
            raise LlmError(ErrorKind.BAD_RESPONSE, gettext_noop("The answers of this batch are not there yet."))
        for file_id in filter(None, (batch.output_file_id, batch.error_file_id)):
            async with aclosing(self._file(file_id)) as lines:
                async for line in lines:
                    yield line["custom_id"], self._outcome(line)

    async def cancel(self, batch_id: str) -> None:
        async with self._adapter.calling(timeout=READ_SECONDS):
            await self._adapter.client.batches.cancel(batch_id, timeout=READ_SECONDS)

    async def _batch(self, batch_id: str) -> Batch:
        async with self._adapter.calling(timeout=READ_SECONDS):
            return expect(await self._adapter.client.batches.retrieve(batch_id, timeout=READ_SECONDS), Batch)

    def _lines(self, items: Sequence[BatchItem]) -> Iterator[bytes]:
        for item in items:
            line = {
                "custom_id": item.custom_id,
                "method": "POST",
                "url": "/v1/responses",
                "body": self._adapter.params(item.request),
            }
            yield orjson.dumps(line) + b"\n"

    async def _file(self, file_id: str) -> AsyncGenerator[dict[str, Any], None]:
        opening = self._adapter.client.files.with_streaming_response.content(file_id, timeout=READ_SECONDS)
        async with self._adapter.calling(timeout=READ_SECONDS):
            response = await opening.__aenter__()
        try:
            async with aclosing(self._each(response.iter_lines())) as lines:
                async for line in lines:
                    yield line
        finally:
            await opening.__aexit__(None, None, None)

    def _outcome(self, line: dict[str, Any]) -> Reply | LlmError:
        error, response = line.get("error"), line.get("response")
        if isinstance(error, dict) and error.get("code") in _UNASKED:
            return unanswered(_UNASKED[error["code"]])
        if not isinstance(response, dict):
            return self._refused({"error": error}, status=None)
        status, body = response.get("status_code"), response.get("body")
        if status != 200:
            return self._refused(body, status=status if isinstance(status, int) else None)
        headers = httpx2.Headers({"x-request-id": str(response.get("request_id") or "")})
        return read(lambda: answered(self._adapter.reply(Response.construct(**expect(body, dict)), headers=headers)))

    def _reason(self, batch: Batch) -> LlmError | None:
        errors = batch.errors.data if batch.errors and batch.errors.data else []
        return self._refused({"error": {"message": errors[0].message or ""}}, status=None) if errors else None
