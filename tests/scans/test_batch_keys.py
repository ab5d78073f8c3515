"""A provider key that is removed or replaced while batches wait that were sent with it."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from orgs.scoping import org_scope
from prompts.credentials import remove_key, save_key
from prompts.llm.simulator.batches import Job
from prompts.llm.simulator.server import Running
from prompts.models import Project, ProviderKey
from scans.models import Scan
from tests.scans.economy import (
    BATCHED,
    CLAUDE,
    GPT,
    ask_live,
    change_jobs,
    economy_scan,
    jobs_of,
    look_after,
    make_due,
    states,
)
from tests.scans.running import add_prompts, calls, reread, statuses

ClientOf = Callable[[User | None], Client]

pytestmark = pytest.mark.django_db(transaction=True)

OLD, NEW = "sim-old-0123456789abcdef", "sim-new-0123456789abcdef"


@pytest.fixture
def project(project: Project, paid: Running) -> Project:
    """The installation has keys of its own, so that removing the organization's leaves something to ask with."""
    add_prompts(project, 4)
    return project


@pytest.mark.parametrize("engine", BATCHED)
def test_a_batch_whose_key_is_removed_is_stopped_with_it_and_asked_live(
    project: Project, paid: Running, engine: str
) -> None:
    scan = sent_with_own_key(project, paid, engine)
    remove(project, engine)
    look_after_some_times(scan)
    assert [job.cancelled is not None for job in at_the_provider(paid)] == [True]
    assert forgotten(scan)
    ask_live()
    assert (statuses(scan), reread(scan).status) == ({"succeeded": 4}, "done")
    assert Counter(row.batched for row in calls(project)) == {False: 4}


@pytest.mark.parametrize("engine", BATCHED)
def test_what_a_batch_had_answered_when_its_key_was_removed_is_not_paid_twice(
    project: Project, paid: Running, engine: str
) -> None:
    scan = sent_with_own_key(project, paid, engine, seconds=0.0)
    remove(project, engine)
    look_after_some_times(scan)
    ask_live()
    assert statuses(scan) == {"succeeded": 4}
    assert Counter(row.batched for row in calls(project)) == {True: 4}
    assert forgotten(scan)


def test_a_provider_that_cannot_be_reached_keeps_neither_the_answers_nor_the_removed_key(
    project: Project, paid: Running
) -> None:
    scan = sent_with_own_key(project, paid, GPT)
    remove(project, GPT)
    paid.fault("503", match={"operation": "batch"})
    look_after_some_times(scan)
    assert statuses(scan) == {"pending": 4}
    change_jobs(scan, deadline_at=timezone.now() - timedelta(minutes=16))
    look_after_some_times(scan)
    assert forgotten(scan)
    ask_live()
    assert (statuses(scan), reread(scan).status) == ({"succeeded": 4}, "done")


def test_a_removed_key_that_its_provider_no_longer_takes_keeps_nobody_waiting(project: Project, paid: Running) -> None:
    scan = sent_with_own_key(project, paid, CLAUDE)
    remove(project, CLAUDE)
    paid.fault("401", match={"operation": "batch"})
    make_due(scan)
    look_after()
    assert forgotten(scan)
    ask_live()
    assert statuses(scan) == {"succeeded": 4}


def test_a_batch_that_was_not_handed_over_is_asked_live_when_its_key_is_removed(
    project: Project, paid: Running
) -> None:
    save(project, GPT, OLD)
    scan = economy_scan(project, GPT)
    remove(project, GPT)
    look_after()
    assert (forgotten(scan), at_the_provider(paid)) == (True, [])
    ask_live()
    assert statuses(scan) == {"succeeded": 4}


def test_without_any_key_the_answers_fail_with_a_reason(project: Project, paid: Running, settings: Any) -> None:
    scan = sent_with_own_key(project, paid, GPT)
    settings.OPENAI_API_KEY, settings.SIMULATOR_URL = "", ""
    remove(project, GPT)
    look_after_some_times(scan)
    ask_live()
    assert (statuses(scan), reread(scan).status) == ({"failed": 4}, "failed")


@pytest.mark.parametrize("engine", BATCHED)
def test_a_key_of_another_account_has_the_batch_of_the_one_before_stopped(
    project: Project, paid: Running, engine: str
) -> None:
    scan = sent_with_own_key(project, paid, engine)
    save(project, engine, NEW)
    look_after_some_times(scan)
    assert [job.cancelled is not None for job in at_the_provider(paid)] == [True]
    assert forgotten(scan)
    ask_live()
    assert statuses(scan) == {"succeeded": 4}


@pytest.mark.parametrize("engine", BATCHED)
def test_another_key_of_the_same_account_goes_on_with_the_batch(project: Project, paid: Running, engine: str) -> None:
    scan = sent_with_own_key(project, paid, engine)
    save(project, engine, NEW)
    [batch] = at_the_provider(paid)
    batch.key = batch.key.replace(OLD, NEW)
    make_due(scan)
    look_after()
    [job] = jobs_of(scan)
    assert (job.state, job.parting_key, job.key_removed_at) == ("waiting", None, None)
    batch.seconds = 0.0
    make_due(scan)
    look_after()
    assert statuses(scan) == {"succeeded": 4}
    assert Counter(row.batched for row in calls(project)) == {True: 4}


def test_a_key_that_replaced_another_and_is_removed_stops_the_batch_as_well(project: Project, paid: Running) -> None:
    scan = sent_with_own_key(project, paid, GPT)
    save(project, GPT, NEW)
    [batch] = at_the_provider(paid)
    batch.key = batch.key.replace(OLD, NEW)
    make_due(scan)
    look_after()
    remove(project, GPT)
    look_after_some_times(scan)
    assert batch.cancelled is not None
    ask_live()
    assert statuses(scan) == {"succeeded": 4}


def test_the_kept_key_is_encrypted_and_bound_to_its_batch(project: Project, paid: Running) -> None:
    scan = sent_with_own_key(project, paid, GPT)
    remove(project, GPT)
    [job] = jobs_of(scan)
    assert OLD.encode() not in bytes(job.parting_key or b"")
    assert job.parting_key
    change_jobs(scan, name="prompter-elsewhere")
    make_due(scan)
    look_after()
    assert forgotten(scan)


def test_whoever_removes_a_key_is_told_what_waits_in_its_batches(
    project: Project, paid: Running, admin: User, client_of: ClientOf
) -> None:
    client = client_of(admin)
    sent_with_own_key(project, paid, GPT)
    with org_scope(project.org_id):
        save_key(project.org, provider="anthropic", api_key=OLD)
        pks = dict(ProviderKey.objects.for_org(project.org_id).values_list("provider", "pk"))
    asked = squeezed(client.get(reverse("provider-key-delete", args=[project.org.slug, pks["openai"]])))
    assert "4 answers wait in batches sent with this key." in asked
    assert "asked anew and may be paid for twice" in asked
    other = squeezed(client.get(reverse("provider-key-delete", args=[project.org.slug, pks["anthropic"]])))
    assert "in batches" not in other
    listed = squeezed(client.get(reverse("provider-keys", args=[project.org.slug])))
    assert listed.count("4 answers wait in batches sent with this key.") == 1


def test_the_scans_page_says_that_the_key_of_a_batch_was_removed(
    project: Project, paid: Running, admin: User, client_of: ClientOf
) -> None:
    client = client_of(admin)
    scan = sent_with_own_key(project, paid, GPT)
    url = reverse("scan", args=[project.org.slug, project.slug, scan.pk])
    remove(project, GPT)
    assert "4 answers in a batch with OpenAI whose key was removed." in squeezed(client.get(url))
    look_after_some_times(scan)
    ended = squeezed(client.get(url))
    assert "The key of a batch with OpenAI was removed before 4 answers had come." in ended


def sent_with_own_key(project: Project, paid: Running, engine: str, *, seconds: float = 3600.0) -> Scan:
    paid.options(batch_seconds=seconds)
    save(project, engine, OLD)
    scan = economy_scan(project, engine)
    look_after()
    assert states(scan) == ["waiting"]
    return scan


def save(project: Project, engine: str, api_key: str) -> None:
    with org_scope(project.org_id):
        save_key(project.org, provider=engine.partition(":")[0], api_key=api_key)


def remove(project: Project, engine: str) -> None:
    with org_scope(project.org_id):
        assert remove_key(project.org, provider=engine.partition(":")[0])


def look_after_some_times(scan: Scan) -> None:
    for _ in range(5):
        make_due(scan)
        look_after()


def at_the_provider(paid: Running) -> list[Job]:
    return list(paid.simulator.desk.jobs.values())


def forgotten(scan: Scan) -> bool:
    return all(not job.is_open and job.parting_key is None for job in jobs_of(scan))


def squeezed(response: Any) -> str:
    assert response.status_code == 200
    return " ".join(response.content.decode().split())
