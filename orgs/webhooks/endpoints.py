"""Endpoints: where an organization is told, of what, and under which secret.

A secret is shown to whoever makes it and to nobody afterwards. After a change both the new and the old one sign for a
day, so that the receiver may be changed at any time within it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from orgs import crypto
from orgs.events import difference, emit
from orgs.models import Organization, WebhookDelivery, WebhookEndpoint
from orgs.outbound import CannotFetch, Resolve, checked_url, place_of, system_resolver
from orgs.webhooks.offers import TEST, offers, test_body
from orgs.webhooks.signing import new_secret

if TYPE_CHECKING:
    from accounts.models import User

MOST = 20  # endpoints of one organization
BOTH_SIGN = timedelta(hours=24)
TOLERATED = timedelta(days=5)  # of failures alone, before it is switched off
_LOOK_UP = 3.0


class RefusedEndpoint(ValueError):
    """`message` is for people; `field` is `url`, `events`, or empty."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointFields:
    url: str
    events: tuple[str, ...]
    description: str = ""


def add(org: Organization, fields: EndpointFields, *, actor: User) -> tuple[WebhookEndpoint, str]:
    """The endpoint and its secret, which cannot be read again. Raises `RefusedEndpoint`."""
    columns = _columns(fields)  # may wait for a name server, for which nobody else waits
    with transaction.atomic():
        org.take_turn()
        if WebhookEndpoint.objects.for_org(org).count() >= MOST:
            raise RefusedEndpoint(_("An organization can have %(most)s endpoints.") % {"most": MOST})
        secret = new_secret()
        endpoint = WebhookEndpoint(org=org, created_by=actor, **columns)
        endpoint.ciphertext = crypto.encrypt(secret, binding=_binding(endpoint))
        endpoint.save(force_insert=True)
        emit(org, "webhook.added", actor=actor, target=endpoint, **difference(None, _known(endpoint)))
    return endpoint, secret


def change(endpoint: WebhookEndpoint, fields: EndpointFields, *, actor: User) -> None:
    """Deliveries that wait go to the new address, too. Raises `RefusedEndpoint`."""
    columns = _columns(fields)
    with transaction.atomic():
        before = _known(endpoint)
        for name, value in columns.items():
            setattr(endpoint, name, value)
        endpoint.save(update_fields=["url", "events", "description"])
        changed = difference(before, _known(endpoint))
        if changed["after"]:
            emit(endpoint.org_id, "webhook.changed", actor=actor, target=endpoint, **changed)


def rotate(endpoint: WebhookEndpoint, *, actor: User) -> str:
    """The new secret. The one before goes on signing for a day."""
    with transaction.atomic():
        locked = WebhookEndpoint.objects.for_org(endpoint.org_id).select_for_update(no_key=True).get(pk=endpoint.pk)
        secret = new_secret()
        locked.previous_ciphertext, locked.previous_until = locked.ciphertext, timezone.now() + BOTH_SIGN
        locked.ciphertext = crypto.encrypt(secret, binding=_binding(locked))
        locked.save(update_fields=["ciphertext", "previous_ciphertext", "previous_until"])
        emit(endpoint.org_id, "webhook.rotated", actor=actor, target=locked)
    endpoint.previous_until = locked.previous_until
    return secret


def remove(endpoint: WebhookEndpoint, *, actor: User) -> None:
    with transaction.atomic():
        # Whoever is writing a delivery for it comes before; whoever comes later finds none.
        locked = WebhookEndpoint.objects.for_org(endpoint.org_id).select_for_update().filter(pk=endpoint.pk).first()
        if locked is not None:
            before = _known(locked)
            emit(locked.org_id, "webhook.removed", actor=actor, target=locked, before=before)
            locked.delete()


def switch_off(endpoint: WebhookEndpoint, *, reason: str, actor: User | None = None) -> bool:
    """What waits is not sent; it can be sent again by hand. False when it was off before."""
    with transaction.atomic():
        rows = WebhookEndpoint.objects.for_org(endpoint.org_id).filter(pk=endpoint.pk, disabled_at=None)
        if not rows.update(disabled_at=timezone.now(), disabled_reason=reason):
            return False
        waiting = WebhookDelivery.objects.for_org(endpoint.org_id).filter(endpoint=endpoint, status="pending")
        waiting.update(status=WebhookDelivery.Status.DROPPED, finished_at=timezone.now(), leased_until=None)
        name = "webhook.disabled" if actor is not None else "webhook.given_up"
        emit(endpoint.org_id, name, actor=actor, target=endpoint, data={"reason": str(reason)})
    return True


def switch_on(endpoint: WebhookEndpoint, *, actor: User) -> bool:
    with transaction.atomic():
        rows = WebhookEndpoint.objects.for_org(endpoint.org_id).filter(pk=endpoint.pk, disabled_at__isnull=False)
        if not rows.update(disabled_at=None, disabled_reason="", failing_since=None):
            return False
        emit(endpoint.org_id, "webhook.enabled", actor=actor, target=endpoint)
    return True


def test(endpoint: WebhookEndpoint, *, actor: User) -> WebhookDelivery:
    """One delivery that tells of nothing, tried once; the one that waits already, however often it is asked for."""
    waiting = WebhookDelivery.objects.for_org(endpoint.org_id).filter(endpoint=endpoint, type=TEST, status="pending")
    if found := waiting.first():
        return found
    now = timezone.now()
    with transaction.atomic():
        delivery = WebhookDelivery.objects.for_org(endpoint.org_id).create(
            org_id=endpoint.org_id,
            endpoint=endpoint,
            type=TEST,
            body=test_body(endpoint.org, at=now.isoformat()),
            due_at=Now(),
        )
        emit(endpoint.org_id, "webhook.tested", actor=actor, target=endpoint)
    return delivery


def signing_secrets(endpoint: WebhookEndpoint) -> tuple[str, ...]:
    """Those that sign now, newest first. Raises `crypto.Undecipherable`."""
    sealed = [endpoint.ciphertext]
    if endpoint.previous_ciphertext is not None and endpoint.previous_signs:
        sealed.append(endpoint.previous_ciphertext)
    return tuple(crypto.decrypt(one, binding=_binding(endpoint)) for one in sealed)


def checked_address(url: str, *, resolve: Resolve = system_resolver) -> str:
    """The address, if it may be written to. Looks its name up, for at most three seconds. Raises `RefusedEndpoint`."""
    try:
        return asyncio.run(_checked(url.strip(), resolve))
    except CannotFetch as refused:
        raise RefusedEndpoint(refused.message, field="url") from refused
    except TimeoutError:
        message = _("Looking this name up took too long. Try again.")
        raise RefusedEndpoint(message, field="url") from None


async def _checked(url: str, resolve: Resolve) -> str:
    parsed = checked_url(url)
    if parsed.scheme != "https" and not settings.PRIVATE:
        raise RefusedEndpoint(_("The address must begin with https://."), field="url")
    async with asyncio.timeout(_LOOK_UP):
        await place_of(parsed, resolve)
    return url


def _columns(fields: EndpointFields) -> dict[str, Any]:
    wanted = [name for name in offers() if name in fields.events]
    if not wanted:
        raise RefusedEndpoint(_("Choose at least one event."), field="events")
    return {"url": checked_address(fields.url), "events": wanted, "description": " ".join(fields.description.split())}


def _known(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """For the audit trail: an address without what may be a password in its query."""
    address, mark, _query = endpoint.url.partition("?")
    shown = address + ("?\u2026" if mark else "")
    return {"url": shown, "events": sorted(endpoint.events), "description": endpoint.description}


def _binding(endpoint: WebhookEndpoint) -> crypto.Binding:
    return crypto.Binding(table="orgs_webhookendpoint", uuid=endpoint.uuid, org_id=endpoint.org_id, purpose="signing")
