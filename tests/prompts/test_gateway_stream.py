import asyncio
from contextlib import aclosing

import pytest

from prompts import gateway
from prompts.llm.errors import ErrorKind, LlmError
from tests.prompts.asking import call_of, outcomes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("closed_gateway")]


async def test_text_comes_in_pieces_and_the_whole_reply_last(org, lane):
    deltas = [delta async for delta in gateway.stream(call_of(org, lane))]
    assert len(deltas) > 3
    assert deltas[-1].reply is not None
    assert "".join(delta.text for delta in deltas) == deltas[-1].reply.text
    assert await outcomes(org) == [(1, "ok")]


async def test_a_failure_before_the_first_piece_is_retried(org, lane, simulator):
    simulator.fault("500", times=1)
    deltas = [delta async for delta in gateway.stream(call_of(org, lane))]
    assert deltas[-1].reply is not None
    assert await outcomes(org) == [(1, "server"), (2, "ok")]


async def test_a_stream_that_breaks_off_is_not_begun_again(org, lane, simulator):
    simulator.fault("cut", times=1)
    pieces = []
    with pytest.raises(LlmError) as caught:
        async for delta in gateway.stream(call_of(org, lane)):
            pieces.append(delta)  # noqa: PERF401  they are wanted although it raises
    assert pieces
    assert caught.value.kind is ErrorKind.BAD_RESPONSE
    assert await outcomes(org) == [(1, "bad_response")]


async def test_a_permanent_error_is_raised_at_once(org, lane, simulator):
    simulator.fault("401")
    with pytest.raises(LlmError) as caught:
        await anext(gateway.stream(call_of(org, lane)))
    assert caught.value.kind is ErrorKind.AUTH
    assert await outcomes(org) == [(1, "auth")]


async def test_a_reader_who_leaves_early_is_accounted_as_cancelled(org, lane):
    async with aclosing(gateway.stream(call_of(org, lane))) as deltas:
        await anext(deltas)
    assert await outcomes(org) == [(1, "cancelled")]


async def test_a_reader_who_has_the_whole_reply_is_accounted_as_answered(org, lane):
    async with aclosing(gateway.stream(call_of(org, lane))) as deltas:
        async for delta in deltas:
            if delta.reply is not None:
                break
    assert await outcomes(org) == [(1, "ok")]


async def test_a_reader_whose_task_is_cancelled_is_accounted(org, lane, simulator):
    simulator.fault("trickle", delay=0.2)
    first = asyncio.Event()

    async def read():
        async with aclosing(gateway.stream(call_of(org, lane))) as deltas:
            async for _ in deltas:
                first.set()

    task = asyncio.create_task(read())
    await first.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gateway.close()
    assert await outcomes(org) == [(1, "cancelled")]
