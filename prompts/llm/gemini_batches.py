"""Gemini's batches, with their requests and responses inline."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from google.genai import types as gt

from .adapter import answered
from .batch_adapter import LISTED, READ_SECONDS, SUBMIT_SECONDS, AdapterBatches, read
from .batches import BatchItem, BatchState, BatchStatus, FoundBatch
from .errors import ErrorKind, LlmError, gettext_noop
from .gemini import GeminiAdapter, config_of, contents_of, reply_of
from .types import Reply

_STATES = {
    gt.JobState.JOB_STATE_SUCCEEDED: BatchState.ENDED,
    gt.JobState.JOB_STATE_PARTIALLY_SUCCEEDED: BatchState.ENDED,
    gt.JobState.JOB_STATE_CANCELLED: BatchState.ENDED,
    gt.JobState.JOB_STATE_EXPIRED: BatchState.ENDED,
    gt.JobState.JOB_STATE_FAILED: BatchState.FAILED,
}
_AROUND = 400  # bytes of an inline request beside its text, generously
_KEY = "key"


class GeminiBatches(AdapterBatches[GeminiAdapter]):
    async def submit(self, items: Sequence[BatchItem], *, name: str) -> str:
        self._check_size(sum(_AROUND + sum(6 * len(turn.text) for turn in item.request.turns) for item in items))
        config = gt.CreateBatchJobConfig(display_name=name, http_options=_within(SUBMIT_SECONDS))
        async with self._adapter.calling(timeout=SUBMIT_SECONDS):
            job = await self._adapter.client.aio.batches.create(
                model=items[0].request.model, src=[_inline(item) for item in items], config=config
            )
            if not job.name:
                raise LlmError(ErrorKind.BAD_RESPONSE, gettext_noop("The batch came back without a name."))
            return job.name

    async def find(self, name: str, *, size: int, since: float) -> list[FoundBatch]:
        """By its display name."""
        config = gt.ListBatchJobsConfig(page_size=100, http_options=_within(READ_SECONDS))
        async with self._adapter.calling(timeout=READ_SECONDS):
            looked = 0
            async for job in await self._adapter.client.aio.batches.list(config=config):
                looked += 1
                if job.display_name == name and job.name:
                    return [FoundBatch(id=job.name, proven=True)]
                if looked >= LISTED:
                    break
            return []

    async def poll(self, batch_id: str) -> BatchStatus:
        """How many are done it does not say before the end."""
        job = await self._job(batch_id)
        state = _STATES.get(job.state, BatchState.RUNNING) if job.state else BatchState.RUNNING
        if state is not BatchState.ENDED:
            reason = self._refused({"error": {"message": str((job.error and job.error.message) or "")}}, status=None)
            return BatchStatus(state=state, reason=reason if state is BatchState.FAILED else None)
        answers = _responses(job)
        done = sum(answer.response is not None for answer in answers)
        return BatchStatus(state=state, done=done, failed=len(answers) - done)

    async def results(
        self, batch_id: str, *, ids: Sequence[str], model: str
    ) -> AsyncGenerator[tuple[str, Reply | LlmError], None]:
        """Told apart by the metadata sent along; where it does not come back (it did not always), by their order,
        which is that of the requests."""
        answers = _responses(await self._job(batch_id))
        in_order = len(answers) == len(ids)
        for place, answer in enumerate(answers):
            key = (answer.metadata or {}).get(_KEY) or (ids[place] if in_order else "")
            if key:
                yield key, self._outcome(answer, model)

    async def cancel(self, batch_id: str) -> None:
        config = gt.CancelBatchJobConfig(http_options=_within(READ_SECONDS))
        async with self._adapter.calling(timeout=READ_SECONDS):
            await self._adapter.client.aio.batches.cancel(name=batch_id, config=config)

    async def _job(self, batch_id: str) -> gt.BatchJob:
        config = gt.GetBatchJobConfig(http_options=_within(READ_SECONDS))
        async with self._adapter.calling(timeout=READ_SECONDS):
            return await self._adapter.client.aio.batches.get(name=batch_id, config=config)

    def _outcome(self, answer: gt.InlinedResponse, model: str) -> Reply | LlmError:
        response, error = answer.response, answer.error
        if response is None:
            body: dict[str, Any] = {"error": {"message": error.message or ""} if error else {}}
            return self._refused(body, status=_HTTP.get(error.code or 0) if error else None)
        return read(lambda: answered(reply_of(response, model=model)))


# google.rpc.Code to the HTTP status that the live endpoint would have answered with.
_HTTP = {1: 499, 3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 13: 500, 14: 503, 16: 401}


def _inline(item: BatchItem) -> gt.InlinedRequest:
    return gt.InlinedRequest(
        model=item.request.model,
        contents=contents_of(item.request),  # type: ignore[arg-type]
        config=config_of(item.request),
        metadata={_KEY: item.custom_id},
    )


def _responses(job: gt.BatchJob) -> list[gt.InlinedResponse]:
    return (job.dest.inlined_responses or []) if job.dest else []


def _within(seconds: float) -> gt.HttpOptions:
    return gt.HttpOptions(timeout=int(seconds * 1000))
