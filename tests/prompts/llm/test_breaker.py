import asyncio

import pytest
import redis as redis_client
from django.conf import settings
from redis.asyncio import Redis

from prompts.llm.breaker import BreakerRules, Verdict, verdict
from prompts.llm.errors import ErrorKind
from prompts.llm.gauges import read_gauges
from prompts.llm.lanes import Lanes
from prompts.llm.limiter import Limits
from tests.prompts.llm.timeline import LANE, Timeline, timeline

RULES = BreakerRules(threshold=3, cooldown=60.0, probe=150.0)


async def fail(line: Timeline, times: int) -> None:
    for _ in range(times):
        await line.finish(verdict=Verdict.FAILED)


async def test_it_lets_calls_through_before_the_threshold():
    async with timeline() as line:
        await fail(line, 4)
        assert len((await line.take(10)).delays) == 10


async def test_it_opens_after_five_failures_in_a_row():
    async with timeline() as line:
        await fail(line, 5)
        slots = await line.take(10)

    assert slots.delays == ()
    assert slots.breaker_open
    assert slots.retry_in == pytest.approx(60.0)


async def test_an_answer_in_between_starts_the_count_anew():
    async with timeline() as line:
        await fail(line, 4)
        await line.finish(verdict=Verdict.ANSWERED)
        await fail(line, 4)
        assert len((await line.take()).delays) == 1


async def test_after_a_minute_one_single_probe_is_let_through():
    async with timeline(rules=RULES) as line:
        await fail(line, 3)
        line.now += 60
        assert len((await line.take(10)).delays) == 1
        assert (await line.take(10)).breaker_open


async def test_a_probe_that_is_answered_closes_it():
    async with timeline(rules=RULES) as line:
        await fail(line, 3)
        line.now += 60
        await line.take()
        await line.finish(verdict=Verdict.ANSWERED)
        assert len((await line.take(10)).delays) == 10


async def test_a_probe_that_fails_opens_it_for_another_minute():
    async with timeline(rules=RULES) as line:
        await fail(line, 3)
        line.now += 60
        await line.take()
        await line.land(verdict=Verdict.FAILED)
        assert (await line.take()).retry_in == pytest.approx(60.0)
        line.now += 60
        assert len((await line.take()).delays) == 1


@pytest.mark.parametrize("lost", ["cancelled", "given back"])
async def test_a_probe_that_was_not_sent_can_be_sent_again(lost):
    async with timeline(rules=RULES) as line:
        await fail(line, 3)
        line.now += 60
        await line.take()
        if lost == "cancelled":
            await line.land(verdict=Verdict.UNKNOWN)
        else:
            await line.give_back(1)
        assert len((await line.take(10)).delays) == 1


async def test_a_probe_whose_sender_died_counts_as_lost_after_a_while():
    async with timeline(rules=RULES) as line:
        await fail(line, 3)
        line.now += 60
        await line.take()
        line.now += 149
        assert (await line.take()).delays == ()
        line.now += 2
        assert len((await line.take()).delays) == 1


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.UNKNOWN])
async def test_while_the_probe_is_out_another_call_decides_nothing(verdict):
    async with timeline(rules=RULES) as line:
        await line.take()
        [before] = line.tickets
        await fail(line, 3)
        line.now += 60
        await line.take()
        await line.finish(verdict=verdict, ticket=before)
        assert (await line.take()).delays == ()
        await line.finish(verdict=Verdict.ANSWERED, ticket=line.tickets[0] if line.tickets else "")
        assert len((await line.take(10)).delays) == 10


async def test_a_late_failure_does_not_keep_it_open_longer():
    async with timeline(rules=RULES) as line:
        await fail(line, 3)
        line.now += 59
        await fail(line, 1)
        line.now += 1
        assert len((await line.take()).delays) == 1


async def test_a_probe_is_not_spent_on_a_lane_that_is_at_its_limit():
    async with timeline(requests=1, rules=RULES) as line:
        line.limits = Limits(requests=1)
        await line.take()
        await fail(line, 3)
        line.now += 60
        first = await line.take()
        line.now += first.retry_in
        second = await line.take()

    assert first.delays == ()
    assert not first.breaker_open
    assert len(second.delays) == 1


async def test_of_many_clients_at_once_one_gets_the_probe():
    clients = [Redis.from_url(settings.REDIS_URL) for _ in range(8)]
    async with timeline(rules=RULES) as line:
        await fail(line, 3)
        later = line.now + 60
        answers = await asyncio.gather(
            *(
                Lanes(client, rules=RULES, clock=lambda: later).grant(LANE, limits=line.limits, want=5, horizon=1.0)
                for client in clients
            )
        )
    for client in clients:
        await client.aclose()

    assert sum(len(answer.delays) for answer in answers) == 1


async def test_lanes_pause_each_for_itself():
    async with timeline(rules=RULES) as line:
        await fail(line, 3)
        other = await line.lanes.grant("own-abc|openai:other", limits=line.limits, want=1, horizon=0.0)

    assert len(other.delays) == 1


@pytest.mark.parametrize("kind", list(ErrorKind))
def test_only_a_provider_that_does_not_answer_properly_counts(kind):
    broken = {"server", "overloaded", "timeout", "connection", "bad_response"}
    unsent = {"quota", "unsupported", "breaker_open"}
    expected = Verdict.FAILED if kind in broken else Verdict.UNKNOWN if kind in unsent else Verdict.ANSWERED
    assert verdict(kind) is expected


def test_a_call_that_went_well_is_an_answer():
    assert verdict(None) is Verdict.ANSWERED


async def test_screens_see_until_when_a_lane_is_paused():
    with redis_client.Redis.from_url(settings.REDIS_URL) as reader:
        async with Redis.from_url(settings.REDIS_URL) as client:
            lanes = Lanes(client, rules=BreakerRules(threshold=1, cooldown=30.0))
            line = Timeline(lanes, Limits(requests=60))
            await line.finish(verdict=Verdict.FAILED)
            states = read_gauges(reader, dict.fromkeys([LANE, "another"], line.limits))
        seconds, _ = reader.time()

    assert (states["another"].until, states["another"].shut) == (None, False)
    assert states[LANE].shut
    assert states[LANE].failures == 1
    assert 28 <= states[LANE].until.timestamp() - seconds <= 31


async def test_screens_see_a_lane_that_a_provider_refused():
    async with Redis.from_url(settings.REDIS_URL) as client:
        await Timeline(Lanes(client), Limits(requests=60)).refused(retry_after=20.0)
    with redis_client.Redis.from_url(settings.REDIS_URL) as reader:
        state = read_gauges(reader, {LANE: Limits(requests=60)})[LANE]

    assert state.until is not None
    assert not state.shut
