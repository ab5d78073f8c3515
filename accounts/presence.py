"""Where the present request comes from, for the records that it leaves: address, browser, and who acts as whom."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from allauth.core.internal.httpkit import get_client_ip
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponseBase

_LONGEST_AGENT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """`impersonator_id` is the operator who acts as the signed-in user, where one does."""

    address: str | None = None
    user_agent: str = ""
    impersonator_id: int | None = None


_current: ContextVar[Callable[[], Origin] | None] = ContextVar("presence", default=None)


def origin() -> Origin:
    """Empty outside a request: in tasks and commands."""
    made = _current.get()
    return made() if made else Origin()


def origin_of(request: HttpRequest) -> Origin:
    try:
        address = get_client_ip(request)
    except ImproperlyConfigured:
        address = None  # fewer proxies on the way than configured: nothing in the header can be believed
    history = request.session.get("hijack_history") if hasattr(request, "session") else None
    return Origin(
        address=address,
        user_agent=request.headers.get("User-Agent", "")[:_LONGEST_AGENT],
        impersonator_id=int(history[0]) if history else None,
    )


class Presence:
    """Middleware, after the session's. Nothing is read before somebody asks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        token = _current.set(lambda: origin_of(request))
        try:
            return self.get_response(request)
        finally:
            _current.reset(token)
