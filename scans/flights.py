"""The answers that one process holds: waiting for their slot, being asked, and on their way into the database."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby

from django.conf import settings

from prompts import ledger
from prompts.gateway import Lane, give_back, give_up, keep_slots
from prompts.llm.errors import ErrorKind
from prompts.slots import RENEW
from scans import claims
from scans.asking import missed_slot, outcome_of
from scans.claims import Claimed, Lease
from scans.database import Database
from scans.ending import finish_scans
from scans.store import Outcome, Store

logger = logging.getLogger("prompter.scans")

# Seconds that an answer waits for others to be stored with, and for every call that is under way with it: the more of
# them, the more there is to share of what a transaction costs.
GATHER, GATHER_EACH, GATHER_MOST = 0.02, 0.00025, 0.1
MOST_STORED = 100  # answers in one transaction
WATCH = 1.0  # seconds until a cancelled scan is noticed
LATE = 1.0  # seconds after which a slot is not ours any more
GRACE = 8.0  # seconds that calls under way get when the worker stops


@dataclass(slots=True, eq=False)
class Flight:
    """One claimed answer in this process, from its claim until it is stored."""

    claimed: Claimed
    lane: Lane | None = None
    ticket: str = ""
    task: asyncio.Task[None] | None = None
    sent: bool = False
    ended: bool = False  # and on its way into the database


class Flights:
    def __init__(self, database: Database, *, keeping: Database | None = None) -> None:
        self.changed = asyncio.Event()  # some have ended, or were stored
        self._database = database
        self._keeping = keeping or database
        self._store = Store()
        self._flights: dict[Lease, Flight] = {}
        self._outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
        self._in_hand: list[Outcome] = []  # being stored
        self._cancelled: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._flights)

    @property
    def under_way(self) -> int:
        """How many take room: what has ended does not hold up the next, as long as a transaction takes it all."""
        return len(self._flights) - min(MOST_STORED, sum(flight.ended for flight in self._flights.values()))

    @property
    def suspects(self) -> int:
        return sum(flight.claimed.suspect for flight in self._flights.values())

    def places(self) -> Counter[tuple[str, str, int]]:
        """How many every organization has in every lane."""
        asked = (flight.claimed for flight in self._flights.values() if not flight.ended)
        return Counter((claimed.lane, claimed.engine, claimed.org_id) for claimed in asked)

    def take_off(self, claimed: Claimed, lane: Lane, *, at: float, ticket: str) -> None:
        """Ask it when the monotonic clock shows `at`, with the slot that `ticket` stands for."""
        flight = self._flights[claimed.lease] = Flight(claimed, lane, ticket)
        flight.task = asyncio.create_task(self._fly(flight, at))

    def report(self, outcome: Outcome) -> None:
        """What became of an answer that was not asked at all."""
        flight = self._flights[outcome.claimed.lease] = Flight(outcome.claimed)
        self._end(flight, outcome)

    def _end(self, flight: Flight, outcome: Outcome) -> None:
        flight.ended = True
        self._outcomes.put_nowait(outcome)
        self.changed.set()

    async def _fly(self, flight: Flight, at: float) -> None:
        assert flight.lane is not None
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        flight.sent = True
        late = time.monotonic() - at > LATE
        if late:
            outcome = missed_slot(flight.claimed)
        else:
            outcome = await outcome_of(flight.claimed, flight.lane, ticket=flight.ticket)
        try:
            if late:
                await give_up(flight.lane, [flight.ticket])
            elif outcome.error_kind == ErrorKind.RATE_LIMITED:
                await self._ground(flight.lane)
        finally:  # cut off or broken meanwhile, it has ended all the same, and was paid for
            self._end(flight, outcome)

    async def _ground(self, lane: Lane) -> None:
        """The provider refuses: what waits for a slot of this lane would be refused as well."""
        waiting = [one for one in self._flights.values() if one.lane == lane and one.task and not one.sent]
        await self._return(waiting, asked=False)
        self.changed.set()

    async def keep_leases(self) -> None:
        """Renew what is held, and drop what is not ours any more before it is sent."""
        interval, renewed_at = settings.SCAN_LEASE_SECONDS / 3, time.monotonic()
        while True:
            await asyncio.sleep(min(WATCH, interval))
            waiting = [flight.claimed for flight in self._flights.values() if not flight.sent]
            if waiting:
                lost = await self._keeping(claims.lost, waiting)
                dropped = await self._drop(one.lease for one in waiting if one.id in lost)
                if dropped:
                    await self._keeping(claims.give_back, dropped, asked=False)
            if self._flights and time.monotonic() - renewed_at >= interval - WATCH:
                renewed_at = time.monotonic()
                await self._keeping(claims.renew, [flight.claimed for flight in self._flights.values()])

    async def hold_slots(self) -> None:
        """Tell the lanes what is under way. Leases do not wait for it: Redis may hang."""
        while True:
            await asyncio.sleep(RENEW)
            if self._flights:
                await keep_slots()

    async def store_outcomes(self) -> None:
        while True:
            self._in_hand = batch = [await self._outcomes.get()]
            if self._outcomes.qsize() < MOST_STORED - 1:
                await asyncio.sleep(min(GATHER_MOST, GATHER + GATHER_EACH * len(self._flights)))
            while not self._outcomes.empty() and len(batch) < MOST_STORED:
                batch.append(self._outcomes.get_nowait())
            batch.sort(key=_org_of)
            for org_id, outcomes in groupby(batch, key=_org_of):
                await self._store_of(org_id, list(outcomes))
            self._in_hand = []
            self.changed.set()
            for _ in batch:
                self._outcomes.task_done()

    async def _store_of(self, org_id: int, outcomes: list[Outcome]) -> None:
        await self._database(self._store, outcomes)
        for outcome in outcomes:
            self._flights.pop(outcome.claimed.lease, None)
        # The process that stores a scan's last answer holds none of it afterwards.
        flying = {flight.claimed.scan_id for flight in self._flights.values()}
        landed = {outcome.claimed.scan_id for outcome in outcomes} - flying
        if landed:
            await self._database(finish_scans, org_id, landed)

    async def land(self, stop: Callable[[], bool]) -> None:
        """Ask nothing more: return what waits for its slot, and let calls under way end. A worker that stops waits
        only a moment for them."""
        await self._return(
            [flight for flight in self._flights.values() if flight.task and not flight.sent], asked=False
        )
        give_up = float("inf")
        while self._flights and time.monotonic() < give_up:
            if stop():
                give_up = min(give_up, time.monotonic() + GRACE)
            await asyncio.sleep(0.05)
        under_way = [flight for flight in self._flights.values() if flight.task and not flight.task.done()]
        await self._return(under_way, asked=True)
        await self.stored()
        await self._outcomes.join()  # and scans that ended with it are ended
        await self._cut_off()

    async def stored(self, *, left: int = 0) -> None:
        """Until no more than `left` are held."""
        while len(self._flights) > left:
            self.changed.clear()
            await self.changed.wait()

    async def abandon(self) -> None:
        """Nothing is stored any more: what was paid for is booked at least."""
        for flight in self._flights.values():
            self._cancel(flight)
        await self._cut_off()
        while not self._outcomes.empty():
            self._in_hand.append(self._outcomes.get_nowait())
        for outcome in self._in_hand:
            if outcome.entry:
                await ledger.record(outcome.entry, doubtful=True)

    async def _return(self, flights: list[Flight], *, asked: bool) -> None:
        await self._drop([flight.claimed.lease for flight in flights], unsent=not asked)
        if flights:
            await self._database(claims.give_back, [flight.claimed for flight in flights], asked=asked)

    async def _drop(self, leases: Iterable[Lease], *, unsent: bool = True) -> list[Claimed]:
        """Forget these; their unused slots go back to their lanes. Those that were forgotten."""
        known = [lease for lease in leases if lease in self._flights]
        dropped = [self._flights.pop(lease) for lease in known if not (unsent and self._flights[lease].sent)]
        for flight in dropped:
            self._cancel(flight)
        slots: dict[Lane, list[str]] = {}
        for flight in dropped:
            if flight.lane and not flight.sent:
                slots.setdefault(flight.lane, []).append(flight.ticket)
        for lane, tickets in slots.items():
            await give_back(lane, tickets)
        return [flight.claimed for flight in dropped]

    def _cancel(self, flight: Flight) -> None:
        if flight.task and not flight.task.done():
            flight.task.cancel()
            self._cancelled.add(flight.task)
            flight.task.add_done_callback(self._cancelled.discard)

    async def _cut_off(self) -> None:
        """Calls that were cut under way have said so: each has a row in the ledger to come."""
        await asyncio.gather(*self._cancelled, return_exceptions=True)


def _org_of(outcome: Outcome) -> int:
    return outcome.claimed.org_id
