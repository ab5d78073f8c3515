"""The prompts of a project: listing, adding, editing in place, archiving."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from orgs.models import Event, Organization
from orgs.scoping import org_scope
from prompts.models import Project, Prompt
from tests.cast import make_prompt
from tests.screens import ClientOf

URL = ("acme", "lumenboard")


@pytest.fixture
def client(client_of: ClientOf, member: User, project: Project) -> Client:
    return client_of(member)


def rows(org: Organization) -> list[Prompt]:
    with org_scope(org):
        return list(Prompt.objects.for_org(org).order_by("pk"))


def events(org: Organization) -> list[str]:
    with org_scope(org):
        return list(Event.objects.for_org(org).order_by("pk").values_list("name", flat=True))


def test_a_prompt_is_added_with_its_tags(client: Client, org: Organization) -> None:
    data = {
        "text": "  Which board?  ",
        "tags": "Tools, tools, team",
        "country": "de",
        "language": "DE",
        "branded": "on",
    }
    response = client.post(reverse("prompt-add", args=URL), data)
    assert response.url == reverse("prompts", args=URL)
    [prompt] = rows(org)
    assert (prompt.text, prompt.tags, prompt.country, prompt.language) == (
        "Which board?",
        ["Tools", "team"],
        "DE",
        "de",
    )
    assert prompt.is_branded
    assert events(org) == ["prompts.added"]
    assert "Which board?" in client.get(response.url).content.decode()


def test_the_same_question_is_tracked_once(client: Client, prompt: Prompt, org: Organization) -> None:
    response = client.post(reverse("prompt-add", args=URL), {"text": prompt.text.upper()})
    assert response.status_code == 422
    assert "tracked already" in response.content.decode()
    assert len(rows(org)) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "required"),
        ("   ", "empty"),
        ("x" * 10_000, "10,000 characters; at most 4,000"),
        ("which\0board", "Null characters"),
        ("???", "no letter"),
    ],
)
def test_an_impossible_prompt_is_refused_in_its_field(client: Client, org: Organization, text: str, said: str) -> None:
    response = client.post(reverse("prompt-add", args=URL), {"text": text})
    assert response.status_code == 422
    assert said in response.context["form"].errors["text"][0]
    assert rows(org) == []


@pytest.mark.parametrize(
    "text", ["ما هو أفضل لوح مهام؟", "\U0001f680 which board? \U0001f469\u200d\U0001f4bb", "最好的看板是哪个？"]
)
def test_any_script_is_a_prompt(client: Client, org: Organization, text: str) -> None:
    assert client.post(reverse("prompt-add", args=URL), {"text": text}).status_code == 302
    [prompt] = rows(org)
    assert prompt.text == text
    assert text in client.get(reverse("prompts", args=URL)).content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("country", "Germany"),
        ("country", "\0\0"),
        ("language", "klingonese"),
        ("tags", "x" * 41),
        ("tags", ",".join("abcdefghijklmnopqrstuv")),
    ],
)
def test_a_bad_detail_is_refused_in_its_field(client: Client, org: Organization, field: str, value: str) -> None:
    response = client.post(reverse("prompt-add", args=URL), {"text": "Which board?", field: value})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert rows(org) == []


def test_a_prompt_is_edited_on_a_page(client: Client, prompt: Prompt, org: Organization) -> None:
    url = reverse("prompt-edit", args=[*URL, prompt.pk])
    assert prompt.text in client.get(url).content.decode()
    assert client.post(url, {"text": "Changed?", "tags": "", "active": "on"}).url == reverse("prompts", args=URL)
    [changed] = rows(org)
    assert (changed.text, changed.tags, changed.is_active) == ("Changed?", [], True)
    assert changed.key != prompt.key
    assert events(org) == ["prompt.updated"]


def test_a_prompt_is_edited_in_its_row(client: Client, prompt: Prompt) -> None:
    url, headers = reverse("prompt-edit", args=[*URL, prompt.pk]), _htmx(f"prompt-{prompt.pk}")
    assert client.get(url, headers=headers).templates[0].name == "prompts/_prompt_form_row.html"
    saved = client.post(url, {"text": "Changed?"}, headers=headers)
    assert (saved.status_code, saved.templates[0].name) == (200, "prompts/_prompt_row.html")
    assert "Paused" in saved.content.decode()
    refused = client.post(url, {"text": ""}, headers=headers)
    assert (refused.status_code, refused.templates[0].name) == (422, "prompts/_prompt_form_row.html")
    row = client.get(reverse("prompt-row", args=[*URL, prompt.pk]), headers=headers)
    assert f'id="prompt-{prompt.pk}"' in row.content.decode()


def test_an_edit_into_another_prompt_is_refused(client: Client, prompt: Prompt, org: Organization) -> None:
    with org_scope(org):
        other = make_prompt(prompt.project, "Another question?")
    response = client.post(reverse("prompt-edit", args=[*URL, other.pk]), {"text": prompt.text})
    assert response.status_code == 422
    assert [row.text for row in rows(org)] == [prompt.text, "Another question?"]


def test_a_prompt_is_archived_and_restored(client: Client, prompt: Prompt, org: Organization) -> None:
    archive, restore = (reverse(f"prompt-{verb}", args=[*URL, prompt.pk]) for verb in ("archive", "restore"))
    assert str(prompt) in client.get(archive).context["sentence"]
    assert client.post(archive).status_code == 302
    assert client.post(archive).status_code == 302
    assert rows(org)[0].archived_at is not None
    assert prompt.text not in client.get(reverse("prompts", args=URL)).content.decode()
    assert client.post(restore, headers=_htmx(f"prompt-{prompt.pk}")).status_code == 200
    assert rows(org)[0].archived_at is None
    assert events(org) == ["prompt.archived", "prompt.restored"]


def test_restoring_what_was_added_again_says_so(client: Client, prompt: Prompt, org: Organization) -> None:
    client.post(reverse("prompt-archive", args=[*URL, prompt.pk]))
    assert client.post(reverse("prompt-add", args=URL), {"text": prompt.text}).status_code == 302
    response = client.post(reverse("prompt-restore", args=[*URL, prompt.pk]), follow=True)
    assert "tracked already" in response.content.decode()
    assert [row.archived_at is None for row in rows(org)] == [False, True]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["plain", "paused", "branded"]),
        ("state=active", ["plain", "branded"]),
        ("state=paused", ["paused"]),
        ("state=archived", ["archived"]),
        ("state=all", ["plain", "paused", "archived", "branded"]),
        ("tag=one", ["plain"]),
        ("q=PAU", ["paused"]),
        ("q=100%25", []),
        ("branded=yes", ["branded"]),
        ("branded=no", ["plain", "paused"]),
        ("state=nonsense&tag=unknown&q=%00", ["plain", "paused", "branded"]),
        ("after=nonsense&before=-1", ["plain", "paused", "branded"]),
        ("after=99999999999999999999999", ["plain", "paused", "branded"]),
    ],
)
def test_the_list_is_filtered(client: Client, project: Project, query: str, expected: list[str]) -> None:
    with org_scope(project.org_id):
        make_prompt(project, "plain", tags=["one"])
        make_prompt(project, "paused", is_active=False)
        make_prompt(project, "archived", archived_at=timezone.now())
        make_prompt(project, "branded", is_branded=True)
    response = client.get(f"{reverse('prompts', args=URL)}?{query}")
    assert response.status_code == 200
    assert [prompt.text for prompt in reversed(response.context["page"].items)] == expected
    counts = response.context["counts"]
    assert (counts.active, counts.paused, counts.archived, counts.total) == (2, 1, 1, 4)


def test_typing_in_the_search_returns_the_list_alone(client: Client, prompt: Prompt) -> None:
    response = client.get(reverse("prompts", args=URL), {"q": "task"}, headers=_htmx("prompt-list"))
    assert response.templates[0].name == "prompts/_prompt_list.html"
    assert "<html" not in response.content.decode()


def test_pages_follow_each_other_both_ways(client: Client, project: Project) -> None:
    with org_scope(project.org_id):
        for number in range(120):
            make_prompt(project, f"Question {number}?")
    url, seen, pages = reverse("prompts", args=URL), [], 0
    page = client.get(url).context["page"]
    assert page.previous == ""
    while True:
        seen += [prompt.text for prompt in page.items]
        pages += 1
        if not page.next:
            break
        page = client.get(url, {"after": page.next}).context["page"]
    assert seen == [f"Question {number}?" for number in reversed(range(120))]
    assert pages == 3
    back = client.get(url, {"before": page.previous}).context["page"]
    first = client.get(url, {"before": back.previous}).context["page"]
    assert [prompt.text for prompt in first.items + back.items + page.items] == seen
    assert (first.previous, bool(first.next)) == ("", True)


def test_the_number_of_queries_does_not_grow_with_the_rows(
    client: Client, project: Project, django_assert_max_num_queries: Any
) -> None:
    counted = []
    client.get(reverse("prompts", args=URL))  # the first request of a session writes that it was used
    for size in (5, 60):
        with org_scope(project.org_id):
            for number in range(size):
                make_prompt(project, f"Question {size} {number}?", tags=[f"tag {number % 7}"])
        with django_assert_max_num_queries(30) as captured:
            client.get(reverse("prompts", args=URL))
        counted.append(len(captured))
    assert counted[0] == counted[1]


def test_another_projects_prompt_is_not_found_here(client: Client, project: Project, org: Organization) -> None:
    with org_scope(org):
        other = Project.objects.for_org(org).create(org=org, name="Other", slug="other")
        prompt = make_prompt(other, "Elsewhere?")
    for name in ("prompt-edit", "prompt-row", "prompt-archive"):
        assert client.get(reverse(name, args=[*URL, prompt.pk])).status_code == 404
    assert client.get(reverse("prompt-edit", args=[*URL, 2**70])).status_code == 404


def _htmx(target: str) -> dict[str, str]:
    return {"HX-Request": "true", "HX-Target": target}
