"""The health panel: what waits, what pauses, who works; it answers whatever of that is down."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis as redis_client
from celery import current_app
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from config.operators import state, traces
from orgs.models import Event
from orgs.scoping import org_scope
from prompts.gateway import lane_for
from prompts.llm.simulator.server import Running
from prompts.models import Project
from prompts.traffic import lanes
from scans.models import Answer, Scan
from tests.scans.running import add_prompts, answers_of, started

HEALTH = "/operators/health/"
DOWN = "redis://127.0.0.1:1/0"


@pytest.fixture
def operators(client_of: Callable[[User], Client], operator: User) -> Client:
    return client_of(operator)


@pytest.fixture
def scan(project: Project, simulator: Running) -> Scan:
    add_prompts(project, 3)
    return started(project)


def lease(scan: Scan, *, ended: bool) -> Answer:
    first = answers_of(scan)[0]
    # Not minutes ago: leases that ended while the database was away rest for a while after its start.
    until = timezone.now() + (timedelta(seconds=-1) if ended else timedelta(minutes=5))
    with org_scope(scan.org_id):
        Answer.objects.for_org(scan.org_id).filter(pk=first.pk).update(
            status="claimed", lease_token="00000000-0000-0000-0000-000000000001", lease_until=until
        )
    return first


def told(client: Client) -> dict[str, Any]:
    return json.loads(client.get(HEALTH, headers={"accept": "application/json"}).content)


def test_it_tells_what_waits_in_every_lane(operators: Client, scan: Scan) -> None:
    lease(scan, ended=True)
    page = operators.get(HEALTH)
    assert page.status_code == 200
    assert "openai:gpt-5-mini" in page.content.decode()
    found = told(operators)
    assert (found["pending"], found["due"], found["claimed"], found["expired"]) == (2, 2, 1, 1)
    [lane] = [lane for lane in found["lanes"] if lane["load"]]
    assert lane["load"]["organizations"] == 1
    assert lane["gauge"]["breaker"] == "closed"


def test_an_open_breaker_and_a_spent_limit_show(operators: Client, scan: Scan) -> None:
    with org_scope(scan.org_id):
        lane = lane_for(scan.org_id, scan.engines[0])

    async def five_failures() -> None:
        from prompts.llm.breaker import Verdict
        from prompts.llm.lanes import End
        from prompts.llm.limiter import Spent

        failure = End(verdict=Verdict.FAILED, spent=Spent())
        await lanes().grant(lane.key, limits=lane.limits, want=30, horizon=1.0)
        await lanes().finish(lane.key, limits=lane.limits, ends=[failure] * 5)
        from prompts.gateway import close

        await close()

    asyncio.run(five_failures())
    [gauge] = [one["gauge"] for one in told(operators)["lanes"] if one["lane"] == lane.key]
    assert (gauge["breaker"], gauge["failures"]) == ("open", 5)
    assert gauge["until"] is not None
    assert 0 < gauge["requests"] <= 1
    assert ">open</span>" in operators.get(HEALTH).content.decode()


def test_htmx_gets_the_moving_part_alone(operators: Client, scan: Scan) -> None:
    part = operators.get(HEALTH, headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<div id="health"')
    assert "<html" not in part


def test_it_answers_while_redis_is_down_and_says_so(operators: Client, scan: Scan, settings: Any) -> None:
    settings.REDIS_URL = DOWN
    page = operators.get(HEALTH, {"workers": "1"})
    assert page.status_code == 200
    assert "Redis does not answer" in page.content.decode()
    assert "no worker can be asked" in page.content.decode()
    response = operators.get(HEALTH, headers={"accept": "application/json"})
    assert response.status_code == 503
    body = json.loads(response.content)
    assert (body["redis"], body["failed_tasks"], body["pending"]) == (None, None, 3)


def test_it_says_when_no_worker_answers(operators: Client, settings: Any) -> None:
    url = current_app.conf.broker_url
    current_app.conf.broker_url = django_settings.REDIS_URL
    try:
        assert "No worker answered" in operators.get(f"{HEALTH}workers/").content.decode()
    finally:
        current_app.conf.broker_url = url
    assert "Ask the workers" in operators.get(HEALTH).content.decode()


def test_a_failed_task_is_told_without_its_secrets(operators: Client) -> None:
    secret = "sk-proj-0123456789abcdefghijklmnop"
    for number in range(traces.KEPT + 3):
        error = ValueError(f"refused {secret} at redis://user:hunter2@db.example/1 #{number}\nargs=[{secret}]")
        traces.task_failed(sender=current_app.tasks["scans.tasks.sweep"], task_id=f"id-{number}", exception=error)
    found = traces.failed_tasks()
    assert len(found) == traces.KEPT
    assert (found[0].id, found[0].name, found[0].error) == ("id-102", "scans.tasks.sweep", "ValueError")
    page = operators.get(HEALTH).content.decode()
    assert "scans.tasks.sweep" in page
    assert "#102" in page
    assert secret not in page
    assert "hunter2" not in page


def test_a_task_that_fails_in_a_worker_is_recorded(db: None) -> None:
    @current_app.task(name="tests.broken", ignore_result=True)
    def broken() -> None:
        raise LookupError("nothing there")

    try:
        broken.apply()
    finally:
        current_app.tasks.pop("tests.broken")
    assert [(one.name, one.message) for one in traces.failed_tasks()] == [("tests.broken", "nothing there")]


def test_what_beat_sends_is_seen(operators: Client) -> None:
    assert told(operators)["beat"] is None
    traces.beat_sent()
    assert told(operators)["beat"] is not None
    assert not state.read_state().beat_late


def test_unapplied_migrations_are_named(db: None) -> None:
    assert state.unapplied_migrations() == []
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'orgs' AND name = '0001_initial'")
    assert state.unapplied_migrations() == ["orgs.0001_initial"]


def test_expired_leases_are_returned_on_demand(operators: Client, scan: Scan) -> None:
    lease(scan, ended=True)
    response = operators.post(f"{HEALTH}requeue/", follow=True)
    assert "1 answer was returned." in response.content.decode()
    assert told(operators)["expired"] == 0
    assert operators.get(f"{HEALTH}requeue/").status_code == 405


def test_a_lease_that_ended_while_the_database_was_away_rests(operators: Client, scan: Scan, settings: Any) -> None:
    """Who holds it could not renew it: it is neither late nor returned, and the operator is told so."""
    settings.SCAN_LEASE_SECONDS = 10**9
    held = lease(scan, ended=True)
    with org_scope(scan.org_id):
        Answer.objects.for_org(scan.org_id).filter(pk=held.pk).update(lease_until=datetime(2020, 1, 1, tzinfo=UTC))
    assert told(operators)["expired"] == 0
    assert "0 answers were returned." in operators.post(f"{HEALTH}requeue/", follow=True).content.decode()
    assert [one.status for one in answers_of(scan)].count("claimed") == 1


def test_requeueing_needs_a_permission(client_of: Callable[[User], Client], scan: Scan) -> None:
    staff = User.objects.create_user("staff@prompter.example", "correct horse battery staple", is_staff=True)
    lease(scan, ended=True)
    client = client_of(staff)
    assert client.post(f"{HEALTH}requeue/").status_code == 403
    assert "Return expired leases" not in client.get(HEALTH).content.decode()
    assert told(client)["expired"] == 1


@pytest.mark.parametrize("path", [HEALTH, f"{HEALTH}workers/", f"{HEALTH}requeue/"])
def test_the_panel_is_for_operators_only(client_of: Callable[[User | None], Client], owner: User, path: str) -> None:
    for who in (None, owner):
        response = client_of(who).get(path)
        assert (response.status_code, response["Location"].split("?")[0]) == (302, "/operators/login/")


def test_reading_the_state_writes_nothing_to_redis(scan: Scan, redis: redis_client.Redis) -> None:
    before = sorted(redis.keys())
    state.read_state()
    assert sorted(redis.keys()) == before


def test_the_panel_asks_the_database_little(
    operators: Client, scan: Scan, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    operators.get(HEALTH)
    with django_assert_max_num_queries(15):
        operators.get(HEALTH)
    with org_scope(scan.org_id):
        assert Event.objects.for_org(scan.org_id).filter(name="scan.requeued").count() == 0
