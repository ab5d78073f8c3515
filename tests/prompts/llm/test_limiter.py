import asyncio

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from prompts.llm.lanes import Lanes, keys
from prompts.llm.limiter import Limits, Spent
from tests.prompts.llm.timeline import LANE, most_in_a_minute, timeline

STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.01, 0.7, 5.0, 31.0, 61.0]),  # seconds that pass first
        st.integers(1, 40),  # slots wanted
        st.sampled_from([0.0, 1.0, 5.0, 30.0]),  # horizon
        st.integers(0, 40),  # of them given back at once
    ),
    min_size=1,
    max_size=25,
)


@hypothesis_settings(deadline=None, max_examples=40)
@given(steps=STEPS, limit=st.sampled_from([1, 2, 7, 10, 50, 300, 5_000]))
def test_no_minute_ever_holds_more_calls_than_the_limit(steps, limit):
    async def run() -> list[float]:
        async with timeline(requests=limit) as line:
            for passes, want, horizon, unused in steps:
                line.now += passes
                slots = await line.take(want, horizon=horizon)
                await line.give_back(min(unused, len(slots.delays)))
            return line.sent

    assert most_in_a_minute(asyncio.run(run())) <= limit


@hypothesis_settings(deadline=None, max_examples=40)
@given(steps=STEPS, costs=st.lists(st.integers(1, 500), min_size=25, max_size=25))
def test_no_minute_ever_holds_more_reserved_tokens_than_the_limit(steps, costs):
    async def run() -> tuple[list[float], list[float]]:
        weights: list[float] = []
        async with timeline(requests=1_000, tokens=10_000) as line:
            for (passes, want, horizon, _), cost in zip(steps, costs, strict=False):
                line.now += passes
                slots = await line.take(want, horizon=horizon, tokens=cost)
                weights += [cost] * len(slots.delays)
            return line.sent, weights

    assert most_in_a_minute(*asyncio.run(run())) <= 10_000


@pytest.mark.parametrize("limit", [10, 50, 600])
async def test_a_patient_sender_gets_nearly_the_whole_limit(limit):
    async with timeline(requests=limit) as line:
        sent = await line.sent_in(600)

    assert 0.97 * limit * 10 <= sent <= limit * 10 + 1


async def test_a_burst_is_a_hundredth_of_a_minute():
    async with timeline(requests=600) as line:
        slots, more = await line.take(600), await line.take()

    assert slots.delays == (0.0,) * 6
    assert more.delays == ()
    assert 0.09 < more.retry_in < 0.11


async def test_slots_are_handed_out_ahead_up_to_the_horizon():
    async with timeline(requests=60) as line:
        slots = await line.take(60, horizon=5.0)

    assert slots.delays[0] == 0.0
    assert list(slots.delays) == sorted(slots.delays)
    assert len(slots.delays) == 5
    assert slots.delays[-1] <= 5.0


async def test_asking_again_after_the_told_wait_succeeds():
    async with timeline(requests=10) as line:
        await line.take(10, horizon=5.0)
        refusal = await line.take(1, horizon=5.0)
        line.now += refusal.retry_in
        again = await line.take(1, horizon=5.0)

    assert refusal.delays == ()
    assert len(again.delays) == 1


async def test_a_slot_given_back_can_be_used_at_once():
    async with timeline(requests=10) as line:
        await line.take()
        assert (await line.take()).delays == ()
        await line.give_back(1)
        assert (await line.take()).delays == (0.0,)


async def test_giving_back_more_than_was_taken_earns_no_credit():
    async with timeline(requests=100) as line:
        await line.take()
        await line.lanes.give_back(LANE, limits=line.limits, tickets=["never granted"] * 50)
        slots = await line.take(100)

    assert len(slots.delays) == 1


async def test_a_limit_of_nothing_is_no_limit():
    async with timeline(requests=0, tokens=0) as line:
        assert len((await line.take(1_000, tokens=10**6)).delays) == 1_000


async def test_a_call_larger_than_the_burst_goes_when_the_lane_is_idle():
    async with timeline(requests=100, tokens=1_000) as line:
        assert len((await line.take(2, tokens=5_000)).delays) == 1
        line.now += 320
        assert len((await line.take(1, tokens=5_000)).delays) == 1


async def test_tokens_that_were_not_used_are_free_again():
    async with timeline(requests=1_000, tokens=60_000) as line:
        await line.take(tokens=3_000)
        assert (await line.take(tokens=3_000)).delays == ()
        await line.finish(spent=Spent(reserved=3_000, used=100))
        assert (await line.take(tokens=2_800)).delays == (0.0,)


async def test_tokens_used_beyond_the_estimate_slow_the_lane_down():
    async with timeline(requests=1_000, tokens=60_000) as line:
        await line.take(tokens=100)
        await line.finish(spent=Spent(reserved=100, used=20_000))
        slots = await line.take(tokens=100)

    assert slots.delays == ()
    assert 15 < slots.retry_in < 20


async def test_tokens_reserved_before_an_idle_spell_are_not_credited_after_it():
    async with timeline(requests=1_000, tokens=60_000) as line:
        await line.take(tokens=3_000)
        line.now += 30  # drained since
        await line.take(tokens=3_000)
        await line.finish(spent=Spent(reserved=3_000, used=0, age=30))
        assert (await line.take(tokens=1_000)).delays == ()


async def test_a_refusal_blocks_the_lane_for_as_long_as_the_provider_asks():
    async with timeline(requests=6_000) as line:
        await line.refused(retry_after=17.0)
        slots = await line.take(1, horizon=5.0)
        assert slots.delays == ()
        assert slots.retry_in == pytest.approx(12.0)
        line.now += 17.0
        assert (await line.take()).delays == (0.0,)


async def test_after_a_refusal_one_more_goes_and_no_burst():
    """The provider tells when it has room for one; as much as a burst of ours it may not have then."""
    async with timeline(requests=300) as line:
        await line.refused(retry_after=20.0)
        line.now += 20.0
        assert len((await line.take(10)).delays) == 1
        assert await line.sent_in(2.0) in range(4, 6)  # half the pace


async def test_a_refusal_without_a_wait_blocks_for_a_moment():
    async with timeline(requests=6_000) as line:
        await line.refused()
        assert (await line.take()).retry_in == pytest.approx(2.0)


async def test_a_refusal_halves_the_pace_and_it_climbs_back_slowly():
    async with timeline(requests=600) as line:
        before = await line.sent_in(60)
        await line.refused(retry_after=0)
        first, second = await line.sent_in(60), await line.sent_in(60)
        line.now += 120
        later = await line.sent_in(60)

    assert 0.45 * before < first < 0.7 * before
    assert first < second < 0.9 * before
    assert later >= 0.97 * before


async def test_one_wave_of_refusals_halves_once():
    async with timeline(requests=600) as line:
        for _ in range(20):
            await line.refused(retry_after=0)
        assert len((await line.take(600)).delays) == 3


async def test_a_lower_limit_in_the_headers_counts_instead_of_ours():
    async with timeline(requests=6_000) as line:
        await line.told(requests_limit=60, requests_remaining=59)
        assert await line.sent_in(60) <= 60


async def test_a_higher_limit_in_the_headers_does_not_raise_ours():
    async with timeline(requests=60) as line:
        await line.told(requests_limit=10_000, requests_remaining=9_999)
        assert await line.sent_in(60) <= 60


async def test_headers_that_show_little_left_slow_the_lane_down():
    async with timeline(requests=600) as line:
        await line.told(requests_limit=600, requests_remaining=50)
        assert len((await line.take(600)).delays) == 4


async def test_headers_that_show_only_what_we_took_ourselves_slow_nothing_down():
    async with timeline(requests=600) as line:
        before = await line.sent_in(120)
        await line.told(requests_limit=600, requests_remaining=6)
        assert await line.sent_in(60) >= 0.97 * before / 2


async def test_headers_that_show_plenty_left_change_nothing():
    async with timeline(requests=600, tokens=10**6) as line:
        await line.told(requests_limit=600, requests_remaining=300, tokens_limit=10**6, tokens_remaining=10**6)
        assert len((await line.take(600)).delays) == 6


async def test_many_clients_at_once_get_no_more_than_one():
    async def ask(client: Redis) -> list[float]:
        lanes = Lanes(client, clock=lambda: 1_800_000_000.0)
        limits = Limits(requests=600, tokens=10**6)
        answers = [await lanes.grant(LANE, limits=limits, want=3, horizon=4.0, tokens=10) for _ in range(20)]
        return [1_800_000_000.0 + delay for answer in answers for delay in answer.delays]

    clients = [Redis.from_url(settings.REDIS_URL) for _ in range(8)]
    await clients[0].hset(keys(LANE)[0], mapping={"epoch": "known", "window": 1_000})
    moments = [moment for found in await asyncio.gather(*map(ask, clients)) for moment in found]
    async with timeline(requests=600, tokens=10**6) as line:
        alone = await line.take(480, horizon=4.0, tokens=10)
    for client in clients:
        await client.aclose()

    assert len(moments) == len(alone.delays) == 45
    assert len(set(moments)) == 1 + 45 - 6  # the burst goes at once, then every slot is somebody's own


async def test_the_servers_own_clock_counts_when_none_is_given(redis):
    async with Redis.from_url(settings.REDIS_URL) as client:
        lanes, limits = Lanes(client), Limits(requests=6_000)
        await client.hset(keys(LANE)[0], mapping={"epoch": "known", "window": 1_000})
        first = await lanes.grant(LANE, limits=limits, want=100, horizon=0.0)
        await asyncio.sleep(0.25)
        second = await lanes.grant(LANE, limits=limits, want=100, horizon=0.0)

    assert len(first.delays) == 60
    assert 1 <= len(second.delays) < 60


async def test_lanes_do_not_share_their_limits():
    async with timeline(requests=10) as line:
        await line.take()
        other = await line.lanes.grant("own-abc|openai:other", limits=line.limits, want=1, horizon=0.0)

    assert other.delays == (0.0,)


async def test_a_lane_is_forgotten_when_it_has_long_been_idle(redis):
    async with timeline(requests=10) as line:
        await line.take(tokens=5)
        await line.finish()

    for key in redis.keys("*"):
        assert 0 < redis.ttl(key) <= 3_700


async def test_a_lanes_keys_share_a_slot_of_a_cluster():
    from redis.crc import key_slot

    assert len({key_slot(key.encode()) for key in keys("own-abc|openai:gpt")}) == 1


async def test_a_server_that_forgot_the_script_is_taught_again(redis):
    async with timeline(requests=10) as line:
        await line.take()
        redis.script_flush()
        assert (await line.take(horizon=10.0)).delays != ()
