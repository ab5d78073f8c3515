"""Founding an organization, with its owner in it or not at all, and what it is called."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from accounts.models import AccountEvent
from accounts.records import record
from orgs.events import emit
from orgs.models import Membership, Organization
from orgs.naming import RESERVED
from orgs.roles import Role
from orgs.scoping import org_scope, user_scope

if TYPE_CHECKING:
    from accounts.models import User

_TRIES = 5
_SAME_CLICK = timedelta(minutes=1)
_DAY = timedelta(days=1)
_FOUNDED = "organization.founded"


class TooManyFounded(Exception):
    """The user has founded as many organizations today as they may."""


def found_organization(user: User, *, name: str) -> Organization:
    """A new organization that `user` owns, under a slug made of its name. Sent twice, it is founded once.
    Raises `TooManyFounded`."""
    for _ in range(_TRIES):
        slug = free_slug(name)
        try:
            return _found(user, name=name, slug=slug)
        except IntegrityError:
            if not Organization.objects.filter(slug=slug).exists():
                raise
    raise RuntimeError(f"No free slug found for {name!r}")


def free_slug(name: str) -> str:
    """The name as a slug, numbered when others have it or nobody may."""
    wanted = slugify(name)[:50].strip("-_") or "company"
    taken = set(Organization.objects.filter(slug__startswith=wanted).values_list("slug", flat=True))
    return first_free(wanted, taken | RESERVED)


def first_free(wanted: str, taken: set[str]) -> str:
    number, slug = 1, wanted
    while slug in taken:
        number += 1
        slug = f"{wanted}-{number}"
    return slug


def _found(user: User, *, name: str, slug: str) -> Organization:
    with transaction.atomic():
        if founded := _just_founded(user, name=name):
            return founded
        _spend_one(user)
        org = Organization.objects.create(name=name, slug=slug)
        with org_scope(org):
            Membership.objects.for_org(org).create(org=org, user=user, role=Role.OWNER)
            emit(org, "org.created", actor=user, target=org)
        record(user, _FOUNDED, data={"organization": org.pk})
    return org


def _spend_one(user: User) -> None:
    """Counted by what cannot be undone: who gives an organization away has founded it all the same. The caller holds
    the user's row, so that two requests do not count the same."""
    founded = AccountEvent.objects.filter(user_id=user.pk, name=_FOUNDED, created_at__gte=timezone.now() - _DAY)
    if 0 < settings.ORGANIZATIONS_PER_DAY <= founded.count():
        raise TooManyFounded(f"{settings.ORGANIZATIONS_PER_DAY} organizations a day")


def _just_founded(user: User, *, name: str) -> Organization | None:
    """What an earlier copy of the same request made. Waits for that copy to end."""
    user.__class__.objects.select_for_update().get(pk=user.pk)  # type() of a request's user is its lazy wrapper
    with user_scope(user.pk):
        since = timezone.now() - _SAME_CLICK
        own = user.memberships.filter(role=Role.OWNER, org__name=name, org__created_at__gte=since)
        membership = own.select_related("org").first()
    return membership.org if membership else None


def rename(org: Organization, name: str, *, actor: User) -> None:
    """The slug stays: links to an organization outlive its name."""
    before = org.name
    if before == name:
        return
    if Organization.objects.filter(pk=org.pk, name=before).update(name=name):
        org.name = name
        emit(org, "org.renamed", actor=actor, target=org, before={"name": before}, after={"name": name})


def keep_for(org: Organization, months: int | None, *, actor: User) -> None:
    """How many months the organization's scans are kept, 0 for ever; None as the operator's setting says."""
    before = org.retention_months
    if before != months and Organization.objects.filter(pk=org.pk).update(retention_months=months):
        org.retention_months = months
        change = {"before": {"months": before}, "after": {"months": months}}
        emit(org, "org.retention_changed", actor=actor, target=org, **change)
