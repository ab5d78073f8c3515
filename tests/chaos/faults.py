"""What can happen to an installation in the middle of a scan, drawn at random."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from scans.models import Scan
from tests.chaos.installation import Installation

WORKERS = ("north", "south")


@dataclass(frozen=True, kw_only=True)
class Done:
    """A fault that was done: what it was, and the calls that were under way when it struck."""

    kind: str
    in_flight: int


def kill_worker(installation: Installation, dice: random.Random) -> None:
    installation.crew.worker(dice.choice(WORKERS)).kill()


def kill_children(installation: Installation, dice: random.Random) -> None:
    installation.crew.worker(dice.choice(WORKERS)).kill_children()


def kill_beat(installation: Installation, dice: random.Random) -> None:
    installation.crew.beat().kill()


def lose_redis(installation: Installation, dice: random.Random) -> None:
    installation.services.kill_redis()
    installation.services.start_redis()


def restart_postgres(installation: Installation, dice: random.Random) -> None:
    installation.restart_postgres()


def terminate_sessions(installation: Installation, dice: random.Random) -> None:
    installation.services.terminate_sessions()


def cut_database(installation: Installation, dice: random.Random) -> None:
    installation.services.database.cut()


def cut_redis(installation: Installation, dice: random.Random) -> None:
    installation.services.redis.cut()


def cut_providers(installation: Installation, dice: random.Random) -> None:
    """A few connections: the calls on them failed, and the provider counted them."""
    installation.providers.cut(most=3)


Fault = Callable[[Installation, random.Random], None]
FAULTS: dict[str, Fault] = {
    "worker killed": kill_worker,
    "children killed": kill_children,
    "beat killed": kill_beat,
    "Redis killed, data lost": lose_redis,
    "Postgres restarted": restart_postgres,
    "sessions terminated": terminate_sessions,
    "database cut": cut_database,
    "Redis cut": cut_redis,
    "providers cut": cut_providers,
}


def drawn(count: int, dice: random.Random) -> Iterator[str]:
    """Every kind comes before any comes again."""
    while count > 0:
        kinds = dice.sample(list(FAULTS), k=len(FAULTS))[:count]
        yield from kinds
        count -= len(kinds)


def all_ready(installation: Installation) -> None:
    installation.crew.beat()
    for name in WORKERS:
        installation.crew.worker(name)


def strike(kind: str, installation: Installation, scan: Scan, dice: random.Random) -> Done:
    """All workers stand still for the moment in which what is under way is counted and the fault done. Whoever died is
    replaced, as a supervisor does."""
    workers = [installation.crew.worker(name) for name in WORKERS]
    for worker in workers:
        worker.freeze()
    in_flight = installation.in_flight(scan)
    FAULTS[kind](installation, dice)
    for worker in workers:
        worker.thaw()
    installation.crew.replace()
    return Done(kind=kind, in_flight=in_flight)
