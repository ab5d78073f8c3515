"""What every public page says of itself, always under the site's own address, never the one it was asked by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static

CARD = "img/card.png"


def address(path: str) -> str:
    """The full address of a path or a file of this site."""
    return urljoin(f"{settings.SITE_URL.rstrip('/')}/", path)


def show(
    request: HttpRequest, template: str, *, title: str, description: str, context: Mapping[str, Any] | None = None
) -> HttpResponse:
    known = {
        "page_title": title,
        "description": description,
        "canonical": address(request.path),
        "card": address(static(CARD)),
        "public_site": settings.PUBLIC_SITE,
        "privacy_url": settings.PRIVACY_URL,
        "terms_url": settings.TERMS_URL,
    }
    return render(request, template, {**known, **(context or {})})
