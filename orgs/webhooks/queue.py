"""Deliveries as rows: written with their event, claimed by one sender at a time, finished or put off.

At least once: a sender that dies holding a lease loses nothing, and one that comes back after its lease has passed
finds its attempt outnumbered. No endpoint has more than `EACH` requests open, so that a slow one holds up nobody.
Every time that decides is the database's clock.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from orgs.events import emit
from orgs.models import WebhookDelivery, WebhookEndpoint
from orgs.scoping import all_orgs_scope, org_scope
from orgs.webhooks import endpoints
from orgs.webhooks.offers import body_of

if TYPE_CHECKING:
    from accounts.models import User
    from orgs.models import Event

# Seconds before each further attempt, as the Standard Webhooks specification suggests.
PATIENCE = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
LEASE = 60  # seconds
EACH = 4
KEPT = timedelta(days=30)
LONGEST_WAIT = 86_400
_ENDPOINTS = 500  # that one claim looks at
_PRUNED = 2_000  # rows that one statement deletes
_GONE = 410
_MOST_ATTEMPTS_TOLD = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One attempt of one delivery, which the sender holds a lease on."""

    pk: int
    org_id: int
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """All that sending it needs. `timestamp` is the database's, whose clock one may trust; `secrets` are those that
    sign now, newest first."""

    url: str
    message_id: str
    timestamp: int
    body: bytes
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`code` is the answer's status; without one, `problem` is the kind of `CannotFetch`, or `payload`."""

    code: int | None = None
    problem: str = ""
    text: str = ""
    milliseconds: int = 0
    retry_after: int | None = None

    @property
    def arrived(self) -> bool:
        return self.code is not None and 200 <= self.code < 300


_ENQUEUE = """
INSERT INTO orgs_webhookdelivery (org_id, uuid, endpoint_id, event_id, type, body, status, attempts, attempts_before,
  due_at, response, history, created_at)
SELECT org_id, gen_random_uuid(), id, %(event)s, %(name)s, '', 'pending', 0, 0,
  statement_timestamp(), '', '[]', statement_timestamp()
FROM orgs_webhookendpoint
WHERE org_id = %(org)s AND disabled_at IS NULL AND events @> ARRAY[%(name)s]::varchar[]
FOR KEY SHARE ON CONFLICT DO NOTHING
"""

_IS_DUE = """status = 'pending' AND due_at <= statement_timestamp()
  AND (leased_until IS NULL OR leased_until <= statement_timestamp())"""

# S608: no value is written into these.
_WAITING = f"""
SELECT endpoint.id FROM orgs_webhookendpoint endpoint
JOIN orgs_organization org ON org.id = endpoint.org_id AND org.disabled_at IS NULL AND org.deletion_due_at IS NULL
WHERE endpoint.disabled_at IS NULL AND endpoint.id IN (SELECT endpoint_id FROM orgs_webhookdelivery WHERE {_IS_DUE})
"""  # noqa: S608

# Its own statement after the endpoints are locked: only a new snapshot sees what the last claimer has open.
_CLAIM = f"""
UPDATE orgs_webhookdelivery SET attempts = attempts + 1,
  leased_until = statement_timestamp() + make_interval(secs => %(lease)s)
WHERE status = 'pending' AND id IN (
  SELECT due.id FROM unnest(%(endpoints)s::bigint[]) AS endpoint(id) CROSS JOIN LATERAL (
    SELECT id FROM orgs_webhookdelivery WHERE endpoint_id = endpoint.id AND {_IS_DUE} ORDER BY due_at, id
    LIMIT greatest(0, %(each)s - (
      SELECT count(*) FROM orgs_webhookdelivery open
      WHERE open.endpoint_id = endpoint.id AND open.status = 'pending'
        AND open.leased_until > statement_timestamp()))) due
  LIMIT %(room)s)
RETURNING id, org_id, attempts
"""  # noqa: S608


def enqueue(event: Event) -> None:
    """One row for each endpoint that wants the event, in the event's own transaction. One query, which also keeps the
    endpoints from being deleted before this commits."""
    with connection.cursor() as cursor:
        cursor.execute(_ENQUEUE, {"event": event.pk, "org": event.org_id, "name": event.name})


def claim(*, room: int) -> list[Job]:
    """Take up to `room` due deliveries of all organizations, of no endpoint more than it may have open."""
    with all_orgs_scope("webhooks that are due"), connection.cursor() as cursor:
        cursor.execute(f"{_WAITING} ORDER BY random() LIMIT %s FOR NO KEY UPDATE OF endpoint SKIP LOCKED", [_ENDPOINTS])
        found = [pk for (pk,) in cursor.fetchall()]
        if not found:
            return []
        cursor.execute(_CLAIM, {"lease": LEASE, "endpoints": found, "each": EACH, "room": room})
        return [Job(pk=pk, org_id=org_id, attempt=attempt) for pk, org_id, attempt in cursor.fetchall()]


def anything_due() -> bool:
    with all_orgs_scope("whether webhooks are due"), connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS ({_WAITING})")
        return bool(cursor.fetchone()[0])


def parcel_of(job: Job) -> Parcel | None:
    """Makes the body where this is the first attempt. None where somebody else has the delivery by now."""
    with org_scope(job.org_id):
        delivery = _held(job).select_related("endpoint", "event__org").annotate(clock=Now()).first()
        if delivery is None:
            return None
        if not delivery.body and delivery.event is not None:
            delivery.body = body_of(delivery.event)
            siblings = WebhookDelivery.objects.for_org(job.org_id).filter(event=delivery.event, body="")
            siblings.update(body=delivery.body)  # every endpoint is told the same
        return Parcel(
            url=delivery.endpoint.url,
            message_id=delivery.message_id,
            timestamp=int(delivery.clock.timestamp()),
            body=delivery.body.encode(),
            secrets=endpoints.signing_secrets(delivery.endpoint),
        )


def record(job: Job, outcome: Outcome) -> bool:
    """Finish the delivery or put it off. False where somebody else has it by now: a zombie's word counts nothing."""
    with org_scope(job.org_id):
        delivery = _held(job).select_for_update(of=("self",)).select_related("endpoint").first()
        if delivery is None:
            return False
        now = timezone.now()
        delivery.leased_until, delivery.code, delivery.response = None, outcome.code, outcome.text
        delivery.history = [*delivery.history, _told(outcome, now)][-_MOST_ATTEMPTS_TOLD:]
        _move(delivery, outcome)
        delivery.save(update_fields=["leased_until", "code", "response", "history", "status", "due_at", "finished_at"])
        if delivery.event_id is not None or outcome.arrived:
            _judge(delivery.endpoint, outcome, now)
    return True


def _held(job: Job) -> Any:
    rows = WebhookDelivery.objects.for_org(job.org_id)
    return rows.filter(pk=job.pk, status=WebhookDelivery.Status.PENDING, attempts=job.attempt)


def _told(outcome: Outcome, now: datetime) -> dict[str, Any]:
    told = {"at": now.isoformat(timespec="seconds"), "code": outcome.code, "ms": outcome.milliseconds}
    return {**told, "problem": outcome.problem} if outcome.problem else told


def _move(delivery: WebhookDelivery, outcome: Outcome) -> None:
    made = delivery.attempts - delivery.attempts_before
    if outcome.arrived:
        delivery.status, delivery.finished_at = WebhookDelivery.Status.SUCCEEDED, Now()
    elif outcome.code == _GONE or delivery.event_id is None or made > len(PATIENCE):
        delivery.status, delivery.finished_at = WebhookDelivery.Status.FAILED, Now()
    else:
        delivery.due_at = Now() + timedelta(seconds=_wait(made, outcome))


def _wait(made: int, outcome: Outcome) -> float:
    """Up to a tenth longer, so that what failed together does not come back together."""
    asked = min(outcome.retry_after or 0, LONGEST_WAIT)
    return max(PATIENCE[made - 1], asked) * random.uniform(1.0, 1.1)  # noqa: S311  nothing secret


def _judge(endpoint: WebhookEndpoint, outcome: Outcome, now: datetime) -> None:
    rows = WebhookEndpoint.objects.for_org(endpoint.org_id).filter(pk=endpoint.pk)
    if outcome.arrived:
        rows.filter(failing_since__isnull=False).update(failing_since=None)
        return
    rows.filter(failing_since=None).update(failing_since=now)
    if outcome.code == _GONE:
        endpoints.switch_off(endpoint, reason=WebhookEndpoint.Reason.GONE)
    elif endpoint.failing_since is not None and now - endpoint.failing_since >= endpoints.TOLERATED:
        endpoints.switch_off(endpoint, reason=WebhookEndpoint.Reason.FAILING)


def send_again(delivery: WebhookDelivery, *, actor: User) -> bool:
    """Under the same id, with the whole schedule of attempts before it. False while it is still being tried."""
    rows = WebhookDelivery.objects.for_org(delivery.org_id).filter(pk=delivery.pk)
    with transaction.atomic():
        again = rows.exclude(status=WebhookDelivery.Status.PENDING).update(
            status=WebhookDelivery.Status.PENDING,
            attempts_before=F("attempts"),
            due_at=Now(),
            finished_at=None,
        )
        if again:
            told = {"type": delivery.type, "message": delivery.message_id}
            emit(delivery.org_id, "webhook.resent", actor=actor, target=delivery.endpoint, data=told)
    return bool(again)


def prune() -> int:
    """Forget deliveries that ended a while ago; how many."""
    with all_orgs_scope("deliveries that ended long ago"):
        old = WebhookDelivery.all_orgs.filter(finished_at__lt=Now() - KEPT)
        deleted, _by_model = WebhookDelivery.all_orgs.filter(pk__in=old.values("pk")[:_PRUNED]).delete()
    return deleted
