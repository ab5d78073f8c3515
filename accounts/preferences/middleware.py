"""Every page is written the way its reader reads."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers

from accounts.preferences.reading import present


class Preferences:
    """Stands behind authentication and in place of Django's LocaleMiddleware; asks the database nothing of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with present(request) as reading:
            request.LANGUAGE_CODE = reading.language  # type: ignore[attr-defined]
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", reading.language)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        return response
