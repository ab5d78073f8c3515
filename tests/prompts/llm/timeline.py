"""Lanes on a clock that a test moves by hand."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from django.conf import settings
from redis.asyncio import Redis

from prompts.llm.breaker import BreakerRules, Verdict
from prompts.llm.lanes import End, Lanes, Slots, keys
from prompts.llm.limiter import Limits, Spent
from prompts.llm.types import RateLimits

LANE = "own-abc|openai:gpt"


@dataclass
class Timeline:
    lanes: Lanes
    limits: Limits
    now: float = 1_800_000_000.0
    sent: list[float] = field(default_factory=list)
    tickets: list[str] = field(default_factory=list)  # of the latest slots

    async def take(
        self, want: int = 1, *, horizon: float = 0.0, tokens: int = 0, day: tuple[int, int] | None = None
    ) -> Slots:
        slots = await self.lanes.grant(LANE, limits=self.limits, want=want, horizon=horizon, tokens=tokens, day=day)
        self.sent += [self.now + delay for delay in slots.delays]
        self.tickets = list(slots.tickets) or self.tickets
        return slots

    async def give_back(self, count: int, *, tokens: int = 0) -> None:
        tickets = self.tickets[len(self.tickets) - count :]
        await self.lanes.give_back(LANE, limits=self.limits, tickets=tickets, tokens=tokens)
        del self.sent[len(self.sent) - count :]

    async def finish(
        self, *, verdict: Verdict = Verdict.ANSWERED, spent: Spent | None = None, ticket: str = ""
    ) -> None:
        end = End(verdict=verdict, spent=spent or Spent(), ticket=ticket)
        await self.lanes.finish(LANE, limits=self.limits, ends=[end])

    async def land(self, *, verdict: Verdict = Verdict.ANSWERED, age: float = 1.0) -> None:
        """Every call of the latest slots ends."""
        ends = [End(verdict=verdict, spent=Spent(age=age), ticket=ticket) for ticket in self.tickets]
        await self.lanes.finish(LANE, limits=self.limits, ends=ends)
        self.tickets = []

    async def refused(self, *, retry_after: float | None = None) -> None:
        await self.finish(spent=Spent(refused=True, retry_after=retry_after))

    async def told(self, **figures: int) -> None:
        await self.finish(spent=Spent(told=RateLimits(**figures)))

    async def sent_in(self, seconds: float, *, step: float = 0.5) -> int:
        """How many calls somebody sends who asks all the time, a little ahead."""
        until, before = self.now + seconds, len(self.sent)
        while self.now < until:
            await self.take(1_000, horizon=step)
            self.now += step
        return len(self.sent) - before


@asynccontextmanager
async def timeline(
    *, rules: BreakerRules | None = None, known: bool = True, requests: int = 0, **limits: int
) -> AsyncIterator[Timeline]:
    """A lane that has sent before, and that has learned to have any number of calls in flight; one that Redis has
    never heard of is not `known`."""
    async with Redis.from_url(settings.REDIS_URL) as client:
        await client.flushdb()
        if known:
            await client.hset(keys(LANE)[0], mapping={"epoch": "known", "window": 100_000})
        made = Timeline(None, Limits(requests=requests, **limits))  # type: ignore[arg-type]
        made.lanes = Lanes(client, rules=rules, clock=lambda: made.now)
        yield made


def most_in_a_minute(moments: Sequence[float], weights: Sequence[float] | None = None) -> float:
    """The largest sum of weights (of 1 each) within any 60 seconds, both ends counted."""
    ordered = sorted(zip(moments, weights or [1] * len(moments), strict=True))
    most = total = 0.0
    first = 0
    for moment, weight in ordered:
        total += weight
        while ordered[first][0] < moment - 60:
            total -= ordered[first][1]
            first += 1
        most = max(most, total)
    return most
