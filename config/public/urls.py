"""Addresses that need no account."""

from django.urls import path

from config.public import docs, pages, sitemap

urlpatterns = [
    path("", pages.front, name="home"),
    path("features/", pages.features, name="features"),
    path("pricing/", pages.pricing, name="pricing"),
    path("privacy/", pages.privacy, name="privacy"),
    path("terms/", pages.terms, name="terms"),
    path("docs/", docs.document, name="docs"),
    path("docs/openapi.yaml", docs.schema, name="docs-schema"),
    path("docs/api-reference/", docs.api_reference, name="docs-api-reference"),
    path("docs/img/<str:name>", docs.image, name="docs-image"),
    path("docs/<path:path>/", docs.document, name="docs-page"),
    path("robots.txt", pages.robots, name="robots"),
    path("sitemap.xml", sitemap.site_map, name="sitemap"),
    path("llms.txt", pages.llms, name="llms"),
    path("manifest.webmanifest", pages.manifest, name="manifest"),
    path("favicon.ico", pages.favicon, name="favicon"),
    path("apple-touch-icon.png", pages.touch_icon, name="touch-icon"),
]
