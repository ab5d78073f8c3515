"""What people and programs see when a request cannot be served."""

from __future__ import annotations

from http import HTTPStatus
from math import ceil

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

_DETAILS = {
    400: _("The request is malformed."),
    402: _("This goes beyond the organization's allowance."),
    403: _("You may not do this."),
    404: _("There is nothing here."),
    411: _("The request does not say how long it is."),
    413: _("The request is too large."),
    429: _("Too many requests. Wait a moment and try again."),
    500: _("Something broke on our side."),
    503: _("A service that this needs cannot be reached. Try again in a minute."),
}


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, 400)


def payment_required(request: HttpRequest, exception: Exception | None = None, *, sentence: str = "") -> HttpResponse:
    return _answer(request, 402, {"sentence": sentence})


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, 403)


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its token: usually a page that was left open over a sign-out or a sign-in."""
    return _answer(request, 403, template="403_csrf.html")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, 404)


def length_required(request: HttpRequest) -> HttpResponse:
    return _answer(request, 411)


def too_large(request: HttpRequest) -> HttpResponse:
    return _answer(request, 413, {"most": settings.REQUEST_MAX_BYTES // 1024**2})


def too_many_requests(
    request: HttpRequest, exception: Exception | None = None, *, retry_after: float = 60
) -> HttpResponse:
    seconds = max(1, ceil(retry_after))
    response = _answer(request, 429, {"retry_after": seconds})
    response["Retry-After"] = str(seconds)
    return response


def broken(request: HttpRequest) -> HttpResponse:
    return _answer(request, 500)


def unavailable(request: HttpRequest) -> HttpResponse:
    response = _answer(request, 503)
    response["Retry-After"] = "60"
    return response


def _answer(
    request: HttpRequest, status: int, context: dict[str, object] | None = None, *, template: str = ""
) -> HttpResponse:
    """The page is rendered without the request: whatever broke may be what a context processor needs."""
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": _DETAILS[status]}, status=status)
    known = {"status": status, "phrase": HTTPStatus(status).phrase, **(context or {})}
    return HttpResponse(render_to_string(template or f"{status}.html", known), status=status)
