"""A provider key that is removed or replaced while batches wait that were sent with it."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from orgs.scoping import org_scope
from prompts.credentials import remove_key, save_key
from prompts.llm.batches import BatchItem
from prompts.llm.openai_batches import OpenAIBatches
from prompts.llm.simulator.batches import Job
from prompts.llm.simulator.server import Running
from prompts.models import Project, ProviderKey
from scans.launch import cancel_scan
from scans.models import BatchJob, Scan
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
    past_deadline,
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


def test_a_cancelled_scans_page_does_not_say_that_anything_is_asked_live(
    project: Project, paid: Running, admin: User, client_of: ClientOf
) -> None:
    client = client_of(admin)
    scan = sent_with_own_key(project, paid, GPT)
    remove(project, GPT)
    cancel(scan)
    look_after_some_times(scan)
    [job] = jobs_of(scan)
    assert (job.is_open, job.key_removed_at is None) == (False, False)
    page = squeezed(client.get(reverse("scan", args=[project.org.slug, project.slug, scan.pk])))
    assert "asked live" not in page


def test_a_key_whose_batch_is_not_handed_over_any_more_is_forgotten(project: Project, paid: Running) -> None:
    save(project, GPT, OLD)
    scan = economy_scan(project, GPT)
    save(project, GPT, NEW)
    [job] = jobs_of(scan)
    assert job.parting_key
    cancel(scan)
    assert forgotten(scan)


def test_no_batch_that_has_ended_can_keep_a_key(project: Project, paid: Running) -> None:
    scan = sent_with_own_key(project, paid, GPT)
    remove(project, GPT)
    with pytest.raises(IntegrityError, match="scans_batchjob_parted"):
        change_jobs(scan, state="failed", finished_at=timezone.now(), next_poll_at=None)


def test_a_batch_that_is_taken_after_its_key_was_removed_and_forgotten_is_stopped_by_whoever_sent_it(
    project: Project, paid: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid.options(batch_seconds=3600.0)
    save(project, GPT, OLD)
    scan = economy_scan(project, GPT)
    real = OpenAIBatches.submit

    async def submit(self: OpenAIBatches, items: Sequence[BatchItem], *, name: str) -> str:
        await asyncio.to_thread(_remove_and_forget)
        return await real(self, items, name=name)

    def _remove_and_forget() -> None:
        try:
            remove(project, GPT)
            make_due(scan)
            look_after()
        finally:
            connection.close()

    monkeypatch.setattr(OpenAIBatches, "submit", submit)
    look_after()
    assert [job.cancelled is not None for job in at_the_provider(paid)] == [True]
    assert forgotten(scan)


def test_cancelling_a_scan_locks_its_batches_in_the_order_in_which_removing_their_key_does(
    project: Project, paid: Running
) -> None:
    scan = economy_scan(project, GPT, CLAUDE)
    first, second = jobs_of(scan)
    with org_scope(project.org_id):
        # Its row lies behind the other's from now on.
        BatchJob.objects.for_org(project.org_id).filter(pk=first.pk).update(next_poll_at=timezone.now())
    thread = threading.Thread(target=_cancel_in_a_thread, args=[scan])
    with org_scope(project.org_id), transaction.atomic():
        jobs = BatchJob.objects.for_org(project.org_id).select_for_update(no_key=True)
        assert jobs.get(pk=first.pk)
        thread.start()
        _until_somebody_waits_for_a_lock()
        assert jobs.get(pk=second.pk)  # who waits for the first holds no second
    thread.join()
    assert states(scan) == ["cancelled"] * 2


def _cancel_in_a_thread(scan: Scan) -> None:
    try:
        cancel(scan)
    finally:
        connection.close()


def _until_somebody_waits_for_a_lock() -> None:
    with connection.cursor() as cursor:
        for _ in range(3000):
            cursor.execute("SELECT count(*), pg_sleep(0.01) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waits")


@pytest.mark.parametrize("seconds", [0.0, 3600.0])
def test_a_removed_keys_batch_that_nobody_looked_at_for_long_is_stopped_and_fetched_all_the_same(
    project: Project, paid: Running, seconds: float
) -> None:
    scan = sent_with_own_key(project, paid, GPT, seconds=seconds)
    remove(project, GPT)
    change_jobs(scan, deadline_at=timezone.now() - timedelta(minutes=16))
    look_after_some_times(scan)
    ask_live()
    assert [job.ended for job in at_the_provider(paid)] == [True]
    assert statuses(scan) == {"succeeded": 4}
    assert Counter(row.batched for row in calls(project)) == {not seconds: 4}
    assert forgotten(scan)


def test_results_that_come_in_late_with_a_removed_key_are_tried_for_some_times(project: Project, paid: Running) -> None:
    scan = sent_with_own_key(project, paid, GPT, seconds=0.0)
    remove(project, GPT)
    paid.fault("503", match={"operation": "batch", "prompt_contains": "results"}, times=4)
    make_due(scan)
    look_after()
    change_jobs(scan, deadline_at=timezone.now() - timedelta(minutes=16))
    look_after_some_times(scan)
    ask_live()
    assert Counter(row.batched for row in calls(project)) == {True: 4}
    assert forgotten(scan)


def test_a_stopped_batch_of_a_removed_key_that_goes_on_is_waited_for_no_longer(project: Project, paid: Running) -> None:
    scan = sent_with_own_key(project, paid, GPT)
    remove(project, GPT)
    change_jobs(scan, state="stopping", deadline_at=timezone.now() - timedelta(minutes=16))  # but the provider goes on
    make_due(scan)
    look_after()
    assert forgotten(scan)
    ask_live()
    assert statuses(scan) == {"succeeded": 4}


@pytest.mark.parametrize("engine", BATCHED)
def test_a_batch_that_cannot_be_stopped_because_it_has_ended_is_fetched(
    project: Project, paid: Running, engine: str
) -> None:
    scan = sent_with_own_key(project, paid, engine)
    remove(project, engine)
    paid.fault("400", match={"operation": "batch", "prompt_contains": "cancel"})
    make_due(scan)
    look_after()
    assert states(scan) == ["stopping"]
    [batch] = at_the_provider(paid)
    batch.seconds = 0.0
    make_due(scan)
    look_after()
    ask_live()
    assert Counter(row.batched for row in calls(project)) == {True: 4}
    assert forgotten(scan)


def test_a_mistyped_key_stops_no_batch_before_its_time_is_over(project: Project, paid: Running) -> None:
    scan = sent_with_own_key(project, paid, GPT)
    save(project, GPT, NEW)
    paid.fault("401", match={"operation": "batch", "key": at_the_provider(paid)[0].key.replace(OLD, NEW)})
    look_after_some_times(scan)
    [batch] = at_the_provider(paid)
    assert (states(scan), batch.cancelled) == (["waiting"], None)
    past_deadline(scan)
    look_after_some_times(scan)
    assert batch.cancelled is not None
    assert forgotten(scan)


def test_a_key_that_is_told_that_the_batch_is_none_of_its_own_has_it_stopped(project: Project, paid: Running) -> None:
    scan = sent_with_own_key(project, paid, GPT)
    save(project, GPT, NEW)
    paid.fault("403", match={"operation": "batch", "key": at_the_provider(paid)[0].key.replace(OLD, NEW)})
    look_after_some_times(scan)
    assert [job.cancelled is not None for job in at_the_provider(paid)] == [True]
    assert forgotten(scan)


@pytest.mark.parametrize("engine", BATCHED)
def test_a_batch_that_was_not_written_down_is_looked_for_with_the_new_key_where_the_former_is_revoked(
    project: Project, paid: Running, engine: str
) -> None:
    scan = sent_with_own_key(project, paid, engine)
    save(project, engine, NEW)
    change_jobs(scan, state="submitting", batch_id="", submitted_at=None)
    [batch] = at_the_provider(paid)
    former, batch.key, batch.seconds = batch.key, batch.key.replace(OLD, NEW), 0.0
    paid.fault("401", match={"operation": "batch", "key": former})
    look_after_some_times(scan)
    assert statuses(scan) == {"succeeded": 4}
    assert Counter(row.batched for row in calls(project)) == {True: 4}


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


def cancel(scan: Scan) -> None:
    with org_scope(scan.org_id):
        assert cancel_scan(scan, actor=None)


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
