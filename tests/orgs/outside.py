"""Sites on loopback that behave well, badly, or not at all."""

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

Send = Callable[[dict[str, Any]], Awaitable[None]]
PAGE = b"<title>Lumenboard</title><p>Boards for small teams."
HTML = [(b"content-type", b"text/html; charset=utf-8")]


class Site:
    """An ASGI application: the path names what it does; `seen` are the headers of what was asked."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []
        self.elsewhere = ""

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        self.seen.append({name.decode(): value.decode("latin-1") for name, value in scope["headers"]})
        act = getattr(self, scope["path"].strip("/").replace("-", "_") or "page")
        await act(send)

    async def page(self, send: Send) -> None:
        await reply(send, PAGE, headers=[*HTML, (b"set-cookie", b"spy=1")])

    async def missing(self, send: Send) -> None:
        await reply(send, b"nothing", status=404)

    async def program(self, send: Send) -> None:
        await reply(send, b"MZ", headers=[(b"content-type", b"application/octet-stream")])

    async def packed(self, send: Send) -> None:
        await reply(send, gzip.compress(PAGE), headers=[*HTML, (b"content-encoding", b"gzip")])

    async def damaged(self, send: Send) -> None:
        await reply(send, b"not gzip at all", headers=[*HTML, (b"content-encoding", b"gzip")])

    async def oddly_packed(self, send: Send) -> None:
        await reply(send, PAGE, headers=[*HTML, (b"content-encoding", b"br")])

    async def bomb(self, send: Send) -> None:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        packed = b"".join(packer.compress(bytes(1_000_000)) for _ in range(200)) + packer.flush()
        await reply(send, packed, headers=[*HTML, (b"content-encoding", b"gzip")])

    async def endless(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": HTML})
        while True:
            await send({"type": "http.response.body", "body": bytes(65_536), "more_body": True})
            await asyncio.sleep(0)

    async def trickle(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": HTML})
        while True:
            await send({"type": "http.response.body", "body": b".", "more_body": True})
            await asyncio.sleep(0.05)

    async def silence(self, send: Send) -> None:
        await asyncio.sleep(3_600)

    async def home(self, send: Send) -> None:
        await redirect(send, "/page")

    async def round_and_round(self, send: Send) -> None:
        await redirect(send, "/round-and-round")

    async def inside(self, send: Send) -> None:
        await redirect(send, self.elsewhere)


async def reply(
    send: Send, body: bytes, *, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers or HTML})
    await send({"type": "http.response.body", "body": body})


async def redirect(send: Send, location: str) -> None:
    await reply(send, b"", status=302, headers=[(b"location", location.encode())])


async def _lifespan(receive: Any, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
