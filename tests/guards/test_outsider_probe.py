"""A stranger walks every address of a tenant by every method; a neighbour tries foreign ids from their own house."""

import re
from collections.abc import Callable, Iterator

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import URLResolver, path
from django.urls.resolvers import RegexPattern
from django.utils import timezone

from accounts.models import User
from orgs.models import Membership, Organization
from orgs.scoping import org_scope
from prompts.models import Brand, Project, Prompt
from scans.models import Answer, Citation, Mention, Scan
from tests.cast import make_prompt
from tests.guards.tree import Address, addresses, tenant_addresses

METHODS = ("get", "post", "put", "patch", "delete")
REFUSED = {404, 405}  # 405 by a view that never looks past the method, with nothing of the tenant in it


def filled(route: str, values: dict[str, str]) -> str:
    """A concrete address: every `<converter:name>` and `(?P<name>...)` replaced."""
    route = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", route)
    route = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: values[match[1]], route)
    return "/" + route.replace("^", "").replace("$", "").replace("\\Z", "").replace("\\.", ".").lstrip("/")


def probes(found: list[Address], values: dict[str, str]) -> Iterator[tuple[str, str]]:
    for address in found:
        known = {**dict.fromkeys(address.arguments, "1"), "format": "json", "provider": "openai", **values}
        for method in METHODS:
            yield method, filled(address.route, known)


def leaks(client: Client, found: list[Address], values: dict[str, str], *, allowed: set[int]) -> list[str]:
    problems = []
    for method, url in probes(found, values):
        status = getattr(client, method)(url, content_type="application/json").status_code
        if status not in allowed:
            problems.append(f"{method.upper()} {url}: {status}")
    return problems


@pytest.fixture
def scanned(project: Project, own_brand: Brand, prompt: Prompt) -> Answer:
    """One of everything in `org`."""
    with org_scope(project.org_id):
        same = {"org_id": project.org_id}
        scan = Scan.objects.for_org(project.org_id).create(
            **same, project=project, source="command", engines=project.engines, total=1, status="done"
        )
        answer = Answer.objects.for_org(project.org_id).create(
            **same,
            scan=scan,
            project=project,
            prompt=prompt,
            prompt_text=prompt.text,
            engine=project.engines[0],
            lane="sim-openai|openai:gpt-5-mini",
            turn=1,
            status="succeeded",
            text="Lumenboard is a secret of Acme.",
            finished_at=timezone.now(),
        )
        Mention.objects.for_org(project.org_id).create(
            **same, answer=answer, brand=own_brand, start=0, end=10, kind="name", text="Lumenboard", rank=1
        )
        Citation.objects.for_org(project.org_id).create(
            **same, answer=answer, url="https://lumenboard.example/", kind="own", position=1
        )
        return answer


def test_an_outsider_gets_nothing_anywhere(
    client_of: Callable[[User], Client], outsider: User, org: Organization, scanned: Answer
) -> None:
    values = {"org_slug": org.slug, "project_slug": "lumenboard", "pk": str(scanned.pk)}
    assert leaks(client_of(outsider), tenant_addresses(), values, allowed=REFUSED) == []


def test_a_stranger_is_asked_to_sign_in_everywhere(client_of: Callable[[None], Client], scanned: Answer) -> None:
    values = {"org_slug": "acme", "project_slug": "lumenboard", "pk": str(scanned.pk)}
    streams = [address for address in tenant_addresses() if address.route.startswith("stream/")]
    pages = [address for address in tenant_addresses() if not address.route.startswith(("api/", "stream/"))]
    api = [address for address in tenant_addresses() if address.route.startswith("api/")]
    assert pages
    assert api
    assert streams
    assert leaks(client_of(None), streams, values, allowed={401}) == []
    assert leaks(client_of(None), pages, values, allowed={302, 405}) == []
    assert leaks(client_of(None), api, values, allowed={401, 403, 404, 405}) == []


def test_a_neighbour_reaches_no_foreign_row_through_their_own_organization(
    client_of: Callable[[User], Client], outsider: User, other_org: Organization, scanned: Answer
) -> None:
    """`outsider` owns `other_org`, whose project has the same slug and no rows: every foreign id must be unknown."""
    with org_scope(other_org):
        # Ids far from those that are tried, so that none of them happens to be a row of their own.
        far = 10**9
        theirs = Project.objects.for_org(other_org).create(id=far, org=other_org, name="Lumenboard", slug="lumenboard")
        make_prompt(theirs, "Mine", id=far)
        Membership.objects.for_org(other_org).update(id=far)
    with org_scope(scanned.org_id):
        ids = {
            model: model.objects.for_org(scanned.org_id).get().pk for model in (Scan, Answer, Brand, Prompt, Project)
        }
    with_ids = [address for address in tenant_addresses() if "pk" in address.arguments]
    assert len(with_ids) >= 8
    client = client_of(outsider)
    for model, pk in ids.items():
        values = {"org_slug": other_org.slug, "project_slug": "lumenboard", "pk": str(pk)}
        with org_scope(other_org):
            assert not model.objects.for_org(other_org).filter(pk=pk).exists()
        assert leaks(client, with_ids, values, allowed=REFUSED) == [], model
    with org_scope(scanned.org_id):
        assert Prompt.objects.for_org(scanned.org_id).get().archived_at is None
        assert Scan.objects.for_org(scanned.org_id).get().status == "done"


def test_a_planted_open_door_is_found(client_of: Callable[[User], Client], outsider: User, settings: object) -> None:
    def open_door(request: HttpRequest, org_slug: str) -> HttpResponse:
        return HttpResponse("secret")

    class urls:
        urlpatterns = [path("o/<slug:org_slug>/open/", open_door)]

    settings.ROOT_URLCONF = urls  # type: ignore[attr-defined]
    found = list(addresses(URLResolver(RegexPattern(r"^"), urls.urlpatterns)))
    found = [Address(route=a.route.lstrip("^"), name="", callback=a.callback, arguments=a.arguments) for a in found]
    assert "GET /o/acme/open/: 200" in leaks(client_of(outsider), found, {"org_slug": "acme"}, allowed=REFUSED)
