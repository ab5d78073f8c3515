"""What every provider's adapter is: three calls, one deadline each, and nothing but `LlmError` out of them."""

from __future__ import annotations

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import cache
from typing import TypeVar

import aiohttp
import httpx2

from . import failures
from .errors import ErrorKind, LlmError, gettext_noop
from .types import Credential, Delta, Embedding, FinishReason, Reply, Request

EMBED_TIMEOUT = 60.0  # seconds
MAX_CONNECTIONS = 4_000  # per client; the transports' own default is 100 or 1,000
KEEPALIVE = 30.0  # seconds

_T = TypeVar("_T")

# What reading a response of another shape than documented runs into.
MISSHAPEN = (AttributeError, IndexError, KeyError, TypeError, ValueError)


@cache
def tls() -> ssl.SSLContext:
    """One context for all clients: reading the system's certificates is most of what a new client costs."""
    return httpx2.create_ssl_context()


class Adapter(ABC):
    """One credential's way to one provider. Made inside the event loop that it is used on."""

    sdk_errors: tuple[type[Exception], ...]  # every exception of its own that the SDK lets out

    def __init__(self, credential: Credential) -> None:
        self.credential = credential
        self._caught: tuple[type[Exception], ...] = (*self.sdk_errors, *MISSHAPEN, OSError)
        self._in_flight = 0
        self._retired = False

    async def complete(self, request: Request) -> Reply:
        async with self._busy(), self._guarded(_deadline(request.timeout)):
            return answered(await self._complete(request))

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Text as it comes, then one last `Delta` with the whole reply; closing it early closes the connection."""
        deadline = _deadline(request.timeout)
        async with self._busy(), aclosing(self._stream(request)) as pieces:
            delta = Delta()
            while delta.reply is None:
                delta = await self._next(pieces, deadline, started=bool(delta.text))
                yield delta

    async def embed(self, texts: Sequence[str], *, model: str) -> Embedding:
        async with self._busy(), self._guarded(_deadline(EMBED_TIMEOUT)):
            embedding = await self._embed(texts, model=model)
            if len(embedding.vectors) != len(texts):
                raise LlmError(
                    ErrorKind.BAD_RESPONSE,
                    gettext_noop("%(texts)s texts came back as %(vectors)s vectors."),
                    values={"texts": len(texts), "vectors": len(embedding.vectors)},
                )
            return embedding

    @asynccontextmanager
    async def calling(self, *, timeout: float) -> AsyncGenerator[None, None]:  # noqa: ASYNC109  a deadline, as everywhere
        """For calls beyond answers, such as batches: `timeout` seconds, and nothing but `LlmError` out of it."""
        async with self._busy(), self._guarded(_deadline(timeout)):
            yield

    async def retire(self) -> None:
        """Close as soon as nothing is under way."""
        self._retired = True
        if not self._in_flight:
            await self.aclose()

    @abstractmethod
    async def aclose(self) -> None: ...

    @abstractmethod
    async def _complete(self, request: Request) -> Reply: ...

    @abstractmethod
    def _stream(self, request: Request) -> AsyncGenerator[Delta, None]: ...

    async def _embed(self, texts: Sequence[str], *, model: str) -> Embedding:
        raise LlmError(
            ErrorKind.UNSUPPORTED,
            gettext_noop("%(provider)s offers no embeddings here."),
            values={"provider": self.credential.provider.label},
        )

    @abstractmethod
    def _translate(self, error: Exception) -> failures.Rejection | ErrorKind | None:
        """What an SDK's exception is: a provider's refusal, a failure on the way, or none of its own."""

    async def _next(self, pieces: AsyncGenerator[Delta, None], deadline: float, *, started: bool) -> Delta:
        async with self._guarded(deadline, started=started):
            delta = await anext(pieces, None)
            if delta is None:
                raise LlmError(ErrorKind.BAD_RESPONSE, gettext_noop("The stream ended before the answer did."))
            if delta.reply is not None:
                answered(delta.reply)
            return delta

    @asynccontextmanager
    async def _busy(self) -> AsyncGenerator[None, None]:
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1
            if self._retired and not self._in_flight:
                await self.aclose()

    @asynccontextmanager
    async def _guarded(self, deadline: float, *, started: bool = False) -> AsyncGenerator[None, None]:
        try:
            async with asyncio.timeout_at(deadline):
                yield
        except LlmError:
            raise
        except self._caught as error:
            # Without its cause: an SDK's exception may quote the key, and tracebacks end up in logs.
            raise self._failure(error, started=started) from None

    def _failure(self, error: Exception, *, started: bool) -> LlmError:
        found = self._translate(error)
        if isinstance(found, failures.Rejection):
            return failures.from_rejection(found, secret=self.credential.api_key)
        if found is None and isinstance(error, TimeoutError):
            found = ErrorKind.TIMEOUT
        if found is None and isinstance(error, OSError):
            found = ErrorKind.CONNECTION
        if found is ErrorKind.CONNECTION and started:
            return LlmError(ErrorKind.BAD_RESPONSE, gettext_noop("The connection broke in the middle of the answer."))
        values = {"provider": self.credential.provider.label}
        if found is ErrorKind.TIMEOUT:
            return LlmError(found, gettext_noop("%(provider)s did not finish in time."), values=values)
        if found is ErrorKind.CONNECTION:
            return LlmError(found, gettext_noop("%(provider)s could not be reached."), values=values)
        return LlmError(
            found or ErrorKind.BAD_RESPONSE,
            gettext_noop("%(provider)s answered in an unknown shape (%(error)s)."),
            values={**values, "error": type(error).__name__},
        )


def connection_kind(error: BaseException) -> ErrorKind:
    """Whether the way there failed or only took too long.

    The SDKs' aiohttp transport reports every failed connection as a timeout, so its cause decides.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, aiohttp.ClientConnectionError):
            return ErrorKind.TIMEOUT if isinstance(cause, TimeoutError) else ErrorKind.CONNECTION
        cause = cause.__cause__
    return ErrorKind.TIMEOUT if "Timeout" in type(error).__name__ else ErrorKind.CONNECTION


def expect(value: object, shape: type[_T]) -> _T:
    """`value` as a `shape`. The SDKs hand out bare text where JSON was promised."""
    if not isinstance(value, shape):
        raise LlmError(ErrorKind.BAD_RESPONSE, gettext_noop("The answer is not JSON of the documented shape."))
    return value


def answered(reply: Reply) -> Reply:
    """The reply, unless it is a success with nothing in it."""
    if not reply.text.strip() and reply.finish_reason in (FinishReason.STOP, FinishReason.OTHER):
        raise LlmError(
            ErrorKind.BAD_RESPONSE,
            gettext_noop("The answer is empty."),
            request_id=reply.request_id,
            rate_limits=reply.rate_limits,
        )
    return reply


def _deadline(timeout: float) -> float:
    return asyncio.get_running_loop().time() + timeout
