"""What the batch endpoints of all providers share: limits, reading lines one at a time, and failures of single ones."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, ClassVar, Generic, TypeVar

import orjson

from . import failures
from .adapter import MISSHAPEN, Adapter
from .batches import TERMS
from .errors import ErrorKind, LlmError, gettext_noop
from .types import Reply

SUBMIT_SECONDS = 120.0
READ_SECONDS = 60.0  # for one call, or between two lines of a result
EXPIRED = gettext_noop("The batch expired before this was answered.")
CANCELLED = gettext_noop("The batch was cancelled before this was answered.")
LISTED = 500  # batches looked through for one that was lost

A = TypeVar("A", bound=Adapter)


class AdapterBatches(Generic[A]):
    """Batches over the adapter of a credential: its client, its way of building requests and reading replies."""

    ends: ClassVar[frozenset[str]]  # codes of entries that were never asked

    def __init__(self, adapter: A) -> None:
        self._adapter = adapter

    def _check_size(self, size: int) -> None:
        provider = self._adapter.credential.provider
        if provider in TERMS and size > TERMS[provider].bytes:
            raise LlmError(
                ErrorKind.BAD_REQUEST,
                gettext_noop("%(size)s bytes are more than %(provider)s takes in a batch."),
                values={"size": size, "provider": provider.label},
            )

    async def _each(self, lines: AsyncIterator[str]) -> AsyncGenerator[dict[str, Any], None]:
        """The objects among the lines, each within its own deadline; whatever is none is left out."""
        while True:
            async with self._adapter.calling(timeout=READ_SECONDS):
                line = await anext(lines, None)
            if line is None:
                return
            try:
                read = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(read, dict) and isinstance(read.get("custom_id"), str):
                yield read

    def _refused(self, body: object, *, status: int | None) -> LlmError:
        rejection = failures.Rejection(status=status, body=body, headers={})
        return failures.from_rejection(rejection, secret=self._adapter.credential.api_key)


def read(parse: Callable[[], Reply]) -> Reply | LlmError:
    """One entry's reply, or why it is none; a misshapen one spoils no other."""
    try:
        return parse()
    except LlmError as error:
        return error
    except MISSHAPEN as error:
        return LlmError(
            ErrorKind.BAD_RESPONSE,
            gettext_noop("A batch's answer has an unknown shape (%(error)s)."),
            values={"error": type(error).__name__},
        )


def unanswered(sentence: str) -> LlmError:
    """An entry that the batch did not get to, because it `EXPIRED` or was `CANCELLED`."""
    return LlmError(ErrorKind.TIMEOUT, sentence)
