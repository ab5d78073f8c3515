"""Runs the simulator: in the foreground, or in a thread beside tests and benchmarks."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .app import Simulator, create_app
from .exchange import Json
from .options import Options
from .world import World

T = TypeVar("T")
PATHS = {
    "openai": "/openai/v1",
    "anthropic": "/anthropic",
    "google": "/google",
    "perplexity": "/perplexity",
    "compatible": "/compatible/v1",
}


class Unavailable(Exception):
    """The address cannot be listened on; the message says why in one line."""


class AbortableProtocol(HttpToolsProtocol):
    """Tells the application how to break its connection, which plain ASGI has no word for."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        extensions: dict[str, dict[object, object]] = {"simulator.abort": {"abort": self.transport.abort}}
        self.scope["extensions"] = extensions


class Running:
    """A simulator in its thread. Every method is safe to call from any other thread."""

    api_key = "sim-key"

    def __init__(self, simulator: Simulator, *, root_url: str) -> None:
        self.simulator = simulator
        self.root_url = root_url
        self.loop: asyncio.AbstractEventLoop | None = None

    def base_url(self, provider: str) -> str:
        return self.root_url + PATHS[provider]

    def reset(self) -> None:
        self._inside(self.simulator.reset)

    def options(self, **changes: Any) -> None:
        """Change options, as `POST /_sim/options` does; limits as dictionaries."""
        self._inside(lambda: self.simulator.configure(**changes))

    def fault(self, fault: str, **rule: Any) -> None:
        """Plant one rule: `fault("429", match={"provider": "openai"}, times=1, retry_after=0.1)`."""
        self._inside(lambda: self.simulator.plant({"fault": fault, **rule}))

    def stats(self) -> Json:
        return self._inside(self.simulator.stats.report)

    def lane(self, provider: str, model: str = "") -> Json:
        """Counts of one provider and model; of all its models where none is named."""
        lanes = [lane for lane in self.stats()["lanes"] if lane["provider"] == provider]
        if model:
            lanes = [lane for lane in lanes if lane["model"] == model]
        names = ("requests", "answers", "violations", "faults", "rejected", "in_flight_max")
        return {name: sum(lane[name] for lane in lanes) for name in names}

    def _inside(self, call: Callable[[], T]) -> T:
        """Run it on the server's loop, between requests."""
        if self.loop is None:
            return call()

        async def inside() -> T:
            return call()

        return asyncio.run_coroutine_threadsafe(inside(), self.loop).result(10)


@contextlib.contextmanager
def serve_in_thread(options: Options | None = None, *, world: World | None = None) -> Iterator[Running]:
    """A simulator on a free port, with a thread and an event loop of its own, until the block ends."""
    listener = listen("127.0.0.1", 0)
    running = Running(create_app(world, options), root_url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    server = _Server(_config(running.simulator, grace=0))

    def serve() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(server.serve(sockets=[listener]))

    thread = threading.Thread(target=serve, name="provider-simulator", daemon=True)
    thread.start()
    try:
        server.ready.wait(20)
        running.loop = server.loop
        yield running
    finally:
        running.loop = None
        server.should_exit = True
        thread.join(20)
        listener.close()


def run(*, host: str, port: int, world: World | None, options: Options) -> None:
    """Serve until interrupted; `Unavailable` where the address is taken."""
    listener = listen(host, port)
    print(f"Simulated providers on http://{host}:{listener.getsockname()[1]} (seed {options.seed})", flush=True)
    server = uvicorn.Server(_config(create_app(world, options), grace=1))
    with contextlib.closing(listener), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve(sockets=[listener]))


def listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        reason = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        raise Unavailable(f"Cannot listen on {host}:{port}: {reason}.") from error
    listener.listen(2048)
    return listener


def _config(app: Simulator, *, grace: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=AbortableProtocol,
        ws="none",
        lifespan="off",
        log_level="critical",  # broken connections are what this server is for
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=grace,
    )


class _Server(uvicorn.Server):
    """Says when it accepts connections, and on which loop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.loop = asyncio.get_running_loop()
        self.ready.set()
