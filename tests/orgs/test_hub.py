"""Who listens anew at once waits for a subscription of their own, and what was left comes to its end."""

import asyncio

import pytest

from config.asgi import Dispatcher
from orgs import cancelling
from orgs.hub import Hub, Inbox

pytestmark = pytest.mark.django_db


def inbox() -> Inbox:
    return Inbox(org_id=1, user_id=1, session="s")


async def test_a_subscription_that_was_left_is_not_taken_for_ones_own() -> None:
    hub = Hub()
    with hub.listening(inbox()):
        assert await hub.subscribed(patience=10)
    with hub.listening(inbox()):
        assert hub.redis is None
        assert await hub.subscribed(patience=10)
        await asyncio.gather(*hub.ending, return_exceptions=True)
        assert hub.redis is not None
        assert await hub.subscribed(patience=1)


async def test_what_was_left_is_held_until_it_has_ended() -> None:
    """The loop itself holds tasks weakly: one that nobody holds may be collected half-way."""
    hub = Hub()
    with hub.listening(inbox()):
        assert await hub.subscribed(patience=10)
    [left] = hub.ending
    await asyncio.wait([left])
    await asyncio.sleep(0)
    assert (left.cancelled(), hub.ending) == (True, set())


async def test_whenever_it_is_left_the_subscription_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in those moments of connecting in which a cancellation is lost."""
    monkeypatch.setattr(cancelling, "AGAIN", 0.05)
    for turns in range(60):
        hub = Hub()
        with hub.listening(inbox()):
            for _ in range(turns):
                await asyncio.sleep(0)
        if hub.ending:
            await asyncio.wait(hub.ending, timeout=10)
        assert hub.ending == set(), f"left after {turns} turns of the loop, it goes on"


async def test_a_server_that_stops_waits_for_the_end_of_its_subscription() -> None:
    messages, sent = asyncio.Queue[dict[str, str]](), list[str]()

    async def send(message: dict[str, str]) -> None:
        sent.append(message["type"])

    async def pages(*_: object) -> None: ...

    hub, own = Hub.here(), inbox()
    with hub.listening(own):
        task = hub._task
        assert task is not None
        assert await hub.subscribed(patience=10)
        messages.put_nowait({"type": "lifespan.shutdown"})
        await Dispatcher(pages=pages, streams=pages)({"type": "lifespan"}, messages.get, send)
        assert sent == ["lifespan.shutdown.complete"]
        assert (task.done(), hub.ending, own.ended.is_set()) == (True, set(), True)
