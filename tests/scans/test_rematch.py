"""Brands that change after a scan: its answers are looked through again, so that unknown is never told as no."""

from collections.abc import Callable
from itertools import groupby
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import User
from orgs.models import Event
from orgs.scoping import org_scope
from prompts.models import Brand, Project, Prompt
from scans import rematch
from scans.mentions import MentionExtractor
from scans.models import Answer, Citation, Mention, Rematch, Scan
from scans.tasks import on_event, rematch_answers, sweep_rematches
from tests.scans.made import make_answer, make_citation, make_scan
from tests.scans.test_launch import dead_broker  # noqa: F401 - a fixture
from tests.screens import ClientOf

URL = ("acme", "lumenboard")
Captured = Callable[..., Any]


@pytest.fixture
def client(client_of: ClientOf, member: User, project: Project) -> Client:
    return client_of(member)


@pytest.fixture
def scan(project: Project, prompt: Prompt, own_brand: Brand) -> Scan:
    """Four answers: two name Kite, one of them before Lumenboard, and one cites it."""
    scan = make_scan(project, total=4)
    texts = ("Kite, then Lumenboard.", "Kite and kite.example", "Lumenboard.", "Nobody.")
    answers = [make_answer(scan, prompt, text=text) for text in texts]
    make_citation(answers[0], "kite.example")
    return scan


def last_change(project: Project) -> int:
    with org_scope(project.org_id):
        return Event.objects.for_org(project.org_id).filter(name__in=rematch.EVENTS).latest("pk").pk


def looked_again(project: Project) -> None:
    """What the worker does with the message of the last change."""
    rematch_answers(project.org_id, last_change(project))


def marks(project: Project) -> list[tuple[bool, int]]:
    with org_scope(project.org_id):
        return list(Rematch.objects.for_org(project.org_id).values_list("second", "after"))


def mentions(project: Project) -> list[tuple[str, str, int]]:
    with org_scope(project.org_id):
        rows = Mention.objects.for_org(project.org_id).order_by("answer_id", "start")
        return list(rows.values_list("brand__name", "text", "rank"))


def add_kite(client: Client) -> None:
    data = {"name": "Kite", "domains": "kite.example"}
    assert client.post(reverse("brand-add", args=URL), data).status_code == 302


def test_a_brand_added_after_the_scan_is_counted_in_it(client: Client, project: Project, scan: Scan) -> None:
    add_kite(client)
    looked_again(project)
    context = client.get(reverse("project-overview", args=URL)).context
    assert {row.name: row.answers for row in context["brands"]} == {"Lumenboard": 2, "Kite": 2}
    [domain] = context["domains"]
    assert (domain.domain, domain.kind) == ("kite.example", "competitor")
    assert mentions(project) == [
        ("Kite", "Kite", 1),
        ("Lumenboard", "Lumenboard", 2),
        ("Kite", "Kite", 1),
        ("Kite", "kite.example", 1),
        ("Lumenboard", "Lumenboard", 1),
    ]


def test_a_removed_brand_leaves_no_rank_and_no_source_behind(client: Client, project: Project, scan: Scan) -> None:
    add_kite(client)
    looked_again(project)
    with org_scope(project.org_id):
        kite = Brand.objects.for_org(project.org_id).get(name="Kite")
    client.post(reverse("brand-delete", args=[*URL, kite.pk]))
    looked_again(project)
    assert mentions(project) == [("Lumenboard", "Lumenboard", 1), ("Lumenboard", "Lumenboard", 1)]
    with org_scope(project.org_id):
        citation = Citation.objects.for_org(project.org_id).get()
    assert (citation.kind, citation.brand_id) == ("other", None)


def test_a_changed_brand_loses_what_it_no_longer_names(client: Client, own_brand: Brand, scan: Scan) -> None:
    data = {"name": "Kite", "domains": "kite.example", "is_own": "on"}
    client.post(reverse("brand-edit", args=[*URL, own_brand.pk]), data)
    looked_again(own_brand.project)
    assert [text for _, text, _ in mentions(own_brand.project)] == ["Kite", "Kite", "kite.example"]
    with org_scope(own_brand.org_id):
        citation = Citation.objects.for_org(own_brand.org_id).get()
    assert (citation.kind, citation.brand_id) == ("own", own_brand.pk)


def test_looking_twice_finds_the_same_and_other_projects_are_left_alone(
    client: Client, project: Project, scan: Scan, prompt: Prompt, own_brand: Brand
) -> None:
    with org_scope(project.org_id):
        other = Project.objects.for_org(project.org_id).create(org_id=project.org_id, name="B", slug="b")
    foreign = make_answer(make_scan(other), prompt, names=(own_brand,))
    add_kite(client)
    looked_again(project)
    first = mentions(project)
    looked_again(project)
    assert mentions(project) == first
    with org_scope(project.org_id):
        assert Mention.objects.for_org(project.org_id).filter(answer=foreign).count() == 1


def test_pages_follow_each_other_to_the_end(
    client: Client,
    project: Project,
    scan: Scan,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Captured,
) -> None:
    monkeypatch.setattr(rematch, "PAGE", 1)
    add_kite(client)
    for _ in range(4):
        with django_capture_on_commit_callbacks() as callbacks:
            looked_again(project)
        assert len(callbacks) == 1  # the next page's message
    with django_capture_on_commit_callbacks() as callbacks:
        looked_again(project)
    assert not callbacks
    assert marks(project) == [(True, 0)]
    assert [name for name, _, _ in mentions(project)].count("Kite") == 3


def test_between_two_statements_only_a_step_of_a_page_is_matched(
    client: Client, project: Project, scan: Scan, prompt: Prompt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where nobody is named: a transaction that stands idle for too long would be ended, again and again."""
    for _ in range(10):
        make_answer(scan, prompt, text="Nobody.")
    add_kite(client)
    happened, extract = list[str](), MentionExtractor.extract

    def matching(self: MentionExtractor, text: str) -> Any:
        happened.append("match")
        return extract(self, text)

    def stating(execute: Callable[..., Any], *statement: Any) -> Any:
        happened.append("state")
        return execute(*statement)

    monkeypatch.setattr(rematch, "STEP", 3)
    monkeypatch.setattr(MentionExtractor, "extract", matching)
    with connection.execute_wrapper(stating):
        looked_again(project)
    at_once = [len(list(some)) for what, some in groupby(happened) if what == "match"]
    assert (sum(at_once), max(at_once)) == (14, 3)


def test_a_page_that_somebody_else_looked_through_asks_for_no_more(
    client: Client, project: Project, scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rematch, "PAGE", 1)
    add_kite(client)
    before = rematch._rematch_page

    def meanwhile(org_id: int, project_id: int, **options: Any) -> int | None:
        last = before(org_id, project_id, **options)
        Rematch.objects.for_org(org_id).update(after=last)
        return last

    monkeypatch.setattr(rematch, "_rematch_page", meanwhile)
    with org_scope(project.org_id):
        assert not rematch.rematch_next(project.org_id, last_change(project))


def test_the_second_look_is_at_answers_stored_around_the_change(
    client: Client, project: Project, scan: Scan, prompt: Prompt
) -> None:
    add_kite(client)
    looked_again(project)
    with org_scope(project.org_id):
        Mention.objects.for_org(project.org_id).all().delete()
        old = Answer.objects.for_org(project.org_id).order_by("pk").first()
        assert old is not None
        Answer.objects.for_org(project.org_id).filter(pk=old.pk).update(finished_at="2026-01-01T00:00Z")
    late = make_answer(scan, prompt, text="Kite again.")
    looked_again(project)
    with org_scope(project.org_id):
        found = Mention.objects.for_org(project.org_id)
        assert found.filter(answer=late).count() == 1
        assert not found.filter(answer=old).exists()
    assert marks(project) == []


def test_a_change_in_between_begins_anew(client: Client, project: Project, scan: Scan) -> None:
    add_kite(client)
    first = last_change(project)
    looked_again(project)
    assert marks(project) == [(True, 0)]
    data = {"name": "Kanbanery"}
    assert client.post(reverse("brand-add", args=URL), data).status_code == 302
    assert marks(project) == [(False, 0)]
    with org_scope(project.org_id):
        assert not rematch.rematch_next(project.org_id, first)  # an old message does nothing
    assert marks(project) == [(False, 0)]


@pytest.mark.usefixtures("dead_broker")
def test_an_unreachable_queue_loses_neither_the_save_nor_the_look(
    client: Client,
    project: Project,
    scan: Scan,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: Captured,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        add_kite(client)
    assert "the task queue cannot be reached" in caplog.text
    assert rematch.take_up_due() == []  # its own message has a minute
    with org_scope(project.org_id):
        Rematch.objects.for_org(project.org_id).update(due_at="2026-01-01T00:00Z")
    assert rematch.take_up_due() == [(project.org_id, last_change(project))]
    assert rematch.take_up_due() == []
    looked_again(project)
    assert "Kite" in [name for name, _, _ in mentions(project)]


def test_the_sweep_sends_what_is_due(client: Client, project: Project, redis: Any) -> None:
    add_kite(client)
    sweep_rematches()
    assert redis.llen("default") == 0
    with org_scope(project.org_id):
        Rematch.objects.for_org(project.org_id).update(due_at="2026-01-01T00:00Z")
    sweep_rematches()
    assert redis.llen("default") == 1


def test_saving_a_brand_asks_for_a_look(
    client: Client, project: Project, redis: Any, django_capture_on_commit_callbacks: Captured
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        add_kite(client)
    assert redis.llen("default") == 1


def test_other_events_ask_for_nothing(project: Project, redis: Any) -> None:
    on_event(event_id=1, org_id=project.org_id, name="project.updated")
    assert redis.llen("default") == 0
    assert marks(project) == []
