"""How fast a lane may send: its requests and tokens per minute, its calls in flight, its day's budget, and what a
provider's answers teach about them.

The arithmetic is `lua/limiter.lua`, which runs inside Redis. Two GCRA clocks (ITU-T I.371, annex A) are charged for
every slot; slots are handed out ahead of time as delays. In any 60 seconds never more than the limit is granted: a
burst of 1 % (at least one call), and the rest at a steady rate. A call whose tokens exceed the burst waits for an empty
clock, and may overshoot by itself.

A refusal (429) halves the pace and blocks the lane for as long as the provider asked; the pace climbs back by a fifth
of the limit a minute. A limit in the provider's headers that is lower than ours counts instead of ours, and headers
that show under a tenth left, more than we took ourselves, slow the lane down before the refusal comes.

A lane begins with 20 calls in flight and gets room for more while nobody refuses and answers take no longer than usual;
a refusal halves that too. Every call in flight is a ticket that its process keeps alive; one whose process is gone
counts for a few seconds more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from .types import Limits, Provider, RateLimits

__all__ = ["LUA", "Limits", "Spent", "day_offset", "day_start"]

LUA = Path(__file__).with_name("lua").joinpath("limiter.lua").read_text()

# Where a provider says when its day begins (ai.google.dev/gemini-api/docs/rate-limits); the others' is UTC's.
_DAYS = {Provider.GOOGLE.value: ZoneInfo("America/Los_Angeles")}
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one call took of what it had reserved. `age` is seconds since it was sent; `retry_after` what a refusal
    asked for, with `refused` set; `told` what the provider's headers said."""

    reserved: int = 0
    used: int = 0
    age: float = 0.0
    refused: bool = False
    retry_after: float | None = None
    told: RateLimits = field(default_factory=RateLimits)

    def refusal(self) -> str:
        """Milliseconds to stay away, -1 where the provider did not say, empty where it did not refuse."""
        if not self.refused:
            return ""
        return "-1" if self.retry_after is None else f"{max(0.0, self.retry_after) * 1000:.3f}"

    def learned(self) -> tuple[str, ...]:
        told = self.told
        figures = (told.requests_limit, told.requests_remaining, told.tokens_limit, told.tokens_remaining)
        return tuple("" if figure is None else str(figure) for figure in figures)


def day_offset(provider: str, *, at: datetime) -> int:
    """Seconds by which the provider's day is ahead of UTC's."""
    ahead = at.astimezone(_DAYS.get(provider, _UTC)).utcoffset()
    return 0 if ahead is None else round(ahead.total_seconds())


def day_start(provider: str, *, at: datetime) -> datetime:
    """The beginning of the provider's day that holds `at`."""
    return at.astimezone(_DAYS.get(provider, _UTC)).replace(hour=0, minute=0, second=0, microsecond=0)
