"""While Redis is away, what cannot do without it says so: a rate limit that cannot count lets nobody through."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from redis.exceptions import ConnectionError, OutOfMemoryError, ReadOnlyError, TimeoutError

from config import errors

logger = logging.getLogger("prompter.outages")

# The last two answer, but write nothing: a replica that has not taken over yet, and a memory that is full.
AWAY = (ConnectionError, TimeoutError, ReadOnlyError, OutOfMemoryError)


class Outages:
    """Middleware: 503 where a view broke because Redis is away; its transaction was rolled back on the way here.
    Whatever has a harmless way to go on without Redis catches it itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, AWAY):
            return None
        logger.warning("Redis cannot be reached (%s): %s was refused", type(exception).__name__, request.path)
        return errors.unavailable(request)
