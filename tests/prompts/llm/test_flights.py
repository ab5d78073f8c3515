"""How many calls a lane has in flight, what a day may take, and what is left of both when Redis loses its data."""

import asyncio
from datetime import UTC, datetime

from django.conf import settings
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from prompts.llm.breaker import Verdict
from prompts.llm.lanes import LEASE, End, Lanes, Refusal, keys
from prompts.llm.limiter import Limits, Spent, day_offset
from prompts.llm.types import RateLimits
from tests.prompts.llm.timeline import LANE, Timeline, most_in_a_minute, timeline


async def test_a_lane_begins_with_twenty_calls_in_flight():
    async with timeline(known=False) as line:
        assert len((await line.take(100)).delays) == 20
        more = await line.take()
    assert (more.delays, more.refusal) == ((), Refusal.FULL)


async def test_a_call_that_ended_makes_room_for_another():
    async with timeline(concurrency=3) as line:
        await line.take(3)
        [first, *_] = line.tickets
        assert (await line.take()).refusal is Refusal.FULL
        await line.finish(ticket=first)
        assert len((await line.take(3)).delays) == 1


async def test_a_call_that_is_given_back_makes_room_for_another():
    async with timeline(concurrency=3) as line:
        await line.take(3)
        await line.give_back(2)
        assert len((await line.take(3)).delays) == 2


async def test_calls_of_a_process_that_was_killed_count_for_a_few_seconds_only():
    async with timeline(concurrency=3) as line:
        await line.take(3)
        line.now += LEASE - 0.1
        assert (await line.take()).refusal is Refusal.FULL
        line.now += 0.2
        assert len((await line.take(3)).delays) == 3


async def test_calls_whose_process_lives_count_until_they_end():
    async with timeline(concurrency=3) as line:
        await line.take(3)
        for _ in range(10):
            line.now += LEASE - 0.1
            await line.lanes.renew()
        assert (await line.take()).refusal is Refusal.FULL
        await line.land()
        assert len((await line.take(3)).delays) == 3


async def test_after_redis_lost_its_data_a_renewal_counts_the_calls_again(redis):
    async with timeline(concurrency=3) as line:
        await line.take(3)
        redis.flushdb()
        await line.lanes.renew()
        assert (await line.take()).refusal is Refusal.FULL


async def fly(line: Timeline, *, rounds: int, age: float = 1.0, told: RateLimits | None = None) -> int:
    """So many round trips of as many calls as may be in flight; how many the last one was."""
    flown = 0
    for _ in range(rounds):
        flown = len((await line.take(1_000)).delays)
        ends = [End(verdict=Verdict.ANSWERED, spent=Spent(age=age), ticket=ticket) for ticket in line.tickets]
        await line.lanes.finish(LANE, limits=line.limits, ends=ends)
        line.now += age
    return flown


async def test_more_may_fly_while_nobody_refuses():
    async with timeline(known=False) as line:
        assert await fly(line, rounds=1) == 20
        assert await fly(line, rounds=4) > 80


async def test_a_lane_that_is_hardly_used_gets_no_more_room():
    async with timeline(known=False) as line:
        for _ in range(50):
            await line.take(5)
            await line.land()
        assert len((await line.take(1_000)).delays) == 20


async def test_no_more_may_fly_while_answers_take_longer_than_usual():
    async with timeline(known=False) as line:
        usual = await fly(line, rounds=3)
        slow = await fly(line, rounds=2, age=20.0)
        assert await fly(line, rounds=3, age=20.0) <= slow * 1.2
        assert slow < usual * 2.5


async def test_a_refusal_halves_what_may_fly_and_it_grows_slowly_from_there():
    async with timeline(known=False) as line:
        await fly(line, rounds=3)
        before = len((await line.take(1_000)).delays)
        await line.refused(retry_after=0)
        await line.land()
        line.now += 1
        after = len((await line.take(1_000)).delays)
        await line.land()
        assert 0.4 * before < after < 0.8 * before
        line.now += 1
        assert await fly(line, rounds=3) <= after + 4


async def test_the_days_requests_are_counted_to_the_last():
    async with timeline(day_requests=10) as line:
        assert len((await line.take(7, day=(0, 0))).delays) == 7
        assert len((await line.take(7)).delays) == 3
        spent = await line.take()
        assert spent.refusal is Refusal.DAY_SPENT
        line.now += spent.retry_in - 1
        assert (await line.take()).refusal is Refusal.DAY_SPENT
        line.now += 1.1
        assert len((await line.take(20)).delays) == 10


async def test_the_days_tokens_are_settled_by_what_was_used():
    async with timeline(day_tokens=1_000) as line:
        assert len((await line.take(20, tokens=100, day=(0, 0))).delays) == 10
        assert (await line.take(1, tokens=100)).refusal is Refusal.DAY_SPENT
        ends = [End(verdict=Verdict.ANSWERED, spent=Spent(reserved=100, used=30), ticket=one) for one in line.tickets]
        await line.lanes.finish(LANE, limits=line.limits, ends=ends)
        assert len((await line.take(20, tokens=100)).delays) == 7


async def test_a_lane_that_forgot_its_day_asks_before_it_grants():
    async with timeline(known=False, day_requests=10) as line:
        assert (await line.take(5)).refusal is Refusal.DAY_UNKNOWN
        assert len((await line.take(20, day=(6, 0))).delays) == 4


def test_a_day_begins_when_the_provider_says():
    winter, summer = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 7, 5, tzinfo=UTC)
    assert (day_offset("google", at=winter), day_offset("google", at=summer)) == (-8 * 3600, -7 * 3600)
    assert day_offset("openai", at=summer) == 0


async def test_a_told_limit_that_explains_a_refusal_is_answer_enough():
    async with timeline(requests=600) as line:
        await line.finish(spent=Spent(refused=True, retry_after=0, told=RateLimits(requests_limit=60)))
        line.now += 1
        assert await line.sent_in(300) >= 0.95 * 60 * 5


async def test_after_a_cut_what_was_sent_before_it_is_no_sign_of_somebody_else():
    async with timeline(requests=600) as line:
        await line.sent_in(60)
        await line.finish(spent=Spent(refused=True, retry_after=54, told=RateLimits(requests_limit=60)))
        line.now += 54
        for _ in range(6):
            await line.take(1)
            await line.told(requests_limit=60, requests_remaining=0)
            line.now += 1.1
        line.now += 60
        assert await line.sent_in(120) >= 0.95 * 120


async def test_answers_that_were_on_their_way_when_a_limit_fell_do_not_raise_it():
    async with timeline(requests=600) as line:
        await line.finish(spent=Spent(refused=True, retry_after=0, told=RateLimits(requests_limit=60)))
        line.now += 1
        await line.finish(spent=Spent(age=5.0, told=RateLimits(requests_limit=600)))
        assert 0.95 * 300 <= await line.sent_in(300) <= 300


async def test_a_told_limit_that_rises_again_is_climbed_to():
    async with timeline(requests=600) as line:
        await line.told(requests_limit=60)
        line.now += 1
        await line.told(requests_limit=600)
        assert await line.sent_in(60) < 200
        line.now += 300
        assert await line.sent_in(60) > 580


@hypothesis_settings(deadline=None, max_examples=25)
@example(lost_at=[1, 2, 23], limit=30, first=[0, 1, 2])
@given(
    lost_at=st.lists(st.integers(1, 250), max_size=3, unique=True),
    limit=st.sampled_from([30, 600, 3_000]),
    first=st.permutations([0, 1, 2]),
)
def test_redis_that_loses_its_data_lets_nobody_send_more_than_one_burst_over_the_limit(lost_at, limit, first):
    """Three processes that ask in turn, each a little ahead; slots that they hold are sent whatever Redis forgets."""

    async def run() -> list[float]:
        async with timeline(requests=limit) as line, Redis.from_url(settings.REDIS_URL) as client:
            # Their own memory of what they hold runs on the same clock as the lane.
            makers = [Lanes(client, clock=lambda: line.now, monotonic=lambda: line.now) for _ in range(3)]
            for tick in range(250):
                if tick in lost_at:
                    await client.flushdb()
                    await client.hset(keys(LANE)[0], mapping={"window": 100_000})
                for number in first:
                    found = await makers[number].grant(LANE, limits=line.limits, want=500, horizon=2.0)
                    line.sent += [line.now + delay for delay in found.delays]
                line.now += 0.5
            return line.sent

    assert most_in_a_minute(asyncio.run(run())) <= limit + max(1, limit // 100) + 1


@hypothesis_settings(deadline=None, max_examples=25)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from([0.0, 0.5, 5.0, LEASE + 1]), st.integers(1, 30), st.integers(0, 30)),
        min_size=1,
        max_size=20,
    ),
    most=st.sampled_from([1, 5, 17]),
)
def test_never_more_calls_are_in_flight_than_may_be(steps, most):
    async def run() -> None:
        async with timeline(concurrency=most) as line:
            flying: dict[str, float] = {}
            for passes, want, ends in steps:
                line.now += passes
                flying = {ticket: until for ticket, until in flying.items() if until > line.now}
                found = await line.take(want, horizon=1.0)
                for delay, ticket in zip(found.delays, found.tickets, strict=True):
                    flying[ticket] = line.now + delay + LEASE
                assert len(flying) <= most
                for ticket in list(flying)[:ends]:
                    await line.finish(ticket=ticket)
                    del flying[ticket]

    asyncio.run(run())


async def test_calls_that_end_together_are_told_in_one_round_trip(redis):
    from prompts.llm.telling import Teller

    async with timeline(concurrency=50) as line:
        await line.take(50)
        before = redis.info("commandstats")["cmdstat_evalsha"]["calls"]
        teller = Teller(line.lanes)
        end = Spent(age=1.0)
        await asyncio.gather(
            *(
                teller.tell(LANE, limits=Limits(requests=0), end=End(verdict=Verdict.ANSWERED, spent=end, ticket=one))
                for one in line.tickets
            )
        )
        assert redis.info("commandstats")["cmdstat_evalsha"]["calls"] - before <= 2
        assert redis.zcard(keys(LANE)[2]) == 0
