"""Webhooks over the API."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from orgs.models import Event, Organization, WebhookDelivery, WebhookEndpoint
from orgs.scoping import org_scope
from orgs.webhooks import endpoints
from tests.screens import ClientOf

URL = "/api/v1/o/acme/webhooks/"
HOOK = {"url": "https://93.184.215.14/in", "events": ["scan.finished"], "description": "Warehouse"}


@pytest.fixture
def client(client_of: ClientOf, admin: User) -> Client:
    return client_of(admin)


def post(client: Client, url: str, body: Any = None) -> Any:
    return client.post(url, body or {}, content_type="application/json")


@pytest.fixture
def made(client: Client) -> dict[str, Any]:
    told: dict[str, Any] = post(client, URL, HOOK).json()
    return told


def test_only_the_answer_to_making_one_has_its_secret(client: Client, org: Organization, made: dict[str, Any]) -> None:
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/=]{44}", made["secret"])
    assert (made["enabled"], made["events"]) == (True, ["scan.finished"])
    again = client.get(f"{URL}{made['id']}/").json()
    assert again == {name: value for name, value in made.items() if name != "secret"}
    assert client.get(URL).json()["results"] == [again]
    with org_scope(org):
        stored = WebhookEndpoint.objects.for_org(org).get()
        assert endpoints.signing_secrets(stored) == (made["secret"],)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://[::ffff:169.254.169.254]/"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["org.deleted"]}, "events"),
        ({"description": "x" * 121}, "description"),
    ],
)
def test_what_makes_no_webhook_is_refused(client: Client, org: Organization, given: dict[str, Any], field: str) -> None:
    answered = post(client, URL, HOOK | given)
    assert (answered.status_code, list(answered.json())) == (400, [field])
    with org_scope(org):
        assert not WebhookEndpoint.objects.for_org(org).exists()


def test_it_is_changed_switched_and_deleted(client: Client, org: Organization, made: dict[str, Any]) -> None:
    url = f"{URL}{made['id']}/"

    def patch(**given: Any) -> Any:
        return client.patch(url, given, content_type="application/json").json()

    assert patch(events=["scan.cancelled"])["url"] == HOOK["url"]
    off = patch(enabled=False)
    assert (off["enabled"], off["disabled_reason"], off["events"]) == (False, "member", ["scan.cancelled"])
    assert post(client, f"{url}test/").status_code == 409
    assert patch(enabled=True)["enabled"] is True
    assert client.delete(url).status_code == 204
    with org_scope(org):
        names = list(Event.objects.for_org(org).order_by("pk").values_list("name", flat=True))
    assert names == [f"webhook.{what}" for what in ("added", "changed", "disabled", "enabled", "removed")]


def test_a_new_secret_is_shown_in_its_answer(client: Client, org: Organization, made: dict[str, Any]) -> None:
    new = post(client, f"{URL}{made['id']}/rotate/").json()["secret"]
    assert new != made["secret"]
    with org_scope(org):
        stored = WebhookEndpoint.objects.for_org(org).get()
        assert endpoints.signing_secrets(stored) == (new, made["secret"])


def test_deliveries_are_listed_and_sent_again(client: Client, org: Organization, made: dict[str, Any]) -> None:
    tested = post(client, f"{URL}{made['id']}/test/").json()
    assert (tested["type"], tested["status"], tested["webhook"]) == ("webhook.test", "pending", made["id"])
    listed = "/api/v1/o/acme/webhook-deliveries/"
    assert [one["id"] for one in client.get(f"{listed}?webhook={made['id']}").json()["results"]] == [tested["id"]]
    assert client.get(f"{listed}?webhook=0").json()["results"] == []
    assert client.get(f"{listed}?webhook=x").status_code == 404
    again = f"{listed}{tested['id']}/again/"
    assert post(client, again).status_code == 409
    with org_scope(org):
        WebhookDelivery.objects.for_org(org).update(status="failed", finished_at=timezone.now())
    assert post(client, again).json()["status"] == "pending"
