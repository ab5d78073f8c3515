"""The pages that search engines should know, under the site's own address whatever host they were asked by."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.contrib.sitemaps.views import sitemap
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from config.public.docs import all_addresses


class PublicPages(Sitemap):  # type: ignore[type-arg]
    def items(self) -> list[str]:
        names = ("home", "features", "pricing", "privacy", "terms")
        return [*(reverse(name) for name in names), *all_addresses()]

    def location(self, item: str) -> str:
        return item

    def get_domain(self, site: Any = None) -> str:
        return urlsplit(settings.SITE_URL).netloc

    def get_protocol(self, protocol: str | None = None) -> str:
        return urlsplit(settings.SITE_URL).scheme


@require_safe
def site_map(request: HttpRequest) -> HttpResponse:
    if not settings.PUBLIC_SITE:
        raise Http404
    return sitemap(request, sitemaps={"public": PublicPages})
