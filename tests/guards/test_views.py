"""Every address of a tenant is guarded by `org_view`, and every other address is public on purpose."""

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.urls import URLResolver, path
from django.urls.resolvers import RegexPattern

from orgs.access import org_view
from orgs.rest import OrgViewSet
from orgs.roles import Permission
from tests.guards.tree import Address, addresses, tenant_addresses

# Addresses without an organization, by the start of their route.
PUBLIC = ("", "healthz", "readyz", "operators/", "accounts/", "organizations/", "invitations/", "unsubscribe/")
PUBLIC += ("features/", "pricing/", "privacy/", "terms/", "docs/", "robots.txt", "sitemap.xml", "llms.txt")
PUBLIC += ("manifest.webmanifest", "favicon.ico", "apple-touch-icon.png", "i18n/")


def is_guarded(address: Address) -> bool:
    viewset = getattr(address.callback, "cls", None)
    if viewset is not None:
        return issubclass(viewset, OrgViewSet)
    is_stream = getattr(address.callback, "is_stream", False)
    permitted = isinstance(getattr(address.callback, "org_permission", None), Permission)
    return permitted and is_stream == address.route.startswith("stream/")


def view_problems(found: Iterator[Address] | list[Address]) -> Iterator[str]:
    for address in found:
        if "org_slug" in address.arguments:
            if not is_guarded(address):
                yield f"{address.route} is not guarded by org_view, or org_stream under /stream/"
        elif not any(address.route == start or (start and address.route.startswith(start)) for start in PUBLIC):
            yield f"{address.route} has no organization and is not listed as public"


def test_every_tenant_address_is_guarded() -> None:
    assert len(tenant_addresses()) >= 30
    assert list(view_problems(addresses())) == []


def test_planted_addresses_are_found() -> None:
    def bare(request: HttpRequest, org_slug: str) -> HttpResponse:
        return HttpResponse()

    guarded = org_view(Permission.PROJECTS_VIEW)(lambda request: HttpResponse())
    resolver = URLResolver(
        RegexPattern(r"^"),
        [path("o/<slug:org_slug>/bare", bare), path("stray", bare), path("o/<slug:org_slug>/", guarded)],
    )
    assert list(view_problems(addresses(resolver, prefix="/"))) == [
        "/o/<slug:org_slug>/bare is not guarded by org_view, or org_stream under /stream/",
        "/stray has no organization and is not listed as public",
    ]
