"""A provider's batch endpoint: many questions handed over at once, answered within a day, for less.

Results come in any order and may be missing: whoever submits keeps account of what was answered. Nothing here retries.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from .errors import LlmError
from .types import Provider, Reply, Request


class BatchState(StrEnum):
    RUNNING = "running"  # accepted, or being cancelled: nothing to read yet
    ENDED = "ended"  # what there is may be read; that need not be everything
    FAILED = "failed"  # refused as a whole: there is nothing to read


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    """One question. `custom_id` is unique in its batch: 1 to 64 letters, digits, hyphens and underscores, which is what
    the strictest provider (Anthropic) takes."""

    custom_id: str
    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStatus:
    """`done` and `failed` are the provider's own counts so far, None where it does not tell; `reason` says why a batch
    failed."""

    state: BatchState
    done: int | None = None
    failed: int | None = None
    reason: LlmError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundBatch:
    """A batch that may be the one looked for. Unless `proven` it only came at the right time with the right size: the
    provider lets nobody name a batch, and it may be another program's that uses the same key."""

    id: str
    proven: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTerms:
    """`items` is how many questions we put into one batch, at most `bytes` large as the provider counts them."""

    items: int
    bytes: int


# Fewer than allowed (OpenAI 50,000, Anthropic 100,000): a batch that fails delays less, and the longest prompts still
# fit into the bytes. Gemini's requests are sent inline: at most 20 MB with everything around them.
TERMS = {
    Provider.OPENAI: BatchTerms(items=5_000, bytes=200_000_000),
    Provider.ANTHROPIC: BatchTerms(items=5_000, bytes=256_000_000),
    Provider.GOOGLE: BatchTerms(items=500, bytes=19_000_000),
}


class Batches(Protocol):
    """One credential's way to one provider's batches. Every method raises `LlmError` and nothing else."""

    async def submit(self, items: Sequence[BatchItem], *, name: str) -> str:
        """Hand over; the provider's id of the batch. After a failure that may have been heard (timeout, broken
        connection, 5xx) nobody knows whether it was accepted: `find` before submitting again."""

    async def find(self, name: str, *, size: int, since: float) -> list[FoundBatch]:
        """Batches of `size` that may be the one submitted as `name` since then (Unix time); newest first."""

    async def poll(self, batch_id: str) -> BatchStatus: ...

    def results(
        self, batch_id: str, *, ids: Sequence[str], model: str
    ) -> AsyncGenerator[tuple[str, Reply | LlmError], None]:
        """(custom id, what came of it), streamed where the provider streams. Lines that cannot be read are left out; an
        id may come twice, or be nobody's. `ids` are those submitted, in that order."""

    async def cancel(self, batch_id: str) -> None:
        """Ask for the end; what was answered until then is still paid for and read as results."""
