"""A TCP proxy that fails on demand; it stands before a database, a queue or a provider."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")
Target = Path | tuple[str, int]  # a unix socket, or a host and a port
_CRUMB = 65_536
_BROKEN = (OSError, asyncio.IncompleteReadError)


class Mode(StrEnum):
    FORWARD = "forward"
    HANG = "hang"  # connections stay and new ones are taken, but nothing moves
    REFUSE = "refuse"  # new connections are reset; those there are go on
    HALF_CLOSE = "half_close"  # requests arrive; of the answer only its end does


@dataclass(slots=True, eq=False)
class Link:
    """One connection of a client, and ours to the target behind it."""

    client: asyncio.StreamWriter
    target: asyncio.StreamWriter | None = None

    def abort(self) -> None:
        """Both sides see a reset, as when the machine in between is gone."""
        for side in filter(None, (self.client, self.target)):
            with suppress(OSError):
                raw = side.get_extra_info("socket")
                if raw is not None and raw.family != socket.AF_UNIX:
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            side.transport.abort()


class Proxy:
    """Every method may be called from any thread. `port` stays the same for its whole life."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.port = 0
        self.connections = 0  # taken so far
        self._mode = Mode.FORWARD
        self._delay = 0.0
        self._links: dict[Link, None] = {}  # in the order they came
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._moving = asyncio.Event()

    def heal(self) -> None:
        self._inside(self._set, Mode.FORWARD)

    def hang(self) -> None:
        self._inside(self._set, Mode.HANG)

    def refuse(self) -> None:
        """New connections are reset at once, and those there are as well."""
        self._inside(self._set, Mode.REFUSE)
        self.cut()

    def half_close(self) -> None:
        self._inside(self._set, Mode.HALF_CLOSE)

    def delay(self, seconds: float) -> None:
        """Every piece waits this long in either direction."""
        self._inside(setattr, self, "_delay", seconds)

    def cut(self, *, most: int | None = None) -> int:
        """Reset every connection there is, or the `most` that were there first. How many."""
        return self._inside(self._cut, most)

    @property
    def open(self) -> int:
        return self._inside(lambda: len(self._links))

    @contextmanager
    def serving(self) -> Iterator[Proxy]:
        ready = threading.Event()
        thread = threading.Thread(target=self._serve, args=(ready,), name="fault-proxy", daemon=True)
        thread.start()
        assert ready.wait(10)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)

    # On the loop's thread

    def _serve(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._take, "127.0.0.1", self.port))
        self.port = server.sockets[0].getsockname()[1]
        self._moving.set()
        ready.set()
        try:
            self._loop.run_forever()
        finally:
            server.close()
            self._cut()
            self._loop.run_until_complete(self._end_tasks())
            self._loop.close()

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # aborted transports tell their protocols

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        link = Link(writer)
        if self._mode is Mode.REFUSE:
            link.abort()
            return
        self._links[link] = None
        self._spawn(self._pass_on(link, reader))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _pass_on(self, link: Link, reader: asyncio.StreamReader) -> None:
        try:
            await self._moving.wait()
            back, link.target = await _connect(self.target)
            to = self._spawn(self._pump(reader, link.target, back=False))
            fro = self._spawn(self._pump(back, link.client, back=True))
            await asyncio.gather(to, fro)
        except _BROKEN:
            pass
        finally:
            self._links.pop(link, None)
            link.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, back: bool) -> None:
        while piece := await reader.read(_CRUMB):
            if self._delay:
                await asyncio.sleep(self._delay)
            await self._moving.wait()
            if back and self._mode is Mode.HALF_CLOSE:
                break
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    def _set(self, mode: Mode) -> None:
        self._mode = mode
        if mode is Mode.HANG:
            self._moving.clear()
        else:
            self._moving.set()

    def _cut(self, most: int | None = None) -> int:
        links = list(self._links)[:most]
        for link in links:
            link.abort()
        return len(links)

    def _inside(self, call: Callable[..., T], *args: Any) -> T:
        async def inside() -> T:
            return call(*args)

        return asyncio.run_coroutine_threadsafe(inside(), self._loop).result(10)


@contextmanager
def before(url: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy before the service at this address, and the address through it."""
    address = urlsplit(url)
    assert address.hostname is not None
    assert address.port is not None
    who, at, _ = address.netloc.rpartition("@")
    with Proxy((address.hostname, address.port)).serving() as proxy:
        yield proxy, address._replace(netloc=f"{who}{at}127.0.0.1:{proxy.port}").geturl()


async def _connect(target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(target, Path):
        return await asyncio.open_unix_connection(str(target))
    return await asyncio.open_connection(*target)
