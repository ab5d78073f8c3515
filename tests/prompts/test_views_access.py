"""Who may use which screen of a project, and what everybody else is told."""

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from orgs.models import Membership
from orgs.roles import Role
from orgs.scoping import org_scope
from prompts.credentials import save_key
from prompts.models import Brand, Project, Prompt
from tests.cast import make_member
from tests.scans.made import make_answer, make_scan
from tests.screens import ROLES, ClientOf, Screen, ask, roles_from

PROJECT = ("acme", "lumenboard")
SCREENS = {
    # name: (arguments, least role for GET or None, least role for POST or None)
    "org-home": ((), "viewer", None),
    "project-add": ((), "admin", "admin"),
    "provider-keys": ((), "admin", "admin"),
    "provider-key-limits": (("key",), "admin", "admin"),
    "provider-key-delete": (("key",), "admin", "admin"),
    "project-edit": (("lumenboard",), "member", "member"),
    "project-archive": (("lumenboard",), "admin", "admin"),
    "project-overview": (("lumenboard",), "viewer", None),
    "brands": (("lumenboard",), "viewer", None),
    "brand-add": (("lumenboard",), "member", "member"),
    "brand-edit": (("lumenboard", "brand"), "member", "member"),
    "brand-delete": (("lumenboard", "brand"), "member", "member"),
    "prompts": (("lumenboard",), "viewer", None),
    "prompt-add": (("lumenboard",), "member", "member"),
    "prompts-paste": (("lumenboard",), "member", "member"),
    "prompts-import": (("lumenboard",), "member", "member"),
    "prompt-edit": (("lumenboard", "prompt"), "member", "member"),
    "prompt-row": (("lumenboard", "prompt"), "viewer", None),
    "prompt-archive": (("lumenboard", "prompt"), "member", "member"),
    "prompt-restore": (("lumenboard", "prompt"), None, "member"),
    "engines": (("lumenboard",), "viewer", "member"),
    "scans": (("lumenboard",), "viewer", None),
    "scan-start": (("lumenboard",), None, "member"),
    "scan": (("lumenboard", "scan"), "viewer", None),
    "scan-progress": (("lumenboard", "scan"), "viewer", None),
    "scan-cancel": (("lumenboard", "scan"), "member", "member"),
    "scan-retry": (("lumenboard", "scan"), None, "member"),
    "answer": (("lumenboard", "answer"), "viewer", None),
}


@pytest.fixture
def ids(owner: User, project: Project, own_brand: Brand, prompt: Prompt) -> dict[str, int]:
    scan = make_scan(project)
    with org_scope(project.org_id):
        key = save_key(project.org_id, provider="openai", api_key="sk-something-long", actor=owner)
    return {
        "brand": own_brand.pk,
        "prompt": prompt.pk,
        "scan": scan.pk,
        "answer": make_answer(scan, prompt, names=(own_brand,)).pk,
        "key": key.pk,
    }


def screen(name: str, ids: dict[str, int]) -> Screen:
    arguments, read, write = SCREENS[name]
    url = reverse(name, args=["acme", *(ids.get(argument, argument) for argument in arguments)])
    methods = tuple(method for method, least in (("get", read), ("post", write)) if least)
    return Screen(url=url, methods=methods, role=read or write or "")


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_is_shown_from_its_role_on_and_refused_below(
    name: str, ids: dict[str, int], client_of: ClientOf, org: Any
) -> None:
    _, read, write = SCREENS[name]
    for role in ROLES:
        client = client_of(make_member(org, Role(role), f"{role}-{name}@acme.example"))
        if read:
            allowed = role in roles_from(read)
            assert client.get(screen(name, ids).url).status_code == (200 if allowed else 403), role
        if write and role not in roles_from(write):
            assert client.post(screen(name, ids).url).status_code == 403, role


@pytest.mark.parametrize("name", SCREENS)
def test_an_outsider_finds_nothing_and_a_stranger_signs_in(
    name: str, ids: dict[str, int], client_of: ClientOf, outsider: User
) -> None:
    shown = screen(name, ids)
    for method in shown.methods:
        assert ask(client_of(outsider), method, shown.url).status_code == 404
        refused = ask(client_of(None), method, shown.url)
        assert refused.status_code == 302
        assert refused.url.startswith(reverse("account_login"))


@pytest.mark.parametrize("name", SCREENS)
def test_a_wrong_method_is_refused(name: str, ids: dict[str, int], client_of: ClientOf, owner: User) -> None:
    shown, client = screen(name, ids), client_of(owner)
    for method in {"get", "post", "put", "delete"} - set(shown.methods):
        assert ask(client, method, shown.url).status_code == 405, method


def test_a_disabled_organization_has_no_pages(client_of: ClientOf, owner: User, project: Project, org: Any) -> None:
    org.disabled_at = timezone.now()
    org.save()
    assert client_of(owner).get(reverse("project-overview", args=PROJECT)).status_code == 404


def test_somebody_who_left_is_a_stranger(client_of: ClientOf, viewer: User, project: Project, org: Any) -> None:
    client = client_of(viewer)
    assert client.get(reverse("brands", args=PROJECT)).status_code == 200
    with org_scope(org):
        Membership.objects.for_org(org).filter(user=viewer).delete()
    assert client.get(reverse("brands", args=PROJECT)).status_code == 404
