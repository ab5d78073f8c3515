"""A TCP port on a given address that leads to a server elsewhere: for servers that listen on this machine alone."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

Target = Path | tuple[str, int]  # a unix socket, or a host and a port


class Relay:
    """`sent` is the bytes that clients have sent through it."""

    def __init__(self, address: str, target: Target) -> None:
        self.address = address
        self.port = 0
        self.sent = 0
        self._target = target
        self._loop = asyncio.new_event_loop()

    @contextmanager
    def serving(self) -> Iterator["Relay"]:
        ready = threading.Event()
        thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        thread.start()
        if not ready.wait(10):
            raise RuntimeError(f"nothing can listen on {self.address}")
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)

    def _serve(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._take, self.address, 0))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        try:
            self._loop.run_forever()
        finally:
            server.close()
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if isinstance(self._target, Path):
                back, onward = await asyncio.open_unix_connection(str(self._target))
            else:
                back, onward = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pump(reader, onward, count=True), self._pump(back, writer, count=False))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, count: bool) -> None:
        with suppress(OSError):
            while piece := await reader.read(65_536):
                self.sent += len(piece) * count
                writer.write(piece)
                await writer.drain()
        writer.close()
