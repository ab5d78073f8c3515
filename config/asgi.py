"""One entry point: `/stream/...` is asynchronous, everything else runs in threads.

Django's ASGI handler costs an ordinary page three quarters of its throughput; a thread per open stream costs more.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from types import FrameType
from typing import Any, cast
from urllib.parse import quote

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from config.wsgi import application as pages  # isort: skip - sets Django up

from django.conf import settings
from django.core.handlers.asgi import ASGIHandler

from config.threads import ThreadedPages
from orgs.hub import Hub

STREAM_PREFIX = "/stream/"
# What a stream needs and no more: each middleware here runs for every one of thousands of open streams.
STREAM_MIDDLEWARE = (
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
# Each library has its own words for the same three arguments.
App = Callable[..., Awaitable[None]]


class StreamHandler(ASGIHandler):
    """Django's ASGI handler under the short middleware list."""

    def load_middleware(self, is_async: bool = False) -> None:
        full = settings.MIDDLEWARE
        settings.MIDDLEWARE = [name for name in full if name in STREAM_MIDDLEWARE]
        try:
            super().load_middleware(is_async=is_async)
        finally:
            settings.MIDDLEWARE = full


class Dispatcher:
    def __init__(self, *, pages: App, streams: App) -> None:
        self.pages = pages
        self.streams = streams

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        elif scope["path"].startswith(STREAM_PREFIX):
            await self._stream(scope, receive, send)
        else:
            await self.pages(_as_wsgi_expects(scope), receive, send)

    async def _stream(self, scope: Message, receive: Receive, send: Send) -> None:
        """Django keeps a whole body before it asks who sends it, and a stream needs none."""
        if scope["method"] == "GET":
            await self.streams(scope, _Bodiless(receive), send)
            return
        headers = [(b"allow", b"GET"), (b"content-length", b"0"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 405, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


class _Bodiless:
    """A request whose body is empty whatever is sent, and which ends when the reader leaves."""

    def __init__(self, receive: Receive) -> None:
        self.receive = receive
        self.is_told = False

    async def __call__(self) -> Message:
        if not self.is_told:
            self.is_told = True
            return {"type": "http.request", "body": b"", "more_body": False}
        while True:
            message = await self.receive()
            if message["type"] != "http.request":
                return message


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            _end_streams_on_exit()
        else:
            await Hub.here().aclose()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _end_streams_on_exit() -> None:
    """A server that is told to stop waits for the answers under way, and a stream would be under way for ever."""
    if threading.current_thread() is not threading.main_thread():
        return  # signals are the main thread's; a server elsewhere is stopped otherwise
    loop, hub = asyncio.get_running_loop(), Hub.here()
    for number in (signal.SIGTERM, signal.SIGINT):
        former = signal.getsignal(number)

        def stop(got: int, frame: FrameType | None, former: Any = former) -> None:
            loop.call_soon_threadsafe(hub.end_all)
            if callable(former):
                former(got, frame)

        signal.signal(number, stop)


def _as_wsgi_expects(scope: Message) -> Message:
    """WSGI cannot tell `X_Real` from `X-Real`, so spoofable names are dropped, as its servers do."""
    headers = [(name, value) for name, value in scope["headers"] if b"_" not in name]
    query = scope["query_string"]
    if not query.isascii():
        query = quote(query, safe="".join(map(chr, range(0x21, 0x7F)))).encode()
    return {**scope, "headers": headers, "query_string": query}


application = Dispatcher(pages=ThreadedPages(cast(Any, pages), threads=settings.WEB_THREADS), streams=StreamHandler())
