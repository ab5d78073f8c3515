"""What two people do at once, and what an event tells of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from orgs.founding import found_organization
from orgs.models import Event, Organization
from orgs.scoping import org_scope
from prompts import library
from prompts.csv_import import PromptRow
from prompts.models import Brand, Project, Prompt
from tests.cast import PASSWORD, make_prompt


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Runs each in a thread with a connection of its own; results, or what was raised, in order."""
    barrier = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            barrier.wait(timeout=30)
            return act()
        except Exception as error:  # noqa: BLE001 - handed to the test
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def row(text: str, line: int = 1) -> PromptRow:
    return PromptRow(line=line, text=text)


@pytest.mark.django_db(transaction=True)
def test_two_pastes_of_the_same_questions_add_each_once(project: Project) -> None:
    texts = [f"Question {number}?" for number in range(200)]

    def paste(order: list[str]) -> library.Added:
        with org_scope(project.org_id):
            return library.add_prompts(project, [row(text) for text in order], actor=None)

    results = at_once(lambda: paste(texts), lambda: paste(texts[::-1]), lambda: paste(texts))
    assert sorted(result.added for result in results) == [0, 0, 200]
    assert sorted(result.already for result in results) == [0, 200, 200]
    with org_scope(project.org_id):
        assert Prompt.objects.for_org(project.org_id).count() == 200
        assert Event.objects.for_org(project.org_id).get().data == {"count": 200}


@pytest.mark.django_db(transaction=True)
def test_two_edits_into_the_same_question_let_one_through(project: Project) -> None:
    with org_scope(project.org_id):
        prompts = [make_prompt(project, text) for text in ("One?", "Two?")]

    def edit(prompt: Prompt) -> None:
        with org_scope(project.org_id):
            library.edit_prompt(prompt, library.PromptFields(text="Same?"), actor=None)

    results = at_once(*(lambda prompt=prompt: edit(prompt) for prompt in prompts))
    assert sorted(type(result).__name__ for result in results) == ["NoneType", "Taken"]


@pytest.mark.django_db(transaction=True)
def test_two_own_brands_at_once_leave_one(project: Project) -> None:
    def add(name: str) -> None:
        with org_scope(project.org_id):
            library.save_brand(project, library.BrandFields(name=name, is_own=True), actor=None)

    results = at_once(lambda: add("First"), lambda: add("Second"))
    assert [result.field for result in results if result is not None] == ["is_own"]
    with org_scope(project.org_id):
        assert Brand.objects.for_org(project.org_id).filter(is_own=True).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_projects_of_one_name_at_once_leave_one(org: Organization) -> None:
    def add() -> Project:
        with org_scope(org):
            return library.create_project(org, library.ProjectFields(name="Kite"), actor=None)

    results = at_once(add, add)
    assert sorted(type(result).__name__ for result in results) == ["Project", "Taken"]


@pytest.mark.django_db(transaction=True)
def test_two_people_found_organizations_of_one_name_at_once() -> None:
    users = [User.objects.create_user(f"{name}@start.example", PASSWORD) for name in ("ann", "bob")]
    results = at_once(*(lambda user=user: found_organization(user, name="Kite").slug for user in users))
    assert sorted(results) == ["kite", "kite-2"]


@pytest.mark.django_db(transaction=True)
def test_one_person_clicking_twice_founds_one() -> None:
    user = User.objects.create_user("ann@start.example", PASSWORD)
    results = at_once(*(lambda: found_organization(user, name="Kite").slug for _ in range(3)))
    assert results == ["kite"] * 3
    assert Organization.objects.count() == 1


def test_order_and_details_of_added_prompts_are_kept(project: Project, in_org: Organization) -> None:
    rows = [
        PromptRow(line=1, text="Zebra?", tags=("b", "a"), country="DE", language="de", is_branded=True),
        PromptRow(line=2, text='Quote " and \\ and \u2028 and {"json": 1}?'),
        PromptRow(line=3, text="Apple?"),
    ]
    assert library.add_prompts(project, rows, actor=None) == library.Added(added=3, already=0)
    saved = list(Prompt.objects.for_org(in_org).order_by("pk"))
    assert [prompt.text for prompt in saved] == [row.text for row in rows]
    assert (saved[0].tags, saved[0].country, saved[0].is_branded, saved[0].is_active) == (["b", "a"], "DE", True, True)
    assert [prompt.key for prompt in saved] == [row.key for row in rows]


def test_adding_nothing_tells_nothing(project: Project, in_org: Organization) -> None:
    assert library.add_prompts(project, [], actor=None) == library.Added(added=0, already=0)
    assert not Event.objects.for_org(in_org).exists()


def test_a_project_is_archived_once(project: Project, in_org: Organization) -> None:
    assert library.archive_project(project, actor=None)
    assert not library.archive_project(project, actor=None)
    assert [event.name for event in Event.objects.for_org(in_org)] == ["project.archived"]


def test_a_live_prompt_cannot_be_restored(prompt: Prompt, in_org: Organization) -> None:
    assert not library.restore_prompt(prompt, actor=None)
    assert not Event.objects.for_org(in_org).exists()
