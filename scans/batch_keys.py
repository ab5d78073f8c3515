"""What becomes of open batches when an organization's own provider key is removed or replaced.

The batch lives at the provider, in the account of the key that it was sent with. So the key, encrypted, stays with the
batch's job until that has ended or has had its time: it stops the batch and fetches what that had answered, and nothing
else is asked with it. Where another key replaces it and sees the batch, that one goes on instead.
"""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from django.db.models import Count, Q
from django.db.models.functions import Now
from django.dispatch import receiver

from orgs import crypto
from orgs.scoping import org_scope
from prompts.credentials import answers_in_batches, key_leaving
from prompts.gateway import Lane
from prompts.llm import catalog
from prompts.llm.types import Credential, Provider
from scans.batch_jobs import Job
from scans.models import Answer, BatchJob

_OWN = "own-"
State = BatchJob.State


@receiver(key_leaving, dispatch_uid="scans.batch_keys")
def keep_for_its_batches(
    *, org_id: int, provider: Provider, credential: Credential | None, replaced: bool, **_: Any
) -> None:
    """Removed, its batches are stopped at once, as those of a cancelled scan are."""
    jobs = BatchJob.objects.for_org(org_id).filter(
        state__in=BatchJob.OPEN, engine__startswith=f"{provider.value}:", lane__startswith=_OWN
    )
    for job in list(jobs.order_by("pk").select_for_update(no_key=True)):
        # What is being handed over at this moment is looked at by whoever does it, who alone knows its id.
        changes: dict[str, Any] = {} if job.state == State.SUBMITTING else {"next_poll_at": Now()}
        if credential is not None and job.lane.startswith(f"{credential.id}|"):
            changes["parting_key"] = crypto.encrypt(credential.api_key, binding=_binding(job.org_id, job.name))
        if not replaced:
            changes |= {"key_removed_at": Now(), "deadline_at": Now()}
        BatchJob.objects.for_org(org_id).filter(pk=job.pk).update(**changes)


@receiver(answers_in_batches, dispatch_uid="scans.batch_keys.count")
def count_answers(*, org_id: int, **_: Any) -> Counter[str]:
    sent = Q(batch_job__state__in=set(BatchJob.OPEN) - {State.QUEUED}, batch_job__lane__startswith=_OWN)
    waiting = Answer.objects.for_org(org_id).filter(sent, status=Answer.Status.PENDING, batch_job__isnull=False)
    counts: Counter[str] = Counter()
    for engine, count in waiting.order_by().values_list("engine").annotate(count=Count("pk")):
        counts[engine.partition(":")[0]] += count
    return counts


def parting_lane(job: Job) -> Lane | None:
    """The lane that the batch was sent in, with the key that was kept for it; None where none is."""
    with org_scope(job.org_id):
        stored = BatchJob.objects.for_org(job.org_id).values_list("parting_key", flat=True).get(pk=job.id)
    if stored is None:
        return None
    try:
        engine = catalog.get(job.engine)
        api_key = crypto.decrypt(stored, binding=_binding(job.org_id, job.name))
    except (catalog.UnknownEngine, crypto.Undecipherable):
        return None
    return Lane(
        credential=Credential(provider=engine.provider, id=job.lane.partition("|")[0], api_key=api_key), engine=engine
    )


def adopt(job: Job, lane: Lane) -> None:
    """The key that replaced its own sees the batch: it is that one's from now on, and the other is forgotten."""
    if lane.key == job.lane:
        return
    with org_scope(job.org_id):
        open_jobs = BatchJob.objects.for_org(job.org_id).filter(pk=job.id, state__in=BatchJob.OPEN)
        open_jobs.filter(key_removed_at=None, lane=job.lane).update(lane=lane.key, parting_key=None)


def part(job: Job) -> bool:
    """The key that replaced its own does not see the batch, so it is stopped with the one that was kept. False where
    that has happened already, or none was kept."""
    with org_scope(job.org_id):
        kept = BatchJob.objects.for_org(job.org_id).filter(pk=job.id, token=job.token, state__in=BatchJob.OPEN)
        kept = kept.filter(parting_key__isnull=False, key_removed_at=None)
        return bool(kept.update(key_removed_at=Now(), deadline_at=Now(), next_poll_at=Now()))


def _binding(org_id: int, name: str) -> crypto.Binding:
    return crypto.Binding(
        table=BatchJob._meta.db_table, uuid=uuid5(NAMESPACE_OID, name), org_id=org_id, purpose="parting"
    )
