"""Find: what a member may see, by a part of its name, and nothing of anybody else."""

import pytest

from accounts.models import User
from orgs.models import Organization
from orgs.scoping import org_scope
from prompts.models import Brand, Project, Prompt
from tests.cast import make_prompt
from tests.screens import ClientOf

FETCH = {"X-Requested-With": "fetch"}


def found(client_of: ClientOf, user: User, q: str, **query: str) -> str:
    answer = client_of(user).get("/o/acme/find/", {"q": q, **query})
    assert answer.status_code == 200
    return answer.content.decode().partition("<main")[2].partition("</main")[0]


def test_pages_are_found_by_their_name(client_of: ClientOf, member: User, project: Project) -> None:
    page = found(client_of, member, "engin", project=project.slug)
    assert f'href="/o/acme/p/{project.slug}/engines/"' in page
    assert "/members/" not in page


def test_pages_that_a_role_may_not_open_are_not_offered(
    client_of: ClientOf, viewer: User, admin: User, project: Project
) -> None:
    assert [("/o/acme/keys/" in found(client_of, user, "keys")) for user in (viewer, admin)] == [False, True]


def test_prompts_brands_and_projects_are_found(
    client_of: ClientOf, member: User, project: Project, own_brand: Brand, prompt: Prompt
) -> None:
    page = found(client_of, member, project.name[:4].upper())
    assert f'href="/o/acme/p/{project.slug}/"' in page
    assert prompt.text.split()[0] in found(client_of, member, prompt.text[:8])
    assert f'href="/o/acme/p/{project.slug}/brands/"' in found(client_of, member, own_brand.name[:5])


def test_other_organizations_rows_are_never_found(
    client_of: ClientOf, member: User, outsider: User, project: Project, other_org: Organization
) -> None:
    with org_scope(other_org):
        theirs = Project.objects.for_org(other_org).create(org=other_org, name="Secret zebra", slug="zebra")
        make_prompt(theirs, "Which zebra is best?")
    assert "zebra" not in found(client_of, member, "zebr").replace('value="zebr"', "")


def test_nothing_found_is_said(client_of: ClientOf, member: User, project: Project) -> None:
    assert "Nothing found" in found(client_of, member, "qqqq")


@pytest.mark.parametrize(
    "q", ["", "%", "_", "\\", "\0", "\0\0ab", "x" * 5000, "<script>alert(1)</script>", "\u202e\u202eab"]
)
def test_odd_texts_are_only_texts(client_of: ClientOf, member: User, project: Project, prompt: Prompt, q: str) -> None:
    page = found(client_of, member, q, project="nowhere" * 40)
    assert "<script>" not in page
    assert prompt.text not in page or not q


def test_the_palette_gets_options_only(client_of: ClientOf, member: User, project: Project) -> None:
    answer = client_of(member).get("/o/acme/find/", {"q": "scans", "project": project.slug}, headers=FETCH)
    page = answer.content.decode()
    assert ('role="option"' in page, "<html" in page) == (True, False)


def test_a_project_that_cannot_be_is_none(client_of: ClientOf, member: User, org: Organization) -> None:
    assert "/o/acme/" in found(client_of, member, "", project="\0")
