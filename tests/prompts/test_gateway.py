import asyncio
import logging
from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync
from django.db import OperationalError, transaction

from billing import meter
from orgs.scoping import org_scope
from prompts import budgets, gateway, traffic
from prompts.gateway import EmbedCall, EngineUnavailable
from prompts.llm import catalog
from prompts.llm.errors import ErrorKind, LlmError
from prompts.llm.lanes import keys
from prompts.llm.types import Provider
from prompts.models import LlmCall
from tests.prompts.asking import (
    GEMINI,
    HASTY,
    OPENAI,
    QUESTION,
    call_of,
    in_thread,
    lane_of,
    ledger,
    lost_ledger,
    outcomes,
    paused,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("closed_gateway")]


async def test_an_answer_is_priced_and_written_to_the_ledger(org, lane):
    answered = await gateway.ask(call_of(org, lane, reference="answer:17"))

    assert answered.reply.text
    assert answered.reply.citations
    (row,) = await ledger(org)
    assert (row.purpose, row.engine, row.reference, row.attempt) == ("test", OPENAI, "answer:17", 1)
    assert (row.outcome, row.provider, row.credential) == ("ok", "openai", "sim-openai")
    assert row.simulated
    assert row.input_tokens == answered.reply.usage.input_tokens > 0
    assert row.output_tokens == answered.reply.usage.output_tokens > 0
    assert row.cost == answered.cost > 0
    assert row.latency_ms == answered.latency_ms
    assert row.request_id == answered.reply.request_id


@pytest.mark.parametrize(
    "engine", [OPENAI, GEMINI, "anthropic:claude-haiku-4-5/web_search", "perplexity:sonar-pro/web_search"]
)
async def test_every_provider_answers_through_it(org, simulator, engine):
    lane = await in_thread(lane_of, org, engine)
    answered = await gateway.ask(call_of(org, lane))
    assert answered.reply.text
    assert [row.outcome for row in await ledger(org)] == ["ok"]


async def test_somebody_who_waits_has_transient_errors_retried(org, lane, simulator):
    simulator.fault("500", times=2)
    answered = await gateway.ask(call_of(org, lane))

    assert answered.reply.text
    assert await outcomes(org) == [(1, "server"), (2, "server"), (3, "ok")]


async def test_it_gives_up_after_three_retries(org, lane, simulator):
    simulator.fault("503")
    with pytest.raises(LlmError) as caught:
        await gateway.ask(call_of(org, lane))

    assert caught.value.kind is ErrorKind.OVERLOADED
    assert len(await ledger(org)) == 4


@pytest.mark.parametrize(("fault", "kind"), [("400", "bad_request"), ("401", "auth"), ("404", "not_found")])
async def test_permanent_errors_are_not_retried(org, lane, simulator, fault, kind):
    simulator.fault(fault)
    with pytest.raises(LlmError) as caught:
        await gateway.ask(call_of(org, lane))

    assert caught.value.kind.value == kind
    assert await outcomes(org) == [(1, kind)]


async def test_who_holds_a_slot_gets_exactly_one_attempt(org, lane, simulator):
    simulator.fault("500", times=1)
    with pytest.raises(LlmError):
        await gateway.ask(call_of(org, lane, attempt=2), granted=True)

    assert await outcomes(org) == [(2, "server")]


async def test_a_refusal_is_waited_out_and_asked_again(org, lane, simulator):
    simulator.fault("429", times=1, retry_after=0.3)
    answered = await gateway.ask(call_of(org, lane))

    assert answered.reply.text
    assert await outcomes(org) == [(1, "rate_limited"), (2, "ok")]


async def test_a_refusal_for_longer_than_anybody_waits_is_given_back_at_once(org, lane, simulator):
    simulator.fault("429", retry_after=45)
    with pytest.raises(LlmError) as caught:
        await gateway.ask(call_of(org, lane))

    assert caught.value.kind is ErrorKind.RATE_LIMITED
    assert await outcomes(org) == [(1, "rate_limited")]
    got = await gateway.grant(lane, want=1)
    assert got.slots == ()
    assert got.reason == "limited"
    assert 35 < got.retry_in <= 40
    assert (await paused(lane)).until is not None


async def test_a_call_that_takes_longer_than_a_ticket_holds_counts_until_it_ends(
    org, lane, simulator, redis, monkeypatch
):
    monkeypatch.setattr("prompts.slots.RENEW", 0.05)
    simulator.options(latency=1.5)
    asking = asyncio.create_task(gateway.ask(call_of(org, lane)))
    seen = set()
    while not asking.done():
        seen |= {until for _, until in redis.zrange(keys(lane.key)[2], 0, -1, withscores=True)}
        await asyncio.sleep(0.02)
    await asking
    assert len(seen) > 3  # moments at which it would have counted as lost
    assert redis.zcard(keys(lane.key)[2]) == 0


async def test_five_failures_pause_the_lane_for_everybody(org, lane, simulator):
    simulator.fault("500")
    for _ in range(5):
        with pytest.raises(LlmError):
            await gateway.ask(call_of(org, lane), granted=True)

    got = await gateway.grant(lane, want=3)
    assert (got.slots, got.reason) == ((), "breaker_open")
    state = await paused(lane)
    assert state.shut
    with pytest.raises(LlmError) as caught:
        await gateway.ask(call_of(org, lane))
    assert caught.value.kind is ErrorKind.BREAKER_OPEN
    assert "Try again in 60 s" in caught.value.message
    assert len(await ledger(org)) == 5  # nothing was sent


async def test_a_lane_has_the_simulated_limits_when_it_is_simulated(lane, settings):
    settings.LLM_REQUESTS_PER_MINUTE = {"simulated": 20, "openai": 5_000}
    got = await gateway.grant(lane, want=50, horizon=0.0)
    assert len(got.slots) == 1
    assert got.reason == ""


async def test_slots_given_back_can_be_granted_again(lane, settings):
    settings.LLM_REQUESTS_PER_MINUTE = {"simulated": 20}
    got = await gateway.grant(lane, want=1, horizon=0.0)
    assert (await gateway.grant(lane, want=1, horizon=0.0)).reason == "limited"
    await gateway.give_back(lane, got.tickets)
    assert len((await gateway.grant(lane, want=1, horizon=0.0)).slots) == 1


async def test_a_full_lane_tells_who_waits_how_long(org, lane, settings):
    settings.LLM_REQUESTS_PER_MINUTE = {"simulated": 2}
    await gateway.grant(lane, want=1)
    with pytest.raises(LlmError) as caught:
        await gateway.ask(call_of(org, lane))

    assert caught.value.kind is ErrorKind.RATE_LIMITED
    assert 20 < caught.value.retry_after < 31
    assert await ledger(org) == []


async def test_a_learned_limit_slows_the_lane(org, lane, simulator):
    simulator.options(limits={"openai": {"requests": 60}})
    await gateway.ask(call_of(org, lane))
    assert len((await gateway.grant(lane, want=500, horizon=0.0)).slots) <= 3


async def test_without_redis_nothing_is_sent(org, lane, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    got = await gateway.grant(lane, want=5)
    assert (got.slots, got.reason) == ((), "redis_down")
    assert got.retry_in > 0
    await gateway.give_back(lane, ["one"])
    await gateway.give_up(lane, ["one"])
    await gateway.keep_slots()
    assert await in_thread(gateway.lane_states, [lane.key]) is None
    with pytest.raises(LlmError, match="Redis") as caught:
        await gateway.ask(call_of(org, lane))
    assert caught.value.retryable
    assert await ledger(org) == []


async def test_while_nobody_can_tell_what_the_day_has_cost_nothing_is_sent(org, lane, settings):
    settings.LLM_REQUESTS_PER_DAY = {"simulated": 10}
    with lost_ledger(OperationalError) as lost:
        lost.away = True
        got = await gateway.grant(lane, want=5)
        assert (got.slots, got.reason) == ((), "database_down")
        assert got.retry_in > 0
        with pytest.raises(LlmError, match="the database cannot be reached") as caught:
            await gateway.ask(call_of(org, lane))
        assert caught.value.retryable
        lost.away = False
        assert (await gateway.ask(call_of(org, lane))).reply.text
    assert await outcomes(org) == [(1, "ok")]


async def test_connections_that_redis_closed_are_replaced(lane, redis):
    assert (await gateway.grant(lane, want=1)).slots
    own, ours = redis.client_id(), redis.client_info()["db"]
    others = [int(one["id"]) for one in redis.client_list(_type="normal") if int(one["db"]) == ours]
    assert [redis.client_kill_filter(_id=str(one)) for one in others if one != own]
    assert (await gateway.grant(lane, want=1)).slots


async def test_an_answer_survives_that_redis_goes_away_meanwhile(org, lane, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answered = await gateway.ask(call_of(org, lane), granted=True)
    assert answered.reply.text
    assert await outcomes(org) == [(1, "ok")]


async def test_a_reply_survives_a_ledger_that_cannot_be_written(org, lane, caplog):
    answered = await gateway.ask(call_of(org, lane, project_id=987_654), granted=True)
    assert answered.reply.text
    assert "the ledger lost a call" in caplog.text
    assert QUESTION not in caplog.text


async def test_one_line_is_logged_without_prompt_answer_or_key(org, lane, caplog):
    with caplog.at_level(logging.INFO, logger="prompter.llm"):
        answered = await gateway.ask(call_of(org, lane))

    (line,) = [record.getMessage() for record in caplog.records if record.name == "prompter.llm"]
    assert f"engine={OPENAI}" in line
    assert "outcome=ok" in line
    assert QUESTION not in caplog.text
    assert answered.reply.text not in caplog.text
    assert lane.credential.api_key not in line.replace("sim-openai", "")


async def test_a_cancelled_call_is_accounted(org, lane, simulator):
    simulator.options(latency=30.0)
    task = asyncio.create_task(gateway.ask(call_of(org, lane), granted=True))
    while not simulator.lane("openai")["in_flight_max"]:  # noqa: ASYNC110  the simulator has no event to wait for
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gateway.close()

    assert await outcomes(org) == [(1, "cancelled")]


async def test_many_at_once_are_all_accounted(org, lane):
    answers = await asyncio.gather(*(gateway.ask(call_of(org, lane), granted=True) for _ in range(40)))
    assert len(answers) == 40
    assert await outcomes(org) == [(1, "ok")] * 40


async def test_texts_become_vectors_and_a_ledger_row(org, simulator):
    lane = await in_thread(lane_of, org, GEMINI)
    embedder = gateway.Lane(
        credential=lane.credential,
        engine=catalog.Engine(
            provider=Provider.GOOGLE, model="gemini-embedding-001", surface=lane.engine.surface, label="", embeds=True
        ),
    )
    call = EmbedCall(org_id=org.pk, lane=embedder, purpose="index", texts=("one", "two"), patience=HASTY)
    embedded = await gateway.embed(call)
    assert len(embedded.embedding.vectors) == 2
    assert await outcomes(org) == [(1, "ok")]


@pytest.mark.parametrize("granted", [True, False])
def test_it_refuses_to_run_inside_a_scope(org, lane, simulator, granted):
    call = call_of(org, lane)
    with org_scope(org):
        with pytest.raises(RuntimeError, match="scope"):
            async_to_sync(gateway.ask)(call, granted=granted)
        with pytest.raises(RuntimeError, match="scope"):
            asyncio.run(gateway.ask(call, granted=granted))
    assert simulator.lane("openai")["requests"] == 0


def test_it_refuses_to_run_inside_any_transaction_that_waits_for_it(org, lane, simulator):
    with transaction.atomic(), pytest.raises(RuntimeError, match="transaction"):
        async_to_sync(gateway.ask)(call_of(org, lane))
    assert simulator.lane("openai")["requests"] == 0


def test_it_works_from_synchronous_code_without_a_loop(org, lane):
    async def once():
        try:
            return await gateway.ask(call_of(org, lane))
        finally:
            await gateway.close()

    assert asyncio.run(once()).reply.text
    assert asyncio.run(once()).reply.text
    with org_scope(org):
        assert LlmCall.objects.for_org(org).count() == 2


async def test_a_metered_call_uses_one(org, lane, settings, simulator):
    settings.MONTHLY_ANSWERS = 1
    call = call_of(org, lane, metric=meter.ANSWERS)
    simulator.fault("400", times=1)
    with pytest.raises(LlmError):
        await gateway.ask(call)
    await gateway.ask(call)
    with pytest.raises(LlmError, match="allowance") as caught:
        await gateway.ask(call)

    assert caught.value.kind is ErrorKind.QUOTA
    assert await outcomes(org) == [(1, "bad_request"), (1, "ok")]


async def test_nothing_is_asked_once_a_budget_of_money_is_used_up(org, paid):
    lane = await in_thread(lane_of, org, OPENAI)

    def limited(money):
        with org_scope(org):
            budgets.save_budget(org, project=None, money=money, answers=None, actor=None)

    await in_thread(limited, Decimal("0.00"))
    with pytest.raises(LlmError, match="budget of") as caught:
        await gateway.ask(call_of(org, lane))
    assert caught.value.kind is ErrorKind.QUOTA
    assert paid.stats()["totals"]["requests"] == 0
    await in_thread(limited, Decimal("0.01"))
    await gateway.ask(call_of(org, lane))
    assert len(await ledger(org)) == 1


@pytest.mark.django_db
def test_an_unknown_engine_is_unavailable(org):
    with pytest.raises(EngineUnavailable, match="Did you mean"):
        lane_of(org, "openai:gpt-5-4-mini/web_search")


@pytest.mark.django_db
def test_an_engine_without_a_key_is_unavailable_and_says_what_to_do(org, settings):
    settings.SIMULATOR_URL = settings.OPENAI_API_KEY = ""
    with pytest.raises(EngineUnavailable, match="Add one under provider keys"):
        lane_of(org, OPENAI)


@pytest.mark.django_db
def test_surfaces_of_one_model_share_a_lane(org, simulator):
    plain, web = lane_of(org, "openai:gpt-5.4-mini/model"), lane_of(org, OPENAI)
    assert plain.key == web.key == "sim-openai|openai:gpt-5.4-mini"
    assert plain.simulated


@pytest.mark.django_db
def test_lanes_that_nobody_asked_about_are_not_looked_up(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert traffic.lane_states([]) == {}
