"""Whoever asked, and whichever language the worker spoke: what went wrong is told in the language of who reads it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone, translation

from accounts.models import Letter, User
from billing.models import Usage
from orgs.models import Event, Organization
from orgs.notify import announce
from orgs.scoping import org_scope
from prompts import suggest, suggesting
from prompts.llm.simulator.server import Running
from prompts.models import Budget, Project, Prompt
from scans import schedule as schedules
from scans.deadlines import end_overdue
from scans.ending import finish_scans
from scans.models import Answer, Scan, Schedule
from scans.schedule import ScheduleFields
from tests.scans.economy import GPT, economy_scan, jobs_of, look_after
from tests.scans.made import make_answer, make_scan
from tests.scans.running import add_prompts, answers_of, run, started
from tests.screens import ClientOf

pytestmark = pytest.mark.django_db(transaction=True)

URL = ("acme", "lumenboard")
API = "/api/v1/o/acme"
BOTH = pytest.mark.parametrize("speaks", ["de", "en"])  # whoever asked, or the worker
Read = Callable[[str, str], str]


@pytest.fixture
def read(client_of: ClientOf, member: User) -> Read:
    """A page or an answer of the API, in a language."""
    client = client_of(member)

    def read(url: str, language: str) -> str:
        answer = client.get(url, headers={"accept-language": language})
        assert answer.status_code == 200
        return str(answer.json()) if url.startswith("/api/") else answer.content.decode().replace("&#x27;", "'")

    return read


def both(answer: Answer) -> tuple[str, str]:
    return reverse("answer", args=[*URL, answer.pk]), f"{API}/answers/{answer.pk}/"


def failed_in(language: str, project: Project) -> tuple[Scan, Answer]:
    add_prompts(project, 1)
    with translation.override(language):
        scan = started(project)
        run()
    (answer,) = answers_of(scan)
    assert answer.status == "failed"
    return scan, answer


@BOTH
def test_an_engine_without_a_key_is_explained_to_each_reader(
    speaks: str, project: Project, simulator: Running, read: Read, settings: Any
) -> None:
    add_prompts(project, 1)
    with translation.override(speaks):
        scan = started(project)
        settings.SIMULATOR_URL = ""
        run()
    (answer,) = answers_of(scan)
    for url in (*both(answer), reverse("scan", args=[*URL, scan.pk])):
        assert "No OpenAI key is set." in read(url, "en")
        german = read(url, "de")
        assert "Schlüssel" in german
        assert "No OpenAI key is set." not in german


@BOTH
def test_a_providers_words_stay_and_are_marked(speaks: str, project: Project, simulator: Running, read: Read) -> None:
    simulator.fault("401")
    _, answer = failed_in(speaks, project)
    page, api = both(answer)
    marked = f'<span lang="en" translate="no">{answer.error}</span>'
    assert marked in read(page, "en")
    german = read(page, "de")
    assert marked in german
    assert "Der Anbieter akzeptiert den Schlüssel nicht." not in read(page, "en")
    assert answer.error in read(api, "en")
    assert answer.error in read(api, "de")


@BOTH
def test_a_call_that_was_not_made_again_quotes_the_last_one(
    speaks: str, project: Project, simulator: Running, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scans.retries.AT_ONCE", 0.0)
    monkeypatch.setattr("scans.retries.LONGEST", 0.0)
    simulator.fault("500")
    _, answer = failed_in(speaks, project)
    page, api = both(answer)
    assert "Too many calls failed" in read(api, "en")
    assert "Zu viele Aufrufe sind gescheitert" in read(api, "de")
    german = read(page, "de")
    assert "Zu viele Aufrufe sind gescheitert" in german
    assert '<span lang="en" translate="no">' in german


@BOTH
def test_a_budget_is_written_as_each_reader_writes_amounts(
    speaks: str, org: Organization, project: Project, paid: Running, read: Read
) -> None:
    add_prompts(project, 1)
    with org_scope(org):
        limit = Budget.objects.for_org(org).create(org_id=org.pk, project=None, money="1234.50", answers=None)
    with translation.override(speaks):
        scan = started(project)
        with org_scope(org):
            Budget.objects.for_org(org).filter(pk=limit.pk).update(money="0.00")
        run()
    (answer,) = answers_of(scan)
    assert answer.error_kind == "budget"
    for url in both(answer):
        assert "The organization's budget of $0.00 a month is used up." in read(url, "en").replace('"', "'")
        assert "0,00" in read(url, "de")


@BOTH
def test_a_scan_over_its_time_is_explained_to_each_reader(
    speaks: str, project: Project, simulator: Running, read: Read, settings: Any
) -> None:
    add_prompts(project, 1)
    scan = started(project)
    settings.SCAN_DEADLINE_HOURS = 0
    with translation.override(speaks):
        assert end_overdue() == 1
    (answer,) = answers_of(scan)
    for url in both(answer):
        assert "The scan had taken 0 hours" in read(url, "en")
        assert "Der Scan hatte 0 Stunden gedauert" in read(url, "de")


@BOTH
def test_a_slot_that_started_nothing_is_explained_to_each_reader(
    speaks: str, org: Organization, project: Project, simulator: Running, read: Read, settings: Any
) -> None:
    settings.MONTHLY_ANSWERS = 1
    add_prompts(project, 2)
    fields = ScheduleFields(cadence="daily", time_of_day=timezone.now().time(), weekday=0, cron="", time_zone="UTC")
    ago = timezone.now() - timedelta(minutes=1)
    with org_scope(org):
        Usage.objects.for_org(org).create(
            org_id=org.pk, metric="answers", month=timezone.now().date().replace(day=1), used=1, allowance=1
        )
        saved = schedules.save_schedule(project, fields, actor=None)
        Schedule.objects.for_org(org).filter(pk=saved.pk).update(next_slot_at=ago, next_start_at=ago)
    with translation.override(speaks):
        assert schedules.start_due() == 0
    for url in (reverse("schedule", args=URL), f"{API}/schedules/{project.pk}/"):
        assert "This needs 2 answers, but 0 of this month's 1 are left." in read(url, "en")
        german = read(url, "de")
        assert "This needs" not in german
        assert "Antworten" in german


@BOTH
def test_a_suggestion_that_failed_is_explained_to_each_reader(
    speaks: str, project: Project, owner: User, simulator: Running, read: Read
) -> None:
    User.objects.filter(pk=owner.pk).update(language=speaks)
    with org_scope(project.org_id):
        project.setup_step = "competitors"
        project.save()
    with org_scope(project.org_id), translation.override(speaks):
        found = suggest.ask_for(project, "competitors", actor=owner)
    simulator.fault("empty")
    with translation.override(speaks):
        suggesting.work(found.org_id, found.pk)
    url = reverse("onboarding", args=[*URL, "competitors"])
    assert "The answer is empty." in read(url, "en")
    assert "Die Antwort ist leer." in read(url, "de")


def test_a_batch_in_trouble_is_explained_to_each_operator(
    project: Project, simulator: Running, settings: Any, operator: User, client_of: ClientOf
) -> None:
    add_prompts(project, 1)
    scan = economy_scan(project, GPT)
    settings.SIMULATOR_URL = ""
    with translation.override("de"):
        look_after()
    (job,) = jobs_of(scan)
    read, url = client_of(operator), reverse("admin:scans_batchjob_change", args=[job.pk])
    english, german = (read.get(url, headers={"accept-language": language}) for language in ("en", "de"))
    assert "The key that this batch was handed over with is gone." in english.content.decode()
    assert "Der Schlüssel, mit dem dieser Stapel übergeben wurde, ist nicht mehr da." in german.content.decode()


@BOTH
def test_a_letter_tells_it_in_the_language_of_who_gets_it(
    speaks: str, project: Project, owner: User, simulator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    User.objects.filter(pk=owner.pk).update(language="de" if speaks == "en" else "en")
    simulator.fault("empty")
    monkeypatch.setattr("scans.backoff.MAX_CALLS", 1)
    scan, _ = failed_in(speaks, project)
    with translation.override(speaks):
        finish_scans(scan.org_id, [scan.pk])
        with org_scope(scan.org_id):
            event = Event.objects.for_org(scan.org_id).get(name="scan.finished", target_id=scan.pk)
        announce(scan.org_id, event.pk)
    text = Letter.objects.get(template="scan_ended").text
    assert ("Die Antwort ist leer." if speaks == "en" else "The answer is empty.") in text


def test_rows_of_an_older_version_are_shown_as_they_were_written(project: Project, prompt: Prompt, read: Read) -> None:
    said = "No answer within 120 seconds."
    answer = make_answer(make_scan(project), prompt, status="failed", error_kind="timeout", error=said)
    page, api = both(answer)
    assert said in read(page, "en")
    german = read(page, "de")
    assert "Der Anbieter hat zu lange gebraucht." in german
    assert f'<span lang="en" translate="no">{said}</span>' in german
    assert said in read(api, "de")
