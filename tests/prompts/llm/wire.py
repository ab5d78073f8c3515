"""A server that plays back what a test puts into it and remembers what was asked: for shapes no simulator invents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Played:
    """One response: `body` is JSON, or text as it is. `cut` breaks the connection after the body instead of ending it;
    `wait` comes before the answer."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    cut: bool = False
    wait: float = 0.0

    def payload(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


def sse(*events: Any, done: bool = False, **kwargs: Any) -> Played:
    """A stream of JSON events; those with a `type` are named by it, as OpenAI's and Anthropic's are."""
    frames = []
    for event in events:
        name = f"event: {event['type']}\n" if isinstance(event, dict) and isinstance(event.get("type"), str) else ""
        frames.append(f"{name}data: {json.dumps(event)}\n\n")
    return Played("".join(frames) + ("data: [DONE]\n\n" if done else ""), content_type="text/event-stream", **kwargs)


@dataclass(frozen=True)
class Asked:
    path: str
    query: str
    headers: dict[str, str]
    body: Any


@dataclass
class Wire:
    root: str = ""
    asked: list[Asked] = field(default_factory=list)
    script: list[Played] = field(default_factory=list)
    open: int = 0  # responses under way
    aborted: int = 0  # responses whose client went away
    idle: asyncio.Event = field(default_factory=asyncio.Event)  # a response has ended, none is under way

    def play(self, *responses: Played) -> None:
        self.script.extend(responses)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(Asked(request.path, request.query_string, headers, json.loads(text) if text else None))
        played = self.script.pop(0)
        self.open += 1
        try:
            return await self._respond(request, played)
        except (asyncio.CancelledError, ConnectionError):
            self.aborted += 1
            raise
        finally:
            self.open -= 1
            if not self.open:
                self.idle.set()

    async def _respond(self, request: web.Request, played: Played) -> web.StreamResponse:
        if not played.cut:
            await asyncio.sleep(played.wait)
            return web.Response(
                body=played.payload(),
                status=played.status,
                headers=played.headers,
                content_type=played.content_type,
            )
        response = web.StreamResponse(status=played.status, headers=played.headers)
        response.content_type = played.content_type
        await response.prepare(request)
        await response.write(played.payload())
        await asyncio.sleep(played.wait)
        assert request.transport is not None
        request.transport.abort()
        return response


@asynccontextmanager
async def serving(wire: Wire) -> AsyncIterator[Wire]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", wire.handle)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    wire.root = f"http://{host}:{port}"
    try:
        yield wire
    finally:
        await runner.cleanup()
