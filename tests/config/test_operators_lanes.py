"""The operators' page of limits: what counts, why, what is used; and resetting a lane."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts.models import User
from orgs.scoping import org_scope
from prompts import gateway
from prompts.gateway import Lane, lane_for
from prompts.llm.breaker import Verdict
from prompts.llm.lanes import End
from prompts.llm.limiter import Spent
from prompts.llm.simulator.server import Running
from prompts.llm.types import RateLimits
from prompts.models import Project
from prompts.traffic import lanes
from tests.scans.running import add_prompts, started

LANES = "/operators/lanes/"


@pytest.fixture
def operators(client_of: Callable[[User], Client], operator: User) -> Client:
    return client_of(operator)


@pytest.fixture
def lane(project: Project, simulator: Running) -> Lane:
    add_prompts(project, 1)
    scan = started(project)
    with org_scope(scan.org_id):
        return lane_for(scan.org_id, scan.engines[0])


def do(act: Callable[[], Awaitable[Any]]) -> None:
    async def once() -> None:
        await act()
        await gateway.close()

    asyncio.run(once())


def learn(lane: Lane) -> None:
    async def act() -> None:
        await gateway.grant(lane, want=3)
        told = Spent(refused=True, retry_after=120.0, told=RateLimits(requests_limit=77))
        failure = End(verdict=Verdict.FAILED, spent=Spent())
        ends = [End(verdict=Verdict.ANSWERED, spent=told), *[failure] * 5]
        await lanes().finish(lane.key, limits=lane.limits, ends=ends)

    do(act)


def reset_page(lane: Lane) -> str:
    return f"{LANES}reset/?lane={lane.key.replace('|', '%7C')}"


def row(client: Client, lane: Lane) -> str:
    page = " ".join(client.get(LANES).content.decode().split())
    start = page.index(lane.key.partition("|")[2])
    return page[start : page.index("</tr>", start)]


def test_it_tells_what_counts_and_why(operators: Client, lane: Lane) -> None:
    learn(lane)
    shown = row(operators, lane)
    assert "77 of 6,000" in shown
    assert "the provider tells a lower limit" in shown
    assert "settings for simulated providers" in shown
    assert ">open</span>" in shown
    assert "no budget" in shown


def test_it_tells_what_is_in_flight_and_left_of_the_day(operators: Client, lane: Lane, settings: Any) -> None:
    settings.LLM_REQUESTS_PER_DAY, settings.LLM_CONCURRENCY = {"simulated": 50}, {"simulated": 7}

    async def act() -> None:
        await gateway.grant(lane, want=3)

    do(act)
    shown = row(operators, lane)
    assert "3 of 7" in shown
    assert "47 of 50 requests" in shown


def test_a_lane_that_is_reset_sends_at_once_and_the_act_is_on_record(
    operators: Client, operator: User, lane: Lane
) -> None:
    learn(lane)
    assert "Reset this lane?" in operators.get(reset_page(lane)).content.decode()
    done = operators.post(reset_page(lane), follow=True)
    assert "begins anew with its full limits" in done.content.decode()
    shown = row(operators, lane)
    assert "closed" in shown
    assert "77" not in shown
    entry = LogEntry.objects.get(object_id=lane.key)
    assert (entry.user_id, "77 of 6000" in entry.change_message) == (operator.pk, True)
    granted: list[gateway.Grant] = []

    async def act() -> None:
        granted.append(await gateway.grant(lane, want=1))

    do(act)
    assert len(granted[0].slots) == 1
    assert operators.get("/operators/").status_code == 200
    assert operators.get("/operators/admin/logentry/").status_code == 200


def test_what_is_no_lane_cannot_be_reset(operators: Client) -> None:
    assert operators.get(f"{LANES}reset/?lane=nothing").status_code == 404


def test_resetting_needs_a_permission(client_of: Callable[[User], Client], lane: Lane) -> None:
    staff = User.objects.create_user("staff@prompter.example", "correct horse battery staple", is_staff=True)
    client = client_of(staff)
    assert client.post(reset_page(lane)).status_code == 403
    assert "lanes/reset/" not in client.get(LANES).content.decode()


def test_without_redis_the_page_says_so(operators: Client, lane: Lane, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert "Redis cannot be reached" in operators.get(LANES).content.decode()
    assert "nothing was reset" in operators.post(reset_page(lane), follow=True).content.decode()


def test_htmx_gets_the_moving_part_alone(operators: Client, lane: Lane) -> None:
    part = operators.get(LANES, headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<div id="lanes"')
    assert "<html" not in part


@pytest.mark.parametrize("path", [LANES, f"{LANES}reset/"])
def test_the_page_is_for_operators_only(client_of: Callable[[User | None], Client], owner: User, path: str) -> None:
    for who in (None, owner):
        response = client_of(who).get(path)
        assert (response.status_code, response["Location"].split("?")[0]) == (302, "/operators/login/")
