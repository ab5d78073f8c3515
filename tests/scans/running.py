"""Starting scans and running them in this process, as the worker does in its own."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from celery import current_app
from django.db import connection
from kombu import pools

from billing import meter
from orgs.models import Event, Organization
from orgs.scoping import org_scope
from prompts import gateway
from prompts.models import LlmCall, Project
from scans import runner
from scans.database import Database
from scans.flights import Flights
from scans.launch import start_scan
from scans.models import Answer, Mention, Scan
from tests.cast import make_prompt

ENGINES = (
    "openai:gpt-5-mini/web_search",
    "anthropic:claude-haiku-4-5/web_search",
    "google:gemini-3.5-flash/web_search",
    "perplexity:sonar/web_search",
)


def add_prompts(project: Project, count: int, *, start: int = 0) -> None:
    with org_scope(project.org_id):
        for number in range(start, start + count):
            make_prompt(project, f"Which project management tool is best for team {number}?", country="US")


def started(project: Project, **options: Any) -> Scan:
    with org_scope(project.org_id):
        return start_scan(project, source="browser", **options)


def run(*, budget_seconds: float = 30.0, stop: Callable[[], bool] = lambda: False) -> bool:
    async def once() -> bool:
        try:
            return await runner.run(budget_seconds=budget_seconds, stop=stop)
        finally:
            await gateway.close()

    gateway.preload()  # as a worker does when it starts
    return asyncio.run(once())


def reread(scan: Scan) -> Scan:
    with org_scope(scan.org_id):
        return Scan.objects.for_org(scan.org_id).get(pk=scan.pk)


def answers_of(scan: Scan) -> list[Answer]:
    with org_scope(scan.org_id):
        return list(Answer.objects.for_org(scan.org_id).filter(scan=scan).order_by("turn"))


def statuses(scan: Scan) -> Counter[str]:
    return Counter(answer.status for answer in answers_of(scan))


def engines_of(answers: Sequence[Answer]) -> list[str]:
    return [answer.engine for answer in answers]


def calls(project: Project) -> list[LlmCall]:
    with org_scope(project.org_id):
        return list(LlmCall.objects.for_org(project.org_id).order_by("pk"))


def level(org: Organization) -> tuple[int, int]:
    with org_scope(org):
        now = meter.level(org.pk, meter.ANSWERS)
    return now.used, now.reserved


def events(scan: Scan, name: str) -> list[Event]:
    with org_scope(scan.org_id):
        return list(Event.objects.for_org(scan.org_id).filter(name=name, target_id=scan.pk).order_by("pk"))


def mentions_of(scan: Scan) -> list[Mention]:
    with org_scope(scan.org_id):
        return list(Mention.objects.for_org(scan.org_id).filter(answer__scan=scan).select_related("answer"))


def while_running(act: Callable[[], None], *, when: Callable[[], bool]) -> bool:
    """Run, and `act` in a thread of its own as soon as `when` holds."""

    def watch() -> None:
        try:
            while not when():
                time.sleep(0.02)
            act()
        finally:
            connection.close()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        return run()
    finally:
        watcher.join()


def run_beside(watch: Callable[[], None]) -> bool:
    """Run until `watch`, in a thread of its own, has ended; what it raises is raised."""
    ended, failures = threading.Event(), list[BaseException]()

    def watching() -> None:
        try:
            watch()
        except BaseException as error:  # noqa: BLE001  raised below
            failures.append(error)
        finally:
            ended.set()
            connection.close()

    watcher = threading.Thread(target=watching)
    watcher.start()
    try:
        left = run(budget_seconds=120, stop=ended.is_set)
    finally:
        watcher.join()
    if failures:
        raise failures[0]
    return left


def make_project(like: Project, slug: str) -> Project:
    with org_scope(like.org_id):
        return Project.objects.for_org(like.org_id).create(
            org_id=like.org_id, name=slug, slug=slug, engines=like.engines
        )


@asynccontextmanager
async def aloft() -> AsyncIterator[Flights]:
    """Flights that store what they bring; in the end what is under way still is cut off, as a runner does."""
    database = Database()
    flights = Flights(database)
    storing = asyncio.create_task(flights.store_outcomes())
    try:
        yield flights
    finally:
        storing.cancel()
        await database.aclose()
        await flights.abandon()
        await gateway.close()


def forget_connections() -> None:
    """The task queue is reached anew: a pool that was closed would otherwise be handed out again."""
    pools.reset()
    current_app._pool = None
    current_app.amqp._producer_pool = None
