"""Webhooks: signed as the specification says, sent to the world alone, until they have arrived."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from orgs.events import emit
from orgs.models import Event, Organization, WebhookDelivery, WebhookEndpoint
from orgs.outbound import Answered
from orgs.scoping import all_orgs_scope, org_scope
from orgs.webhooks import endpoints, queue, sending
from orgs.webhooks.endpoints import EndpointFields
from orgs.webhooks.offers import offer, offers
from orgs.webhooks.queue import PATIENCE, Outcome
from orgs.webhooks.sending import retry_after, send_due
from orgs.webhooks.signing import signature
from tests.orgs.receiving import HOST, Receiver
from tests.server import serve_in_thread

EVENT, OTHER = "audit.exported", "org.renamed"


@pytest.fixture(autouse=True)
def _offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orgs.webhooks.offers._OFFERS", {**offers()})
    offer(EVENT, data=lambda event: {"number": event.data.get("number"), "told": str(event.target_label)})
    offer(OTHER, data=lambda event: {"broken": event.data["missing"]})


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture(autouse=True)
def _served(receiver: Receiver, settings: Any) -> Iterator[None]:
    with serve_in_thread(receiver) as url:
        settings.OUTBOUND_ALLOW_PRIVATE = {f"{HOST}:443": "127.0.0.1:1", f"{HOST}:80": urlsplit(url).netloc}
        yield


def added(org: Organization, owner: User, path: str = "/in", *events: str) -> tuple[WebhookEndpoint, str]:
    fields = EndpointFields(url=f"http://{HOST}{path}", events=events or (EVENT,))
    with org_scope(org):
        return endpoints.add(org, fields, actor=owner)


def told(org: Organization, name: str = EVENT, number: int = 1) -> Event:
    with org_scope(org):
        return emit(org, name, data={"number": number})


def deliveries(org: Organization) -> list[WebhookDelivery]:
    with org_scope(org):
        return list(WebhookDelivery.objects.for_org(org).order_by("pk"))


def delivery(org: Organization) -> WebhookDelivery:
    (only,) = deliveries(org)
    return only


def reread(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    with org_scope(endpoint.org_id):
        return WebhookEndpoint.objects.for_org(endpoint.org_id).get(pk=endpoint.pk)


def at(org: Organization, **fields: Any) -> None:
    with org_scope(org):
        WebhookDelivery.objects.for_org(org).update(**fields)


def send() -> bool:
    return send_due(budget_seconds=60)


def test_the_signature_is_the_specifications_own_example() -> None:
    """The vector of the specification's reference libraries."""
    given = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert given == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_an_event_is_sent_once_signed_and_typed(org: Organization, owner: User, receiver: Receiver) -> None:
    _endpoint, secret = added(org, owner)
    event = told(org, number=7)
    assert send() is False
    (got,) = receiver.received
    assert got.is_signed_with(secret)
    assert not got.is_signed_with("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert got.told == {
        "type": EVENT,
        "timestamp": event.created_at.isoformat(),
        "version": "1",
        "data": {"organization": {"id": org.pk, "slug": "acme", "name": "Acme"}, "number": 7, "told": ""},
    }
    assert got.headers["content-type"] == "application/json"
    assert abs(int(got.headers["webhook-timestamp"]) - timezone.now().timestamp()) < 60
    done = delivery(org)
    assert (done.status, done.attempts, done.code, done.message_id) == (
        "succeeded",
        1,
        204,
        got.headers["webhook-id"],
    )
    send()
    assert len(receiver.received) == 1


def test_only_who_asked_for_an_event_is_told(
    org: Organization, other_org: Organization, owner: User, outsider: User, receiver: Receiver
) -> None:
    wanted, _ = added(org, owner, "/wanted")
    added(org, owner, "/other-event", OTHER)
    added(other_org, outsider, "/other-organization")
    off, _ = added(org, owner, "/off")
    with org_scope(org):
        endpoints.switch_off(off, reason="member", actor=owner)
    told(org)
    send()
    assert [got.path for got in receiver.received] == ["/wanted"]
    assert delivery(org).endpoint_id == wanted.pk


def test_nothing_is_sent_of_what_was_rolled_back(org: Organization, owner: User, receiver: Receiver) -> None:
    added(org, owner)
    with pytest.raises(ZeroDivisionError), transaction.atomic(), org_scope(org):
        emit(org, EVENT)
        raise ZeroDivisionError
    assert send() is False
    assert (receiver.received, deliveries(org)) == ([], [])


def test_a_failure_is_tried_again_under_the_same_id_with_the_same_body(
    org: Organization, owner: User, receiver: Receiver
) -> None:
    added(org, owner)
    receiver.answers = [500, 200]
    told(org)
    send()
    put_off = delivery(org)
    assert (put_off.status, put_off.attempts, put_off.code, put_off.response) == ("pending", 1, 500, "thank you")
    assert timedelta(seconds=3) < put_off.due_at - timezone.now() < timedelta(seconds=6)
    assert len(receiver.received) == 1
    at(org, due_at=timezone.now())
    send()
    first, second = receiver.received
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    assert [attempt["code"] for attempt in delivery(org).history] == [500, 200]
    assert delivery(org).status == "succeeded"


def test_attempts_end_after_the_whole_schedule(org: Organization, owner: User, receiver: Receiver) -> None:
    added(org, owner)
    receiver.answers = [503]
    told(org)
    waits = []
    for _ in range(len(PATIENCE) + 1):
        send()
        waits.append((delivery(org).due_at - timezone.now()).total_seconds())
        at(org, due_at=timezone.now())
    assert all(wait * 0.9 < waited < wait * 1.2 for wait, waited in zip(PATIENCE, waits, strict=False))
    given_up = delivery(org)
    assert (given_up.status, given_up.attempts) == ("failed", len(PATIENCE) + 1)
    send()
    assert len(receiver.received) == len(PATIENCE) + 1


def test_a_receiver_that_asks_for_time_gets_it(org: Organization, owner: User, receiver: Receiver) -> None:
    added(org, owner)
    receiver.answers, receiver.headers = [429], [(b"retry-after", b"1000")]
    told(org)
    send()
    wait = (delivery(org).due_at - timezone.now()).total_seconds()
    assert 900 < wait <= 1_100


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("120", 120),
        ("Sat, 21 Nov 2026 08:01:00 GMT", 60),
        ("Sat, 21 Nov 2026 07:00:00 GMT", 0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("9" * 30, None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 999_999_999),
        ("Sat, 21 Nov 99999999999999999999 08:01:00 GMT", None),
        ("Sat, 21 Nov 2026 08:01:00 +99999999999999", None),
        ("Fri, 31 Dec 9999 23:59:59 -2300", 999_999_999),
    ],
)
def test_the_time_asked_for_is_read_in_both_forms(given: str, seconds: int | None) -> None:
    answered = Answered(status=429, headers={"retry-after": given} if given else {}, text="")
    assert retry_after(answered, now=datetime(2026, 11, 21, 8, tzinfo=UTC)) == seconds


def test_a_redirect_is_a_failure_and_is_not_followed(org: Organization, owner: User, receiver: Receiver) -> None:
    added(org, owner)
    receiver.answers, receiver.headers = [302], [(b"location", b"http://hooks.example/elsewhere")]
    told(org)
    send()
    assert (delivery(org).status, delivery(org).code, len(receiver.received)) == ("pending", 302, 1)


def test_a_receiver_that_keeps_us_waiting_is_left(
    org: Organization, owner: User, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "SECONDS", 0.3)
    added(org, owner, "/slow")
    told(org)
    send()
    assert (delivery(org).status, delivery(org).history[0]["problem"]) == ("pending", "time")


def test_only_the_beginning_of_an_answer_is_kept(org: Organization, owner: User, receiver: Receiver) -> None:
    added(org, owner)
    receiver.answers, receiver.body = [400], b"\x00<script>" + b"x" * 5_000_000
    told(org)
    send()
    assert delivery(org).response.startswith("\ufffd<script>xxx")
    assert len(delivery(org).response) == 1_024


def test_a_receiver_that_is_gone_is_switched_off_and_admins_hear_of_it(
    org: Organization, owner: User, receiver: Receiver
) -> None:
    endpoint, _ = added(org, owner)
    receiver.answers = [410]
    told(org, number=1)
    told(org, number=2)
    send()
    after = reread(endpoint)
    assert (after.is_enabled, after.disabled_reason) == (False, "gone")
    assert {one.status for one in deliveries(org)} <= {"failed", "dropped"}
    with org_scope(org):
        assert Event.objects.for_org(org).filter(name="webhook.given_up").count() == 1


def test_days_of_failures_switch_it_off_and_one_success_forgives(
    org: Organization, owner: User, receiver: Receiver
) -> None:
    endpoint, _ = added(org, owner)

    def fail(*, since: timedelta, answer: int = 500) -> WebhookEndpoint:
        with org_scope(org):
            WebhookEndpoint.objects.for_org(org).update(failing_since=timezone.now() - since)
        receiver.answers = [answer]
        told(org)
        send()
        return reread(endpoint)

    assert fail(since=timedelta(days=4)).is_enabled
    assert fail(since=endpoints.TOLERATED, answer=200).failing_since is None
    assert fail(since=endpoints.TOLERATED).disabled_reason == "failing"
    assert {one.status for one in deliveries(org)} == {"succeeded", "dropped"}


def test_a_new_secret_and_the_old_one_both_sign_for_a_day(org: Organization, owner: User, receiver: Receiver) -> None:
    endpoint, old = added(org, owner)
    with org_scope(org):
        new = endpoints.rotate(endpoint, actor=owner)
    told(org)
    send()
    with org_scope(org):
        WebhookEndpoint.objects.for_org(org).update(previous_until=timezone.now())
    told(org)
    send()
    both, alone = receiver.received
    assert both.is_signed_with(old)
    assert both.is_signed_with(new)
    assert alone.is_signed_with(new)
    assert not alone.is_signed_with(old)


def test_a_secret_is_stored_for_its_own_row_alone(org: Organization, owner: User) -> None:
    endpoint, secret = added(org, owner)
    second, _ = added(org, owner, "/second")
    assert secret.encode() not in bytes(endpoint.ciphertext)
    second.ciphertext = endpoint.ciphertext
    with pytest.raises(ValueError, match="cannot be read"):
        endpoints.signing_secrets(second)


def test_what_cannot_be_made_holds_up_nothing_else(org: Organization, owner: User, receiver: Receiver) -> None:
    added(org, owner, "/in", EVENT, OTHER)
    told(org, OTHER)
    told(org)
    send()
    broken, fine = deliveries(org)
    assert (broken.status, broken.history[0]["problem"], fine.status) == ("pending", "payload", "succeeded")


def test_an_organization_that_is_closed_is_told_nothing(org: Organization, owner: User, receiver: Receiver) -> None:
    added(org, owner)
    told(org)
    Organization.objects.filter(pk=org.pk).update(disabled_at=timezone.now())
    send()
    assert receiver.received == []
    assert delivery(org).status == "pending"


def test_two_senders_never_have_the_same_delivery(org: Organization, owner: User) -> None:
    added(org, owner)
    told(org)
    (job,) = queue.claim(room=10)
    assert queue.claim(room=10) == []
    assert queue.anything_due() is False
    at(org, leased_until=timezone.now() - timedelta(seconds=1))
    (second,) = queue.claim(room=10)
    assert (second.pk, second.attempt) == (job.pk, 2)
    assert queue.record(job, Outcome(code=500)) is False  # the first one's word comes too late
    assert queue.parcel_of(job) is None
    assert queue.record(second, Outcome(code=200)) is True
    assert delivery(org).status == "succeeded"


def test_a_slow_endpoint_holds_up_nobody(org: Organization, owner: User, receiver: Receiver) -> None:
    slow, _ = added(org, owner, "/slow")
    for number in range(queue.EACH + 6):
        told(org, number=number)
    added(org, owner, "/quick")
    for number in range(3):
        told(org, number=number)

    claimed = queue.claim(room=100)
    with all_orgs_scope("a test"):
        rows = {row.pk: row.endpoint_id for row in WebhookDelivery.all_orgs.all()}
    taken = [rows[job.pk] for job in claimed]
    assert (taken.count(slow.pk), len(taken)) == (queue.EACH, queue.EACH + 3)
    assert queue.claim(room=100) == []
    for job in claimed:
        queue.record(job, Outcome(code=200))
    receiver.let_go.set()
    send()
    assert {one.status for one in deliveries(org)} == {"succeeded"}
    assert receiver.most_open <= queue.EACH


def test_one_sender_is_enough(org: Organization, owner: User, receiver: Receiver) -> None:
    from django.core.cache import cache

    added(org, owner)
    told(org)
    cache.set("orgs.webhooks.sender", "somebody else", timeout=30)
    assert send() is False
    assert receiver.received == []
    cache.delete("orgs.webhooks.sender")
    send()
    assert len(receiver.received) == 1


def test_a_test_is_tried_once_and_does_not_count_against_the_endpoint(
    org: Organization, owner: User, receiver: Receiver
) -> None:
    endpoint, secret = added(org, owner)
    receiver.answers = [500]
    with org_scope(org):
        first = endpoints.test(endpoint, actor=owner)
        assert endpoints.test(endpoint, actor=owner) == first  # pressed twice, sent once
    send()
    assert delivery(org).status == "failed"
    assert reread(endpoint).failing_since is None
    assert receiver.received[0].told["type"] == "webhook.test"
    assert receiver.received[0].is_signed_with(secret)


def test_what_arrived_can_be_sent_again_under_its_id(org: Organization, owner: User, receiver: Receiver) -> None:
    added(org, owner)
    told(org)
    send()
    with org_scope(org):
        assert queue.send_again(delivery(org), actor=owner)
        assert not queue.send_again(delivery(org), actor=owner)
    receiver.answers = [500]
    send()
    again = delivery(org)
    assert (again.status, again.attempts, again.attempts_before) == ("pending", 2, 1)
    assert again.due_at - timezone.now() < timedelta(seconds=6)  # its schedule begins anew
    assert len({got.headers["webhook-id"] for got in receiver.received}) == 1


def test_old_deliveries_are_forgotten_and_open_ones_are_not(org: Organization, owner: User) -> None:
    added(org, owner)
    told(org)
    told(org)
    first, _second = deliveries(org)
    with org_scope(org):
        long_ago = timezone.now() - queue.KEPT - timedelta(hours=1)
        rows = WebhookDelivery.objects.for_org(org)
        rows.update(created_at=long_ago)
        rows.filter(pk=first.pk).update(status="succeeded", finished_at=long_ago)
    assert queue.prune() == 1
    assert queue.prune() == 0
    assert delivery(org).status == "pending"


def test_an_endpoint_that_is_deleted_takes_its_deliveries_along(org: Organization, owner: User) -> None:
    endpoint, _ = added(org, owner)
    told(org)
    with org_scope(org):
        endpoints.remove(endpoint, actor=owner)
    assert deliveries(org) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "https://[::1]/hook",
        "https://169.254.169.254/",
        "http://2130706433/",
        "https://localhost/",
        "https://10.0.0.8/",
        "https://example.com:8443/",
        "https://user:pass@example.com/",
        "ftp://example.com/",
        "hooks.example/in",
    ],
)
def test_an_endpoint_inside_is_refused(org: Organization, owner: User, url: str) -> None:
    with org_scope(org), pytest.raises(endpoints.RefusedEndpoint) as caught:
        endpoints.add(org, EndpointFields(url=url, events=(EVENT,)), actor=owner)
    assert caught.value.field == "url"


def test_a_name_that_turns_inside_later_is_not_written_to(
    org: Organization, owner: User, receiver: Receiver, settings: Any
) -> None:
    added(org, owner)
    settings.OUTBOUND_ALLOW_PRIVATE = {}

    async def inside(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    told(org)
    send_due(budget_seconds=60, resolve=inside)
    assert receiver.received == []
    assert delivery(org).history[0]["problem"] == "internal"


def test_plain_http_is_for_private_installations(org: Organization, owner: User, settings: Any) -> None:
    settings.PRIVATE = False
    with org_scope(org), pytest.raises(endpoints.RefusedEndpoint, match="https://"):
        endpoints.add(org, EndpointFields(url=f"http://{HOST}/", events=(EVENT,)), actor=owner)
    with org_scope(org):
        endpoints.add(org, EndpointFields(url=f"https://{HOST}/", events=(EVENT,)), actor=owner)
