"""Webhooks under concurrency: several senders, transactions that end in another order, a deletion in between."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event as Flag
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from django.db import connection

from accounts.models import User
from orgs.events import emit
from orgs.models import Organization, WebhookDelivery, WebhookEndpoint
from orgs.scoping import org_scope
from orgs.webhooks import endpoints, queue
from orgs.webhooks.endpoints import EndpointFields
from orgs.webhooks.offers import offer, offers
from orgs.webhooks.queue import Job, Outcome
from orgs.webhooks.sending import send_due
from tests.cast import make_member, make_org
from tests.orgs.receiving import HOST, Receiver
from tests.server import serve_in_thread

pytestmark = pytest.mark.django_db(transaction=True)
EVENT = "audit.exported"
T = TypeVar("T")


@pytest.fixture
def org(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Organization:
    monkeypatch.setattr("orgs.webhooks.offers._OFFERS", {**offers()})
    offer(EVENT, data=lambda event: {"number": event.data.get("number")})
    return make_org("Acme", "acme")


@pytest.fixture
def owner(org: Organization) -> User:
    from orgs.roles import Role

    return make_member(org, Role.OWNER)


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    receiver = Receiver()
    with serve_in_thread(receiver) as url:
        settings.OUTBOUND_ALLOW_PRIVATE = {f"{HOST}:80": urlsplit(url).netloc}
        yield receiver


@pytest.fixture
def endpoint(org: Organization, owner: User, receiver: Receiver) -> WebhookEndpoint:
    with org_scope(org):
        return endpoints.add(org, EndpointFields(url=f"http://{HOST}/in", events=(EVENT,)), actor=owner)[0]


def told(org: Organization, number: int) -> None:
    with org_scope(org):
        emit(org, EVENT, data={"number": number})


def apart(act: Callable[[], T]) -> Callable[[], T]:
    """In a thread with a connection of its own."""

    def run() -> T:
        try:
            return act()
        finally:
            connection.close()

    return run


def test_many_senders_claim_every_delivery_once_and_no_more_of_an_endpoint_than_it_may_have(
    org: Organization, endpoint: WebhookEndpoint
) -> None:
    for number in range(12):
        told(org, number)
    with ThreadPoolExecutor(4) as pool:
        claimed = [job for jobs in pool.map(lambda _: apart(lambda: queue.claim(room=50))(), range(8)) for job in jobs]
    assert len(claimed) == len({job.pk for job in claimed}) == queue.EACH
    for job in claimed:
        queue.record(job, Outcome(code=200))

    def drain() -> list[Job]:
        mine: list[Job] = []
        while jobs := queue.claim(room=50):
            mine += jobs
            for job in jobs:
                assert queue.record(job, Outcome(code=200))
        return mine

    with ThreadPoolExecutor(3) as pool:
        for drained in pool.map(lambda _: apart(drain)(), range(3)):
            claimed += drained
    assert Counter(job.attempt for job in claimed) == {1: 12}
    with org_scope(org):
        assert set(WebhookDelivery.objects.for_org(org).values_list("status", flat=True)) == {"succeeded"}


def test_a_sender_that_dies_with_its_lease_loses_nothing(
    org: Organization, endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    told(org, 1)
    (lost,) = queue.claim(room=1)
    send_due(budget_seconds=30)
    assert receiver.received == []  # the lease still holds
    with org_scope(org), connection.cursor() as cursor:
        cursor.execute("UPDATE orgs_webhookdelivery SET leased_until = statement_timestamp() - interval '1 second'")
    send_due(budget_seconds=30)
    assert len(receiver.received) == 1
    assert queue.record(lost, Outcome(code=500)) is False
    with org_scope(org):
        assert WebhookDelivery.objects.for_org(org).get().status == "succeeded"


def test_an_endpoint_cannot_be_deleted_from_under_an_event(
    org: Organization, owner: User, endpoint: WebhookEndpoint
) -> None:
    """Whoever deletes waits for the event's transaction, and takes its delivery along."""
    written, waiting = Flag(), Flag()

    def event() -> None:
        with org_scope(org):
            emit(org, EVENT)
            written.set()
            assert waiting.wait(timeout=60)

    def delete() -> None:
        with org_scope(org):
            endpoints.remove(endpoint, actor=owner)

    with ThreadPoolExecutor(2) as pool:
        emitting = pool.submit(apart(event))
        assert written.wait(timeout=60)
        deleting = pool.submit(apart(delete))
        waiting.set()
        emitting.result(timeout=60)
        deleting.result(timeout=60)
    with org_scope(org):
        assert not WebhookDelivery.objects.for_org(org).exists()
        assert not WebhookEndpoint.objects.for_org(org).exists()
