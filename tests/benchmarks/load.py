"""A small HTTP client that keeps connections busy and costs little itself."""

import asyncio
import time
from dataclasses import dataclass

import uvloop

TIMEOUT = 30
RAMP = 0.4  # seconds over which the connections are opened


@dataclass(frozen=True, kw_only=True)
class Load:
    """Answers within `seconds`, and how long each took, in seconds."""

    seconds: float
    latencies: tuple[float, ...]

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds


def press(*, port: int, path: str, cookie: str, connections: int, seconds: float) -> Load:
    """Every answer must be a 200 of a plain, complete page; anything else raises."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nCookie: {cookie}\r\nAccept: text/html\r\n\r\n".encode()
    return uvloop.run(_press(port=port, request=request, connections=connections, seconds=seconds))


async def _press(*, port: int, request: bytes, connections: int, seconds: float) -> Load:
    latencies: list[float] = []
    started = time.perf_counter()
    end = started + seconds
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(_keep_asking(port, request, end, latencies))
            # All at once, they would all be accepted by whichever process woke first.
            await asyncio.sleep(RAMP / connections)
    return Load(seconds=time.perf_counter() - started, latencies=tuple(latencies))


async def _keep_asking(port: int, request: bytes, end: float, latencies: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while (began := time.perf_counter()) < end:
            writer.write(request)
            async with asyncio.timeout(TIMEOUT):
                closing = await _read_answer(reader)
            latencies.append(time.perf_counter() - began)
            if closing:
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
    finally:
        writer.close()


async def _read_answer(reader: asyncio.StreamReader) -> bool:
    """Whether the server closes the connection after it."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 200"):
        raise RuntimeError(f"unexpected answer: {head.splitlines()[0].decode()}")
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return b"connection: close" in head
