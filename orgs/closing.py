"""The end of an organization: asked for by an owner, taken back within the days of grace, then nothing is left of it
but its audit trail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.dispatch import Signal
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.mail import send, site_link
from orgs.events import emit
from orgs.models import Event, Membership, Organization
from orgs.roles import Role
from orgs.scoping import org_scope
from orgs.streams import end_streams

if TYPE_CHECKING:
    from accounts.models import User

BATCH = 1_000
TOMBSTONE = "Deleted organization"

organization_closing = Signal()  # sent with org and actor, in the transaction and scope that close or disable it


def ask_deletion(org: Organization, *, actor: User) -> bool:
    """Close the organization to everybody and empty it when the days of grace have passed; False when that was asked
    before. Runs inside the organization's scope."""
    due = timezone.now() + timedelta(days=settings.ORG_DELETION_GRACE_DAYS)
    with transaction.atomic():
        if not Organization.objects.filter(pk=org.pk, deletion_due_at=None).update(deletion_due_at=due):
            return False
        org.deletion_due_at = due
        emit(org, "org.deletion_asked", actor=actor, target=org, after={"due": due.isoformat()})
        organization_closing.send(sender=None, org=org, actor=actor)
        end_streams(org.pk)
        _tell_owners(org, actor=actor)
    return True


def cancel_deletion(org: Organization, *, actor: User) -> bool:
    """False once the days of grace have passed: what is left by then is no organization."""
    with transaction.atomic():
        still = Organization.objects.filter(pk=org.pk, deletion_due_at__gt=timezone.now(), deleted_at=None)
        if not still.update(deletion_due_at=None):
            return False
        due, org.deletion_due_at = org.deletion_due_at, None
        before = {"due": due.isoformat()} if due else None
        emit(org, "org.deletion_cancelled", actor=actor, target=org, before=before)
    return True


def due_organizations() -> list[int]:
    return list(_due().order_by("deletion_due_at").values_list("pk", flat=True))


def _due() -> models.QuerySet[Organization]:
    return Organization.objects.filter(deletion_due_at__lte=timezone.now(), deleted_at=None)


def purge(org_id: int, *, batches: int) -> bool:
    """Empty an organization that is due, some rows at a time, each batch in a transaction of its own, so that it may be
    killed anywhere and go on later. True once nothing is left."""
    left = batches
    if not _due().filter(pk=org_id).exists():
        return False
    for model in tables_to_empty():
        while _empty_some(org_id, model):
            left -= 1
            if left <= 0:
                return False
    return _bury(org_id)


def tables_to_empty() -> list[type[models.Model]]:
    """Every table with rows of an organization but its audit trail: what refers to others before them, and last who
    belonged to it."""
    left = {model for model in _tables_of_organizations() if model not in (Event, Membership)}
    ordered: list[type[models.Model]] = []
    while left:
        free = [model for model in left if not any(model in _referred(other) for other in left if other is not model)]
        ordered += sorted(free or left, key=lambda model: model._meta.label)
        left -= set(ordered)
    return [*ordered, Membership]


def _tables_of_organizations() -> Iterator[type[models.Model]]:
    """Tables between two others, as of features that are on for some organizations, among them."""
    for model in apps.get_models(include_auto_created=True):
        if _key_of(model) is not None:
            yield model


def _key_of(model: type[models.Model]) -> str | None:
    """The column that says whose row it is."""
    fields = (field for field in model._meta.local_fields if field.related_model is Organization)
    return next((field.attname for field in fields), None)


def _referred(model: type[models.Model]) -> set[type[models.Model]]:
    return {field.related_model for field in model._meta.local_fields if isinstance(field.related_model, type)}


def _empty_some(org_id: int, model: type[models.Model]) -> int:
    key = _key_of(model)
    with org_scope(org_id):
        rows = model._base_manager.filter(**{str(key): org_id})
        ids = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
        if ids:
            rows.filter(pk__in=ids).delete()
    return len(ids)


def _bury(org_id: int) -> bool:
    """What the audit trail refers to stays, without a name, and under a slug that no name makes."""
    with org_scope(org_id):
        buried = (
            _due()
            .filter(pk=org_id)
            .update(name=TOMBSTONE, slug=f"_deleted-{org_id}", logo_digest="", deleted_at=timezone.now())
        )
        if buried:
            emit(org_id, "org.deleted", target=Organization.objects.get(pk=org_id))
    return bool(buried)


def _tell_owners(org: Organization, *, actor: User) -> None:
    owners = Membership.objects.for_org(org).filter(role=Role.OWNER, user__is_active=True).select_related("user")
    for membership in owners:
        send(
            "organization_closing",
            to=membership.user,
            context={
                "org_name": org.name,
                "actor_name": actor.display_name,
                "due_at": org.deletion_due_at,
                "action_label": _("Keep the organization"),
                "action_url": site_link(reverse("org-delete-cancel", args=[org.slug])),
            },
        )
