"""Webhooks of the scenery: one that works, with deliveries that went in every way, and one that was switched off."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.models import User
from orgs.models import Event, Organization, WebhookDelivery, WebhookEndpoint
from orgs.scoping import org_scope
from orgs.webhooks import endpoints
from orgs.webhooks.endpoints import EndpointFields
from orgs.webhooks.offers import TEST, body_of, test_body

# Of nothing that happens in the scenery: nobody is written to.
EVENTS = ("schedule.skipped",)
ADDRESS = "https://93.184.215.14/hooks"


@dataclass(frozen=True, kw_only=True)
class Hooked:
    endpoint: WebhookEndpoint
    arrived: WebhookDelivery
    failed: WebhookDelivery


def hook(org: Organization, owner: User) -> Hooked:
    endpoint = _endpoint(org, owner, "reports", "Weekly report")
    off = _endpoint(org, owner, "old", "The old warehouse")
    with org_scope(org):
        endpoints.switch_off(off, reason=WebhookEndpoint.Reason.FAILING)
        ended = Event.objects.for_org(org).select_related("org").filter(name="scan.finished").latest("pk")
        arrived = _delivery(endpoint, event=ended, type=ended.name, body=body_of(ended), codes=[500, 200])
        body = test_body(org, at=timezone.now().isoformat())
        failed = _delivery(
            endpoint, type=TEST, body=body, codes=[503], response="<h1>503</h1>\nThe report is being restarted.\n"
        )
        return Hooked(endpoint=endpoint, arrived=arrived, failed=failed)


def _endpoint(org: Organization, owner: User, path: str, description: str) -> WebhookEndpoint:
    """In a thread of its own: looking an address up takes an event loop, and where a browser is driven, one runs."""
    fields = EndpointFields(url=f"{ADDRESS}/{path}", events=EVENTS, description=description)
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(_added, org, owner, fields).result()


def _added(org: Organization, owner: User, fields: EndpointFields) -> WebhookEndpoint:
    try:
        with org_scope(org):
            return endpoints.add(org, fields, actor=owner)[0]
    finally:
        connection.close()


def _delivery(endpoint: WebhookEndpoint, *, codes: list[int], **fields: Any) -> WebhookDelivery:
    now = timezone.now()
    begun = now - timedelta(minutes=5)
    return WebhookDelivery.objects.for_org(endpoint.org_id).create(
        org_id=endpoint.org_id,
        endpoint=endpoint,
        status="succeeded" if codes[-1] == 200 else "failed",
        attempts=len(codes),
        code=codes[-1],
        history=[
            {"at": (begun + timedelta(seconds=6 * place)).isoformat(), "code": code, "ms": 180 + 60 * place}
            for place, code in enumerate(codes)
        ],
        created_at=begun,
        finished_at=now,
        **fields,
    )
