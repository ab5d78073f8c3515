"""Text is sent compressed; docs/adr/0020 says why that is safe on pages that hold secrets."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

# Pictures and archives are compressed already, and an event stream has to leave at once.
WORTH_IT = frozenset(
    {
        "application/json",
        "application/manifest+json",
        "application/problem+json",
        "application/xml",
        "application/yaml",
        "image/svg+xml",
        "text/csv",
        "text/html",
        "text/plain",
        "text/xml",
    }
)


class Compressed(GZipMiddleware):
    """Django's, whose random length hides how well a secret was guessed, for what is text."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind not in WORTH_IT:
            return response
        return super().process_response(request, response)
