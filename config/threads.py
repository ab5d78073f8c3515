"""WSGI in a pool of threads under an event loop; a whole page crosses back to the loop once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from a2wsgi.wsgi import Body, build_environ

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ThreadedPages:
    """a2wsgi's own responder waits for the loop at every part of an answer, which under load costs a quarter more.

    Threads compete with the loop for the interpreter, so a page that is complete is handed over as one piece, and only
    a streamed answer part by part, at the reader's pace.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], *, threads: int) -> None:
        self.app = app
        self.executor = ThreadPoolExecutor(thread_name_prefix="WSGI", max_workers=threads)

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        loop = asyncio.get_running_loop()
        environ = build_environ(scope, Body(loop, receive))

        def send_now(message: Message) -> None:
            asyncio.run_coroutine_threadsafe(_send(send, message), loop).result()

        for message in await loop.run_in_executor(self.executor, self._answer, environ, send_now):
            await send(message)

    def _answer(self, environ: Any, send_now: Callable[[Message], None]) -> list[Message]:
        """What is left to send once the application is done; runs in a thread."""
        head: list[Message] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            head[:] = [_head(status, headers)]

        answer = self.app(environ, start_response)
        try:
            # Django's answers say whether they are complete; a bare file wrapper never is.
            if not getattr(answer, "streaming", True):
                return [*head, _part(b"".join(answer))]
            send_now(head[0])
            for chunk in answer:
                send_now(_part(chunk, more=True))
            return [_part(b"")]
        finally:
            getattr(answer, "close", lambda: None)()


async def _send(send: Send, message: Message) -> None:
    await send(message)


def _head(status: str, headers: list[tuple[str, str]]) -> Message:
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return {"type": "http.response.start", "status": int(status[:3]), "headers": encoded}


def _part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}
