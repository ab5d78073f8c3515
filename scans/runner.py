"""The runner: an asyncio loop that asks whatever is due, as fast as the limiter lets every lane.

The rows hold the work. A runner claims a little ahead of the slots it was granted, keeps its leases alive, and stores
what came back; killed at any moment it loses nothing that the sweep does not return.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from django.conf import settings

from orgs.cancelling import cancel
from prompts import accounting, clock, traffic
from prompts.gateway import EngineUnavailable, Lane, give_back, grant
from prompts.llm.errors import ErrorKind
from scans import claims
from scans.claims import Claimed
from scans.database import Database
from scans.due import DueLane
from scans.flights import Flights
from scans.lanes import Lanes
from scans.sharing import LaneKey, Rest, fair, shared
from scans.store import gave_up

HORIZON = 1.0  # seconds ahead that slots are taken: short, so that a new scan's first turns come soon
POLL = 0.5  # seconds until new work is noticed
TOGETHER = 0.05  # seconds in which what ends and what has a slot again is claimed at once: well within the horizon
FULL = 0.1  # seconds until a lane with all its calls in flight is asked again
SPARE, LEAST = 4, 5  # how many times the room is counted of what is due, and how much for everybody
ACCOUNTING = 30.0  # seconds for what was cut to reach the ledger; what takes longer goes on beside the next run
LINGER = 10.0  # a retry that is due this soon is worth staying for

Route = Lane | EngineUnavailable


@dataclass(frozen=True, slots=True)
class Booking:
    """Slots that a lane was granted for what is due in it: when by the monotonic clock, and the ticket of each."""

    due: tuple[DueLane, ...]
    lane: Lane
    slots: tuple[tuple[float, str], ...]

    def is_for(self, claimed: Claimed) -> bool:
        return (claimed.lane, claimed.engine) == (self.lane.key, self.due[0].engine)


async def run(*, budget_seconds: float, stop: Callable[[], bool]) -> bool:
    """Ask until nothing is due for a moment, the time is up, or the worker stops. True when work may be left."""
    # Claims do not wait for what is being stored, and leases are kept whatever the others wait for.
    claiming, storing, keeping = databases = [Database(), Database(), Database()]
    flights = Flights(storing, keeping=keeping)
    runner = Runner(claiming, flights, deadline=time.monotonic() + budget_seconds, stop=stop)
    keeping_on = (flights.keep_leases(), flights.hold_slots(), flights.store_outcomes())
    keepers = [asyncio.create_task(keeper) for keeper in keeping_on]
    work = asyncio.create_task(runner.work())
    try:
        await asyncio.wait([work, *keepers], return_when=asyncio.FIRST_COMPLETED)
        for keeper in keepers:
            if keeper.done():
                keeper.result()  # raises what stopped it
        return await work
    finally:
        for task in (work, *keepers):
            cancel(task)
        await asyncio.gather(work, *keepers, return_exceptions=True)
        for database in databases:
            await database.aclose()  # what is being stored is stored now, or never
        await flights.abandon()
        traffic.let_go()
        with suppress(TimeoutError):
            async with asyncio.timeout(ACCOUNTING):
                await accounting.close()


class Runner:
    def __init__(self, database: Database, flights: Flights, *, deadline: float, stop: Callable[[], bool]) -> None:
        self._database = database
        self._flights = flights
        self._deadline = deadline
        self._stop = stop
        self._lanes = Lanes()
        self._paused: dict[LaneKey, Rest] = {}
        self._places = 1  # organizations in lanes that something was due for
        self._hungry = False  # more is due than there is room for

    async def work(self) -> bool:
        left = await self._ask_what_is_due()
        await self._flights.land(self._stop)
        return left

    async def _ask_what_is_due(self) -> bool:
        while not self._stop() and time.monotonic() < self._deadline:
            self._flights.changed.clear()
            room = settings.SCAN_CONCURRENCY - self._flights.under_way
            due = await self._database(self._due, room) if room > 0 else []
            self._hungry = room <= 0
            if due:
                await self._ask(due, room=room)
            elif not self._flights and not await self._soon():
                return False
            await self._doze()
        return True

    async def _soon(self) -> bool:
        seconds = await self._database(claims.next_due_in)
        return seconds is not None and seconds < LINGER

    async def _doze(self) -> None:
        """Until a lane may be asked again, answers made room, or it is time to look for new work."""
        now = time.monotonic()
        self._paused = {key: rest for key, rest in self._paused.items() if rest.until > now}
        pause = max(TOGETHER, min([POLL, *(rest.until - now for rest in self._paused.values())]))
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._flights.changed.wait()
                while self._flights and not self._hungry:
                    self._flights.changed.clear()
                    await self._flights.changed.wait()
                await asyncio.sleep(TOGETHER)

    async def _ask(self, due: Sequence[DueLane], *, room: int) -> None:
        flights = self._flights
        wanted, more = shared(due, room=room, flying=flights.places(), suspects=flights.suspects, paused=self._paused)
        self._hungry |= more
        routes = await self._database(self._routes, wanted)
        usable: dict[tuple[str, str], tuple[Lane, list[DueLane]]] = {}
        for one, route in zip(wanted, routes, strict=True):
            if isinstance(route, Lane) and route.key == one.lane:
                usable.setdefault((one.lane, one.engine), (route, []))[1].append(one)
            else:
                await self._reroute(one, route)
        bookings = await self._book(list(usable.values()))
        held = await self._database(self._claim, [one for booking in bookings for one in booking.due])
        for booking in bookings:
            await self._board(booking, [(one, route) for one, route in held if booking.is_for(one)])

    async def _book(self, usable: Sequence[tuple[Lane, Sequence[DueLane]]]) -> list[Booking]:
        wants = [sum(one.count for one in some) for _, some in usable]
        grants = await asyncio.gather(
            *(grant(lane, want=want, horizon=HORIZON) for (lane, _), want in zip(usable, wants, strict=True))
        )
        now, places, bookings = time.monotonic(), self._flights.places(), []
        for (lane, some), granted in zip(usable, grants, strict=True):
            if granted.slots:
                at = (now + slot for slot in granted.slots)
                due = fair(some, room=len(granted.slots), flying=places)
                bookings.append(Booking(tuple(due), lane, tuple(zip(at, granted.tickets, strict=True))))
            else:
                wait = min(FULL, granted.retry_in) if granted.reason == "full" else granted.retry_in
                self._paused[lane.key, some[0].engine] = Rest.after(granted.reason, now=now, seconds=wait)
        return bookings

    async def _board(self, booking: Booking, held: Sequence[tuple[Claimed, Route]]) -> None:
        slots = list(reversed(booking.slots))
        for claimed, route in held:
            if isinstance(route, Lane) and route.key == claimed.lane:
                at, ticket = slots.pop()
                self._flights.take_off(claimed, route, at=at, ticket=ticket)
            else:
                await self._turn_away(claimed, route)
        await give_back(booking.lane, [ticket for _, ticket in slots])  # others were faster

    async def _reroute(self, due: DueLane, route: Route) -> None:
        """The key that these answers were to be asked with is gone: use the one there is now, or say that none is."""
        if isinstance(route, Lane):
            await self._database(_move, due.org_id, due.engine, due.lane, route)
            return
        for claimed, own_route in await self._database(self._claim, [due]):
            if isinstance(own_route, Lane) and own_route.key == claimed.lane:
                await self._database(claims.give_back, [claimed], asked=False)
            else:
                await self._turn_away(claimed, own_route)

    async def _turn_away(self, claimed: Claimed, route: Route) -> None:
        if isinstance(route, Lane):
            await self._database(claims.give_back, [claimed], asked=False)
            await self._database(_move, claimed.org_id, claimed.engine, claimed.lane, route)
        else:
            self._flights.report(gave_up(claimed, ErrorKind.AUTH.value, route.said))

    # In the database's thread

    def _due(self, room: int) -> list[DueLane]:
        """Counted only as far as there may be use for it: many organizations share the room."""
        due = claims.due_lanes(limit=max(LEAST, SPARE * room // max(1, self._places)))
        self._places = len(due)
        return due

    def _routes(self, due: Sequence[DueLane]) -> list[Route]:
        clock.learn()  # before anything is called: the ledger's rows carry the database's time
        return [self._lanes.of(one.org_id, one.engine) for one in due]

    def _claim(self, wanted: Sequence[DueLane]) -> list[tuple[Claimed, Route]]:
        return [(one, self._lanes.of(one.org_id, one.engine)) for one in claims.claim(wanted)]


def _move(org_id: int, engine: str, lane: str, target: Lane) -> None:
    claims.move(org_id, engine=engine, lane=lane, target=target.key, simulated=target.simulated)
