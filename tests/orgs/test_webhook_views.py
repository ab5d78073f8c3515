"""The pages of webhooks."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from orgs.models import Event, Organization, WebhookDelivery, WebhookEndpoint
from orgs.scoping import org_scope
from orgs.webhooks import endpoints
from tests.screens import ClientOf

HOOK = "https://93.184.215.14/in"
FORM = {"url": HOOK, "description": "Warehouse", "events": ["scan.finished", "scan.cancelled"]}


@pytest.fixture
def client(client_of: ClientOf, admin: User) -> Client:
    return client_of(admin)


@pytest.fixture
def endpoint(client: Client, org: Organization) -> WebhookEndpoint:
    client.post(reverse("webhook-add", args=["acme"]), FORM)
    return only(org)


def only(org: Organization) -> WebhookEndpoint:
    with org_scope(org):
        return WebhookEndpoint.objects.for_org(org).get()


def events_of(org: Organization) -> list[Event]:
    with org_scope(org):
        return list(Event.objects.for_org(org).order_by("pk"))


def page(client: Client, name: str, *args: object) -> str:
    return client.get(reverse(name, args=["acme", *args])).content.decode()


def secret_on(text: str) -> str:
    (found,) = set(re.findall(r"whsec_[A-Za-z0-9+/=]{44}", text))
    return found


def test_a_secret_is_shown_once_and_never_recorded(client: Client, org: Organization) -> None:
    response = client.post(reverse("webhook-add", args=["acme"]), FORM)
    secret = secret_on(response.content.decode())
    assert response["Cache-Control"].count("no-store") == 1
    endpoint = only(org)
    with org_scope(org):
        assert endpoints.signing_secrets(endpoint) == (secret,)
    for name, args in (("webhooks", ()), ("webhook", (endpoint.pk,)), ("webhook-edit", (endpoint.pk,)), ("audit", ())):
        assert "whsec_" not in page(client, name, *args)
    assert "whsec_" not in str([(event.before, event.after, event.data) for event in events_of(org)])


def test_what_changed_is_recorded_before_and_after(
    client: Client, org: Organization, endpoint: WebhookEndpoint
) -> None:
    changed = FORM | {"url": f"{HOOK}?token=hidden", "description": "Warehouse"}
    assert client.post(reverse("webhook-edit", args=["acme", endpoint.pk]), changed).status_code == 302
    added, edited = events_of(org)
    assert added.after is not None
    assert (added.before, added.after["url"]) == (None, HOOK)
    assert (edited.before, edited.after) == ({"url": HOOK}, {"url": f"{HOOK}?\u2026"})


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"url": "https://127.0.0.1/in"}, "url"),
        ({"url": "https://169.254.169.254/latest"}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": ""}, "url"),
        ({"events": []}, "events"),
        ({"events": ["org.deleted"]}, "events"),
        ({"description": "x" * 121}, "description"),
    ],
)
def test_what_makes_no_webhook_is_said_at_its_field(
    client: Client, org: Organization, given: dict[str, Any], field: str
) -> None:
    response = client.post(reverse("webhook-add", args=["acme"]), FORM | given)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    with org_scope(org):
        assert not WebhookEndpoint.objects.for_org(org).exists()


def test_there_is_an_end_to_them(client: Client, org: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "MOST", 1)
    client.post(reverse("webhook-add", args=["acme"]), FORM)
    refused = client.post(reverse("webhook-add", args=["acme"]), FORM)
    assert (refused.status_code, "can have 1 endpoints" in refused.content.decode()) == (422, True)
    assert "Add webhook" not in page(client, "webhooks")


def test_a_new_secret_stands_beside_the_old_for_a_day(
    client: Client, org: Organization, endpoint: WebhookEndpoint
) -> None:
    with org_scope(org):
        (old,) = endpoints.signing_secrets(endpoint)
    address = reverse("webhook-rotate", args=["acme", endpoint.pk])
    assert "Make a new secret?" in client.get(address).content.decode()
    new = secret_on(client.post(address).content.decode())
    with org_scope(org):
        assert endpoints.signing_secrets(only(org)) == (new, old)
    assert "The old one signs, too" in page(client, "webhook", endpoint.pk)


def test_it_is_tested_switched_off_and_on(client: Client, org: Organization, endpoint: WebhookEndpoint) -> None:
    assert "Nothing sent yet" in page(client, "webhook", endpoint.pk)
    client.post(reverse("webhook-test", args=["acme", endpoint.pk]))
    shown = page(client, "webhook", endpoint.pk)
    assert "A test" in shown
    assert 'data-hx-trigger="every 2s"' in shown  # about to change
    client.post(reverse("webhook-switch", args=["acme", endpoint.pk]), {"on": "0"})
    assert only(org).disabled_reason == "member"
    shown = page(client, "webhook", endpoint.pk)
    assert "Not sent" in shown
    assert "every 2s" not in shown
    client.post(reverse("webhook-test", args=["acme", endpoint.pk]))
    with org_scope(org):
        assert WebhookDelivery.objects.for_org(org).count() == 1  # off: not tested
    client.post(reverse("webhook-switch", args=["acme", endpoint.pk]), {"on": "1"})
    assert only(org).is_enabled


def test_a_delivery_shows_what_was_sent_and_answered_harmlessly(
    client: Client, org: Organization, endpoint: WebhookEndpoint
) -> None:
    with org_scope(org):
        delivery = WebhookDelivery.objects.for_org(org).create(
            org=org,
            endpoint=endpoint,
            type="scan.finished",
            body='{"type":"scan.finished"}',
            status="failed",
            attempts=2,
            code=500,
            response="<script>alert(1)</script>",
            history=[{"at": "2026-11-21T08:00:00+00:00", "problem": "internal", "ms": 3}, {"code": 500, "ms": 1200}],
            finished_at=timezone.now(),
        )
    shown = page(client, "webhook-delivery", delivery.pk)
    assert "&lt;script&gt;alert(1)" in shown
    assert "<script>alert" not in shown
    assert "not on the public internet" in shown
    assert "status 500" in shown
    client.post(reverse("webhook-redeliver", args=["acme", delivery.pk]))
    with org_scope(org):
        delivery.refresh_from_db(from_queryset=WebhookDelivery.objects.for_org(org))
    assert (delivery.status, delivery.attempts_before) == ("pending", 2)
    assert events_of(org)[-1].name == "webhook.resent"


def test_it_is_deleted_after_a_question(client: Client, org: Organization, endpoint: WebhookEndpoint) -> None:
    address = reverse("webhook-delete", args=["acme", endpoint.pk])
    assert "Delete the webhook Warehouse?" in client.get(address).content.decode()
    client.post(address)
    assert "No webhook yet" in page(client, "webhooks")
    assert client.get(reverse("webhook", args=["acme", endpoint.pk])).status_code == 404


def test_another_organizations_webhook_does_not_exist(
    client_of: ClientOf, outsider: User, other_org: Organization, endpoint: WebhookEndpoint
) -> None:
    stranger = client_of(outsider)
    for name in ("webhook", "webhook-edit", "webhook-rotate", "webhook-delete"):
        assert stranger.get(reverse(name, args=[other_org.slug, endpoint.pk])).status_code == 404
