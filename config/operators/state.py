"""The state of the installation as the health panel tells it. Everything is read, nothing is written."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.metadata import version
from typing import Any, TypeVar

from celery import current_app
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from kombu.exceptions import OperationalError

from config.operators import traces
from config.operators.traces import FailedTask
from prompts.llm.gauges import LaneGauge
from prompts.traffic import UNREACHABLE, lane_gauges
from scans.load import LaneLoad, lane_loads

QUEUES = ("default", "scans")
WORKERS_ANSWER_WITHIN = 1.0  # seconds
BEAT_LATE = timedelta(seconds=60)
QUEUE_OLD = 300.0  # seconds that an answer may be due before the panel calls it late

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """`load` is missing where nothing waits, `gauge` where Redis has nothing to say."""

    key: str
    load: LaneLoad | None
    gauge: LaneGauge | None

    @property
    def credential(self) -> str:
        return self.key.partition("|")[0]

    @property
    def model(self) -> str:
        return self.key.partition("|")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    version: str
    connections: int
    most_connections: int
    megabytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Redis:
    """`queues` are waiting messages by queue; `unacknowledged` those that a worker holds."""

    version: str
    megabytes: float
    evicts: bool
    queues: dict[str, int]
    unacknowledged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    name: str
    processes: int
    done: int
    uptime: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What could not be asked is None."""

    at: datetime
    lanes: list[Lane]
    postgres: Postgres | None
    redis: Redis | None
    beat: datetime | None
    failed: list[FailedTask] | None
    unapplied: list[str]
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def pending(self) -> int:
        return sum(lane.load.pending for lane in self.lanes if lane.load)

    @property
    def due(self) -> int:
        return sum(lane.load.due for lane in self.lanes if lane.load)

    @property
    def claimed(self) -> int:
        return sum(lane.load.claimed for lane in self.lanes if lane.load)

    @property
    def expired(self) -> int:
        return sum(lane.load.expired for lane in self.lanes if lane.load)

    @property
    def oldest(self) -> float | None:
        return max(
            (lane.load.oldest for lane in self.lanes if lane.load and lane.load.oldest is not None), default=None
        )

    @property
    def late(self) -> bool:
        return (self.oldest or 0.0) > QUEUE_OLD

    @property
    def paused(self) -> int:
        return sum(lane.gauge.until is not None for lane in self.lanes if lane.gauge)

    @property
    def beat_late(self) -> bool:
        return self.beat is None or self.at - self.beat > BEAT_LATE

    @property
    def well(self) -> bool:
        services = self.redis is not None and self.postgres is not None and not self.unapplied
        return services and not self.beat_late and not self.late and not self.expired


def read_state() -> State:
    return State(
        at=timezone.now(),
        lanes=read_lanes(),
        postgres=_or_none(_postgres, DatabaseError),
        redis=_or_none(_redis, *UNREACHABLE),
        beat=_or_none(traces.beat_seen, *UNREACHABLE),
        failed=_or_none(traces.failed_tasks, *UNREACHABLE),
        unapplied=unapplied_migrations(),
        versions=versions(),
    )


def read_workers() -> list[Worker] | None:
    """Asks every worker and waits a second for their answers; None while the queue cannot be reached."""
    try:
        traces.client().ping()
        answers = current_app.control.inspect(timeout=WORKERS_ANSWER_WITHIN).stats() or {}
    except (*UNREACHABLE, OperationalError):
        return None
    return [_worker(name, stats) for name, stats in sorted(answers.items())]


def unapplied_migrations() -> list[str]:
    applied = MigrationRecorder(connection).applied_migrations()
    return [f"{app}.{name}" for app, name in _migrations_on_disk() if (app, name) not in applied]


def versions() -> dict[str, str]:
    libraries = ("Django", "celery", "redis", "psycopg")
    return {"Python": platform.python_version(), **{name: version(name) for name in libraries}}


def read_lanes() -> list[Lane]:
    """Those with answers to ask, the busiest first, then those that sent something within the last hour."""
    loads = {load.lane: load for load in lane_loads()}
    gauges = lane_gauges(loads) or {}
    return [
        Lane(key=key, load=loads.get(key), gauge=gauges.get(key))
        for key in [*loads, *sorted(gauges.keys() - loads.keys())]
    ]


def _postgres() -> Postgres:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version'), numbackends, current_setting('max_connections')::int,"
            " pg_database_size(datname) / 1048576 FROM pg_stat_database WHERE datname = current_database()"
        )
        number, connections, most, megabytes = cursor.fetchone()
    return Postgres(version=number.split()[0], connections=connections, most_connections=most, megabytes=int(megabytes))


def _redis() -> Redis:
    with traces.client().pipeline(transaction=False) as pipe:
        pipe.info()
        for queue in QUEUES:
            pipe.llen(queue)
        pipe.hlen("unacked")
        info, *lengths, unacknowledged = pipe.execute()
    return Redis(
        version=info.get("valkey_version") or info["redis_version"],
        megabytes=round(info["used_memory"] / 1_048_576, 1),
        evicts=info.get("maxmemory_policy", "noeviction") != "noeviction",
        queues=dict(zip(QUEUES, lengths, strict=True)),
        unacknowledged=unacknowledged,
    )


def _worker(name: str, stats: Any) -> Worker:
    return Worker(
        name=name,
        processes=len(stats.get("pool", {}).get("processes", [])) or 1,
        done=sum(stats.get("total", {}).values()),
        uptime=timedelta(seconds=stats.get("uptime", 0)),
    )


@lru_cache(maxsize=1)
def _migrations_on_disk() -> list[tuple[str, str]]:
    """They do not change while a process lives."""
    return sorted(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)


def _or_none(read: Callable[[], T], *unreachable: type[Exception]) -> T | None:
    try:
        return read()
    except unreachable:
        return None
