"""Requests that say they are larger than anything here takes, or not how large, are refused before they are read."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from config.errors import bad_request, length_required, too_large


class Bounded:
    """Middleware, before whatever reads a body. WSGI would read one without a length, which comes in chunks, as empty,
    and what it says of a length does not count then (RFC 9112, 6.3)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.META.get("HTTP_TRANSFER_ENCODING"):
            return length_required(request)
        said = (request.META.get("CONTENT_LENGTH") or "0").strip()
        if not (said.isascii() and said.isdigit()):
            return bad_request(request)
        if _is_more(said, settings.REQUEST_MAX_BYTES):
            return too_large(request)
        return self.get_response(request)


def _is_more(said: str, most: int) -> bool:
    """By its digits first: a number that is long enough is a cost to read, and Python refuses the longest."""
    digits = said.lstrip("0") or "0"
    return len(digits) > len(str(most)) or int(digits) > most
