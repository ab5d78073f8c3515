"""Why an engine of a running scan waits."""

import time
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Any
from uuid import uuid4

import pytest
import redis as redis_client
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from orgs.scoping import org_scope
from prompts.llm import catalog
from prompts.llm.lanes import keys
from prompts.llm.simulator.server import Running
from prompts.models import Project
from scans.launch import cancel_scan
from scans.models import Answer, Scan
from scans.pauses import Pause, pauses_of
from tests.scans.economy import GPT, economy_scan, let_answers_be_due
from tests.scans.running import ENGINES, add_prompts, answers_of, run, started, statuses
from tests.screens import ClientOf

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scan(project: Project, simulator: Running) -> Scan:
    add_prompts(project, 6)
    return started(project, engines=ENGINES[:2])


def pauses(scan: Scan) -> dict[str, Pause]:
    with org_scope(scan.org_id):
        return pauses_of(scan)


def run_until(scan: Scan, happened: Callable[[dict[str, Pause]], bool]) -> None:
    """And until everything is done that does not wait. Looks between runs, when nothing is under way: what calls hold
    comes back when they end."""
    for _ in range(20):
        run(budget_seconds=1.5)
        waiting = pauses(scan)
        open_engines = {answer.engine for answer in answers_of(scan) if answer.status in Answer.OPEN}
        if happened(waiting) and open_engines <= waiting.keys():
            return
    pytest.fail(f"it never came to that: {pauses(scan)}, {statuses(scan)}")


def spent(waiting: dict[str, Pause]) -> bool:
    return {engine: pause.kind for engine, pause in waiting.items()} == dict.fromkeys(ENGINES[:2], "day_spent")


def test_nothing_is_paused_at_the_start(scan: Scan) -> None:
    assert pauses(scan) == {}


def test_a_provider_that_keeps_failing_is_paused(scan: Scan, simulator: Running) -> None:
    simulator.fault("500", match={"provider": "openai"})
    run_until(scan, lambda waiting: ENGINES[0] in waiting and waiting[ENGINES[0]].kind == "breaker_open")
    found = pauses(scan)
    assert set(found) == {ENGINES[0]}
    assert found[ENGINES[0]].kind == "breaker_open"
    assert (found[ENGINES[0]].until or timezone.now()) > timezone.now()


def test_a_provider_that_asks_us_to_wait_is_paused(scan: Scan, simulator: Running) -> None:
    simulator.fault("429", match={"provider": "anthropic"}, retry_after=30)
    run_until(scan, lambda waiting: ENGINES[1] in waiting)
    pause = pauses(scan)[ENGINES[1]]
    assert pause.kind in ("rate_limited", "breaker_open")
    assert (pause.until or timezone.now()) > timezone.now()


def test_answers_that_wait_for_their_next_call_say_what_the_last_one_met(scan: Scan) -> None:
    later = timezone.now() + timedelta(minutes=1)
    with org_scope(scan.org_id):
        waiting = Answer.objects.for_org(scan.org_id).filter(engine=ENGINES[0])
        waiting.update(due_at=later, error_kind="timeout", error="No answer.")
    assert pauses(scan) == {ENGINES[0]: Pause(kind="timeout", reason=pauses(scan)[ENGINES[0]].reason, until=later)}


def test_without_redis_everything_waits_and_says_so(scan: Scan, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    found = pauses(scan)
    assert {engine: (pause.kind, pause.until) for engine, pause in found.items()} == dict.fromkeys(
        ENGINES[:2], ("redis_down", None)
    )


def test_redis_that_is_away_is_told_at_once_whatever_is_under_way(scan: Scan, settings: Any) -> None:
    take_one(scan)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert {engine: pause.kind for engine, pause in pauses(scan).items()} == dict.fromkeys(ENGINES[:2], "redis_down")


def test_an_open_breaker_is_told_while_calls_from_before_are_under_way(scan: Scan, simulator: Running) -> None:
    simulator.fault("500", match={"provider": "openai"})
    run_until(scan, lambda waiting: ENGINES[0] in waiting and waiting[ENGINES[0]].kind == "breaker_open")
    take_one(scan)
    assert pauses(scan)[ENGINES[0]].kind == "breaker_open"
    take_all(scan)
    assert ENGINES[0] not in pauses(scan)  # nothing waits for it


def test_a_spent_day_is_told_while_its_last_calls_are_under_way(scan: Scan, settings: Any) -> None:
    settings.LLM_REQUESTS_PER_DAY = {"simulated": 2}
    run_until(scan, spent)
    take_one(scan)
    assert {pause.kind for pause in pauses(scan).values()} == {"day_spent"}


def test_a_day_whose_tokens_do_not_reach_for_one_more_call_is_told(scan: Scan, settings: Any) -> None:
    """What is left of a day's tokens is hardly ever nothing."""
    needed = max(catalog.get(engine).reserved_tokens for engine in ENGINES[:2])
    settings.LLM_TOKENS_PER_DAY = {"simulated": needed + needed // 3}
    run_until(scan, spent)
    assert statuses(scan)["pending"]
    found = pauses(scan)
    assert {engine: pause.kind for engine, pause in found.items()} == dict.fromkeys(ENGINES[:2], "day_spent")
    midnight = (timezone.now() + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert {pause.until for pause in found.values()} == {midnight}


def test_a_lane_that_is_shut_holds_back_nothing_that_is_in_a_batch(
    project: Project, simulator: Running, redis: redis_client.Redis
) -> None:
    add_prompts(project, 2)
    scan = economy_scan(project, GPT)
    _, breaker, *_ = keys(answers_of(scan)[0].lane)
    redis.hset(breaker, mapping={"failures": 5, "open_until": (time.time() + 60) * 1_000})
    assert pauses(scan) == {}
    let_answers_be_due(scan)
    assert {pause.kind for pause in pauses(scan).values()} == {"breaker_open"}


def test_a_lane_at_its_limit_with_calls_under_way_is_no_pause(scan: Scan, simulator: Running) -> None:
    simulator.fault("429", match={"provider": "anthropic"}, retry_after=30, times=1)
    run_until(scan, lambda waiting: ENGINES[1] in waiting)
    assert pauses(scan)[ENGINES[1]].kind == "rate_limited"
    take_one(scan)
    assert pauses(scan) == {}


def take_one(scan: Scan) -> None:
    """Of each engine one answer is under way."""
    for engine in ENGINES[:2]:
        _take(scan, Answer.objects.for_org(scan.org_id).filter(engine=engine, status="pending")[:1])


def take_all(scan: Scan) -> None:
    _take(scan, Answer.objects.for_org(scan.org_id).filter(status="pending"))


def _take(scan: Scan, chosen: QuerySet[Answer]) -> None:
    lease = {"lease_token": uuid4(), "lease_until": timezone.now() + timedelta(minutes=5)}
    with org_scope(scan.org_id):
        some = list(chosen.values_list("pk", flat=True))
        Answer.objects.for_org(scan.org_id).filter(pk__in=some).update(status="claimed", **lease)


def test_the_page_says_which_engine_waits_why_and_until_when(scan: Scan, client_of: ClientOf, member: User) -> None:
    later = timezone.now() + timedelta(minutes=7)
    with org_scope(scan.org_id):
        waiting = Answer.objects.for_org(scan.org_id).filter(engine=ENGINES[1])
        waiting.update(due_at=later, error_kind="timeout", error="No answer.")
    page = client_of(member).get(reverse("scan", args=["acme", "lumenboard", scan.pk])).content.decode()
    said = page[page.index("What waits, and why") :]
    assert "The last calls failed and will be made again" in said
    assert f"until {later.astimezone(UTC):%H:%M}" in " ".join(said.split())
    assert page.count("will be made again") == 1


def test_an_ended_scan_waits_for_nothing(scan: Scan) -> None:
    with org_scope(scan.org_id):
        Answer.objects.for_org(scan.org_id).update(due_at=timezone.now() + timedelta(minutes=1), error_kind="timeout")
        cancel_scan(scan, actor=None)
    assert pauses(scan) == {}
