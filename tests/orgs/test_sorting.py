"""Lists that can be sorted: by links, page by page, and by nothing that nobody offers."""

import re

import pytest
from django.test import Client

from accounts.models import User
from orgs.keyset import page_of
from orgs.models import Membership, Organization
from orgs.roles import Role
from orgs.scoping import org_scope
from prompts.models import Project, Prompt
from tests.cast import make_member, make_prompt

pytestmark = pytest.mark.django_db


@pytest.fixture
def named(org: Organization, owner: User) -> list[str]:
    for name in ("zoe", "Adam", "mia", "Bert"):
        user = make_member(org, Role.VIEWER, f"{name.lower()}@acme.example")
        user.name = name
        user.save()
    return ["Adam", "Bert", "mia", owner.name, "zoe"]


def _names(client: Client, query: str) -> list[str]:
    text = client.get(f"/o/acme/members/?{query}").content.decode()
    return re.findall(r'<bdi class="font-medium break-words">([^<]+)</bdi>', text)


def test_members_are_sorted_by_name_in_both_ways(client: Client, owner: User, named: list[str]) -> None:
    client.force_login(owner)
    assert _names(client, "sort=name") == named
    assert _names(client, "sort=-name") == named[::-1]


def test_members_are_sorted_by_what_they_may_do(client: Client, owner: User, named: list[str], admin: User) -> None:
    client.force_login(owner)
    assert _names(client, "sort=role")[:2] == [owner.name, admin.name]


@pytest.mark.parametrize("sort", ["", "password", "-", "user__email", "name,role", "\0"])
def test_what_is_not_offered_sorts_nothing(client: Client, owner: User, named: list[str], sort: str) -> None:
    client.force_login(owner)
    assert _names(client, f"sort={sort}")[0] == owner.name


def test_the_head_says_how_it_sorts_and_offers_the_other_way(client: Client, owner: User) -> None:
    client.force_login(owner)
    text = client.get("/o/acme/members/?sort=name").content.decode()
    assert 'aria-sort="ascending"' in text
    assert 'href="?sort=-name"' in text


def test_a_sorted_list_is_the_same_page_by_page(org: Organization, project: Project) -> None:
    with org_scope(org):
        for number in range(7):
            make_prompt(project, f"Which tool is number {number}?", country="DE" if number % 2 else "AT")
        rows = Prompt.objects.for_org(org).filter(project=project)
        sorts = {"country": "country"}
        whole = [row.pk for row in page_of(rows, query={"sort": "-country"}, newest_first=True, sorts=sorts).items]
        found, query = [], {"sort": "-country"}
        while True:
            page = page_of(rows, query=query, newest_first=True, size=3, sorts=sorts)
            found += [row.pk for row in page.items]
            if not page.next:
                break
            query = {"sort": "-country", "after": page.next}
        assert found == whole
        back = page_of(
            rows, query={"sort": "-country", "before": page.previous}, newest_first=True, size=3, sorts=sorts
        )
        assert [row.pk for row in back.items] == whole[3:6]


def test_a_cursor_whose_row_has_gone_begins_the_sorted_list_anew(org: Organization, owner: User) -> None:
    with org_scope(org):
        rows = Membership.objects.for_org(org)
        page = page_of(rows, query={"sort": "role", "after": "999999"}, newest_first=True, sorts={"role": "role"})
    assert [row.user_id for row in page.items] == [owner.pk]
    assert page.previous == ""


def test_prompts_keep_their_filters_when_they_are_sorted(client: Client, member: User, project: Project) -> None:
    client.force_login(member)
    text = client.get(f"/o/acme/p/{project.slug}/prompts/?state=archived&sort=prompt&after=5").content.decode()
    assert 'name="sort" value="prompt"' in text


def test_a_lost_cursor_shows_the_first_page_and_no_page_is_a_dead_end(org: Organization, project: Project) -> None:
    with org_scope(org):
        for number in range(5):
            make_prompt(project, f"Which tool is number {number}?")
        prompts = Prompt.objects.for_org(org).filter(project=project)
        first, last = prompts.order_by("pk")[0].pk, prompts.order_by("-pk")[0].pk
        sorts = {"text": "text"}
        lost = [
            {"sort": "text", "before": "999999"},
            {"sort": "text", "after": "999999"},
            {"sort": "text", "before": str(first)},
            {"sort": "text", "after": str(last)},
            {"before": "0"},
            {"after": str(last)},
        ]
        for query in lost:
            page = page_of(prompts, query=query, newest_first=False, size=2, sorts=sorts)
            assert [row.pk for row in page.items] == [first, first + 1], query
            assert (page.next, page.previous) == (str(first + 1), ""), query
