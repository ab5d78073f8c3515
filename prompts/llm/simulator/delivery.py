"""Sends pages over ASGI: whole, as a stream in real time, and broken in every way that a network breaks them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .exchange import Headers, Page

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BEATS = 12  # a stream with latency arrives in about this many writes
FIRST = 0.4  # of the latency passes before the first of them
PROXY_PAGE = b"""<html>
<head><title>502 Bad Gateway</title></head>
<body>
<center><h1>502 Bad Gateway</h1></center>
<hr><center>nginx</center>
</body>
</html>
"""


async def whole(send: Send, page: Page) -> None:
    await start(send, page.status, [*page.headers, (b"content-length", str(len(page.body)).encode())])
    await send({"type": "http.response.body", "body": page.body})


async def stream(send: Send, page: Page, *, latency: float) -> None:
    """The frames in a few writes, spread over what is left of the latency."""
    await start(send, page.status, page.headers)
    size = max(1, -(-len(page.frames) // BEATS))
    beats = [b"".join(page.frames[at : at + size]) for at in range(0, len(page.frames), size)]
    if latency <= 0:
        beats = [beats[0], b"".join(beats[1:])]
    pause = latency / len(beats)
    for beat in beats:
        await send({"type": "http.response.body", "body": beat, "more_body": True})
        if pause:
            await asyncio.sleep(pause)
    await send({"type": "http.response.body", "body": b""})


async def trickle(send: Send, page: Page, *, delay: float) -> None:
    """Frames, or crumbs of a body, one at a time."""
    size = max(1, len(page.body) // 10)
    crumbs = page.frames or [page.body[at : at + size] for at in range(0, len(page.body), size)]
    await start(send, page.status, page.headers)
    for crumb in crumbs:
        await send({"type": "http.response.body", "body": crumb, "more_body": True})
        await asyncio.sleep(delay)
    await send({"type": "http.response.body", "body": b""})


async def cut(send: Send, page: Page, *, scope: Scope) -> None:
    """Half of it, then the connection is gone."""
    if page.frames:
        await start(send, page.status, page.headers)
        body = half(page)
    else:
        await start(send, page.status, [*page.headers, (b"content-length", str(len(page.body)).encode())])
        body = page.body[: len(page.body) // 2]
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await asyncio.sleep(0.02)  # let the half leave before the connection does
    await disconnect(send, scope)


async def cut_clean(send: Send, page: Page) -> None:
    """Half of it in a complete HTTP response, as a proxy that gave up would send it."""
    await whole(send, Page(page.status, page.headers, half(page)))


async def broken(send: Send, page: Page, *, frame: bytes) -> None:
    await whole(send, Page(page.status, page.headers, half(page) + frame))


async def html(send: Send, *, status: int) -> None:
    await whole(send, Page(status, [(b"content-type", b"text/html")], PROXY_PAGE))


async def hang(receive: Receive, *, delay: float) -> None:
    """Nothing, until the client leaves or the delay is over."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(gone(), delay)
    except TimeoutError:
        return


async def disconnect(send: Send, scope: Scope) -> None:
    """Break the connection. Outside our own server the best that ASGI can do is a body shorter than promised."""
    abort = scope.get("extensions", {}).get("simulator.abort", {}).get("abort")
    if abort is None:
        await start(send, 200, [(b"content-length", b"100000")])
        return
    abort()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def start(send: Send, status: int, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


def half(page: Page) -> bytes:
    if page.frames:
        return b"".join(page.frames[: max(1, len(page.frames) // 2)])
    return page.body[: len(page.body) // 2]
