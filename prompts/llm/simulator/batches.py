"""Batches that were handed over: which of their questions are answered by now, and which never will be."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum

from .exchange import Ask, Finish, Json, Refused


class Fate(StrEnum):
    ANSWERED = "answered"
    ERRORED = "errored"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(slots=True)
class Entry:
    """One question; `ordinal` is which sample of it, counted with the live ones. `refused` is why it fails."""

    custom_id: str
    ask: Ask | None = None
    ordinal: int = 0
    ending: Finish | None = None
    refused: Refused | None = None


@dataclass(slots=True)
class Job:
    """One batch. Its questions are answered one after another, evenly over `seconds`; what is left after `expires`
    seconds expires."""

    id: str
    provider: str
    key: str
    model: str
    entries: list[Entry]
    seconds: float
    expires: float | None
    name: str = ""
    metadata: Json = field(default_factory=dict)
    created: float = field(default_factory=time.time)
    cancelled: float | None = None

    def end(self) -> float:
        ends = [self.created + self.seconds]
        if self.expires is not None:
            ends.append(self.created + self.expires)
        if self.cancelled is not None:
            ends.append(self.cancelled)
        return min(ends)

    @property
    def ended(self) -> bool:
        return time.time() >= self.end()

    @property
    def expired(self) -> bool:
        return self.ended and self.expires is not None and self.end() == self.created + self.expires

    def fate(self, place: int) -> Fate:
        """What has become of the entry at `place` when the batch has ended."""
        due = self.created + self.seconds * (place + 1) / len(self.entries)
        if due > self.end():
            return Fate.CANCELLED if self.end() == self.cancelled else Fate.EXPIRED
        return Fate.ERRORED if self.entries[place].refused else Fate.ANSWERED

    def answered_by_now(self) -> int:
        if self.seconds <= 0:
            return len(self.entries)
        return min(len(self.entries), int((time.time() - self.created) / self.seconds * len(self.entries)))

    def fates(self) -> dict[Fate, int]:
        counts = dict.fromkeys(Fate, 0)
        for place in range(len(self.entries)):
            counts[self.fate(place)] += 1
        return counts

    def cancel(self) -> None:
        if not self.ended and self.cancelled is None:
            self.cancelled = time.time()
