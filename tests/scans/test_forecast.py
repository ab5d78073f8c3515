"""What a scan will cost is estimated from what its engines' answers were like, with a range that says how sure."""

from collections.abc import Callable
from decimal import Decimal
from statistics import mean
from typing import Any

import pytest
import redis
from django.conf import settings
from django.test import Client

from accounts.models import User
from orgs.models import Organization
from orgs.scoping import org_scope
from prompts.credentials import EngineChoice, available_engines, save_key
from prompts.gateway import lane_for
from prompts.key_limits import save_limits
from prompts.llm import catalog
from prompts.llm.lanes import keys
from prompts.models import Project, Prompt
from scans import forecast
from scans.forecast import Range, forecast_of, summed
from tests.cast import make_prompt
from tests.scans.made import ENGINE, make_answer, make_scan

OWN = "openai:gpt-5.4-mini/model"
CHEAP = "anthropic:claude-haiku-4-5/model"
ClientOf = Callable[[User], Client]


def choice(key: str, *, simulated: bool = True) -> EngineChoice:
    return EngineChoice(engine=catalog.get(key), available=True, simulated=simulated)


def answered(project: Project, prompt: Prompt, costs: list[str | None], *, engine: str = ENGINE) -> None:
    scan = make_scan(project, total=len(costs))
    for cost in costs:
        known = None if cost is None else Decimal(cost)
        make_answer(
            scan,
            prompt,
            engine=engine,
            simulated=True,
            cost=known,
            input_tokens=100,
            output_tokens=400,
            latency_ms=2000,
        )


def test_a_sum_ranges_by_its_answers_and_by_how_few_told_of_them() -> None:
    few, many = summed(100, 2.0, 0.25, n=10), summed(100, 2.0, 0.25, n=200)
    assert few.likely == many.likely == 200
    assert few.high - few.low > many.high - many.low > 0
    assert summed(100, 2.0, 0.0, n=10) == Range(low=200, likely=200, high=200)
    assert summed(1, 0.1, 4.0, n=10).low == 0


def test_own_answers_tell_more_than_the_catalogue(org: Organization, project: Project, prompt: Prompt) -> None:
    costs = ["0.02", "0.03", "0.025", "0.04", "0.02", "0.03", "0.03", "0.02", "0.05", "0.03", "0.02", "0.03"]
    answered(project, prompt, [*costs])
    with org_scope(org):
        found = forecast_of(project, [choice(ENGINE)], asked=100)
    known = [float(cost) for cost in costs]
    assert found.answers == 100
    assert found.n == 12
    assert found.cost is not None
    assert found.cost.likely == pytest.approx(100 * mean(known))
    assert found.cost.low < found.cost.likely < found.cost.high
    assert found.tokens.likely == pytest.approx(50_000)


def test_too_few_answers_tell_nothing(org: Organization, project: Project, prompt: Prompt) -> None:
    answered(project, prompt, ["9"] * (forecast.ENOUGH - 1))
    with org_scope(org):
        found = forecast_of(project, [choice(ENGINE)], asked=10)
    assert found.n == 0
    assert found.catalogued == 1
    assert found.cost is not None
    assert found.cost.likely < 5
    assert (found.cost.low, found.cost.high) == pytest.approx((found.cost.likely / 2, found.cost.likely * 2))


def test_simulated_answers_say_nothing_of_real_ones(org: Organization, project: Project, prompt: Prompt) -> None:
    answered(project, prompt, ["9"] * 12)
    with org_scope(org):
        assert forecast_of(project, [choice(ENGINE, simulated=False)], asked=10).n == 0


def test_an_engine_without_a_price_is_named(org: Organization, project: Project, prompt: Prompt) -> None:
    answered(project, prompt, [None] * 12)
    with org_scope(org):
        alone = forecast_of(project, [choice(ENGINE)], asked=10)
        beside = forecast_of(project, [choice(ENGINE), choice(CHEAP)], asked=10)
    assert alone.cost is None
    assert alone.unpriced == beside.unpriced == (ENGINE,)
    assert beside.cost is not None


def test_the_time_is_that_of_the_slowest_lane(org: Organization, project: Project, settings: object) -> None:
    settings.LLM_REQUESTS_PER_MINUTE = {**settings.LLM_REQUESTS_PER_MINUTE, "simulated": 60}  # type: ignore[attr-defined]
    settings.LLM_TOKENS_PER_MINUTE = {**settings.LLM_TOKENS_PER_MINUTE, "simulated": 0}  # type: ignore[attr-defined]
    with org_scope(org):
        one = forecast_of(project, [choice(CHEAP)], asked=600)
        two = forecast_of(project, [choice(CHEAP), choice(ENGINE)], asked=600)
    assert 600 <= one.seconds.low <= one.seconds.high < 700
    assert two.seconds.likely < 1.2 * one.seconds.likely


def test_the_time_follows_the_keys_own_limits_and_what_the_lane_has_learned(
    org: Organization, project: Project, owner: User
) -> None:
    def likely() -> float:
        with org_scope(org):
            (known,) = [one for one in available_engines(org.pk) if one.engine.key == OWN]
            return forecast_of(project, [known], asked=600).seconds.likely

    with org_scope(org):
        row = save_key(org, provider="openai", api_key="sk-of-the-organization-1234", actor=owner)
        of_the_installation = likely()
        own = {"requests_per_minute": 60, "tokens_per_minute": 100_000_000}
        save_limits(row, tier="", figures={**own}, actor=owner)
        at_its_limits = likely()
        key = lane_for(org.pk, OWN).key
    with redis.from_url(settings.REDIS_URL) as client:
        client.hset(keys(key)[0], mapping={"requests_told": 30})
        when_told_less = likely()
        seconds, _ = client.time()
        client.hset(keys(key)[0], mapping={"factor": 0.2, "factor_at": seconds * 1_000})
    assert of_the_installation < 120
    assert 600 <= at_its_limits < 700
    assert 1_200 <= when_told_less < 1_300
    assert when_told_less + 60 < likely() < when_told_less + 120


def test_the_time_without_redis_is_that_of_what_was_set(
    org: Organization, project: Project, settings: Any, owner: User
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with org_scope(org):
        row = save_key(org, provider="openai", api_key="sk-of-the-organization-1234", actor=owner)
        save_limits(row, tier="", figures={"requests_per_minute": 60, "tokens_per_minute": 100_000_000}, actor=owner)
        (known,) = [one for one in available_engines(org.pk) if one.engine.key == OWN]
        assert 600 <= forecast_of(project, [known], asked=600).seconds.likely < 700


def test_the_time_counts_how_few_calls_a_lane_and_an_organization_may_have_under_way(
    org: Organization, project: Project, settings: Any
) -> None:
    """An answer takes 8 s. A lane begins with 20 calls, and as many more in every round as were answered."""

    def likely(asked: int) -> float:
        with org_scope(org):
            return forecast_of(project, [choice(CHEAP)], asked=asked).seconds.likely

    assert [likely(asked) for asked in (1, 20, 60, 140)] == pytest.approx([8, 8, 16, 24], abs=0.5)
    settings.SCAN_ORG_CONCURRENCY = 10
    assert likely(100) == pytest.approx(8 * 10, abs=8)
    settings.SCAN_ORG_CONCURRENCY = 500
    settings.LLM_CONCURRENCY = {"simulated": 4}
    assert likely(100) == pytest.approx(8 * 25, abs=8)


def test_the_time_counts_the_days_that_a_days_budget_takes(org: Organization, project: Project, settings: Any) -> None:
    def days(asked: int) -> int:
        with org_scope(org):
            return round(forecast_of(project, [choice(CHEAP)], asked=asked).seconds.likely / 86_400)

    settings.LLM_REQUESTS_PER_DAY = {"simulated": 250}
    assert [days(asked) for asked in (250, 251, 500, 501, 1_000)] == [0, 1, 1, 2, 3]
    settings.LLM_REQUESTS_PER_DAY, settings.LLM_TOKENS_PER_DAY = {}, {"simulated": 110_000}
    assert [days(asked) for asked in (10, 150)] == [0, 1]


def test_the_page_and_the_api_say_it(
    org: Organization,
    project: Project,
    prompt: Prompt,
    member: User,
    viewer: User,
    client_of: ClientOf,
    settings: object,
) -> None:
    settings.SIMULATOR_URL = "http://127.0.0.1:1"  # type: ignore[attr-defined]
    answered(project, prompt, ["0.02", "0.04"] * 6)
    body = client_of(member).get("/o/acme/p/lumenboard/").content.decode()
    assert "Estimated from 12 recent answers" in body
    with org_scope(org):
        make_prompt(project, "Which board is the cheapest?")
    asked = {"project": project.pk, "samples": 5}
    told = client_of(member).post("/api/v1/o/acme/scans/estimate/", asked, content_type="application/json")
    assert told.status_code == 200
    assert (told.json()["answers"], told.json()["n"], told.json()["unpriced"]) == (10, 12, [])
    assert told.json()["cost"]["likely"] == pytest.approx(0.3)
    wrong = {**asked, "engines": ["openai:nothing/model"]}
    refused = client_of(member).post("/api/v1/o/acme/scans/estimate/", wrong, content_type="application/json")
    assert refused.status_code == 400
    other = client_of(viewer).post("/api/v1/o/acme/scans/estimate/", asked, content_type="application/json")
    assert other.status_code == 403
