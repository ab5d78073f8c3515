"""Private Postgres and Valkey for machines that have none, started on demand and stopped by whoever leaves last."""

import atexit
from dataclasses import dataclass, field
from pathlib import Path

from config.embedded.place import EmbeddedError, Place, find_place
from config.embedded.verify import Unusable, verify

__all__ = ["EmbeddedError", "Services", "Unusable", "ensure", "release", "status", "stop", "verify"]

_registered: set[Place] = set()


@dataclass(frozen=True, kw_only=True)
class Services:
    """Addresses of the running services; empty for one that was not asked for."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)


def ensure(*, postgres: bool = True, redis: bool = True) -> Services:
    """Start what is not running yet, and keep it running at least as long as this process lives."""
    from config.embedded import holders, valkey
    from config.embedded import postgres as database

    place = find_place()
    with holders.exclusive(place.local):
        holders.join(place.local)
        if postgres:
            database.start(place)
        if redis:
            valkey.start(place)
    if place not in _registered:
        _registered.add(place)
        atexit.register(release)
    return Services(database_url=database.url(place) if postgres else "", redis_url=valkey.url(place) if redis else "")


def release(only: Place | None = None) -> None:
    """This process needs the services no longer: stop them unless somebody else does or `keep` was asked for."""
    from config.embedded import holders

    for place in [only] if only else list(_registered):
        with holders.exclusive(place.local):
            left = holders.leave(place.local)
            if left and not _keep(place).exists() and not holders.anybody_left(place.local):
                _stop(place)
        if left:
            _registered.discard(place)


def keep(wanted: bool) -> None:
    """Whether the services outlive the processes that use them."""
    if wanted:
        _keep(find_place()).touch()
    else:
        _keep(find_place()).unlink(missing_ok=True)


def stop() -> None:
    """Stop the services whoever uses them."""
    from config.embedded import holders

    place = find_place()
    keep(False)
    with holders.exclusive(place.local):
        _stop(place)


def status() -> dict[str, bool]:
    from config.embedded import postgres, valkey

    place = find_place()
    return {"postgres": postgres.is_running(place), "valkey": valkey.is_running(place)}


def _keep(place: Place) -> Path:
    return place.local / "keep"


def _stop(place: Place) -> None:
    from config.embedded import postgres, valkey

    postgres.stop(place)
    valkey.stop(place)
