"""Who belongs to an organization: changing roles, removing, leaving, handing ownership over.

Everything here runs inside the organization's scope, one act at a time per organization, and is judged by what is true
once it is its turn: not by what the page showed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import Http404
from django.utils.translation import gettext as _

from orgs.events import emit
from orgs.invitations import revoke_beyond
from orgs.models import Membership, Notification, NotificationPreference, Organization
from orgs.roles import Role, is_lower, may_change, may_manage
from orgs.streams import end_streams

if TYPE_CHECKING:
    from accounts.models import User


class LastOwner(Exception):
    """An organization would be left without an owner."""

    def __init__(self) -> None:
        self.message = _("This is the only owner. Make somebody else an owner first.")
        super().__init__(self.message)


def change_role(org: Organization, pk: int, *, role: Role, actor: User) -> Membership:
    """Raises `PermissionDenied`, `Http404` where the member has gone, and `LastOwner`."""
    with transaction.atomic():
        acting, target = _both(org, pk, actor=actor)
        before = target.role
        if before == role:
            return target
        if not may_change(acting.role, before, role):
            raise PermissionDenied("Your role may not do this.")
        if before == Role.OWNER:
            _keep_an_owner(without=target)
        _set_role(target, role)
        _tell("membership.role_changed", target, actor=actor, before=before, after=role)
    return target


def remove_member(org: Organization, pk: int, *, actor: User) -> Membership:
    """Raises `PermissionDenied`, `Http404` where the member has gone already, and `LastOwner`."""
    with transaction.atomic():
        acting, target = _both(org, pk, actor=actor)
        if not may_manage(acting.role, target.role):
            raise PermissionDenied("Your role may not do this.")
        _end(target)
        _tell("membership.removed", target, actor=actor, before=target.role)
    return target


def leave(org: Organization, *, user: User) -> None:
    """Raises `Http404` for somebody who is out already, and `LastOwner`."""
    with transaction.atomic():
        org.take_turn()
        own = _of(org, user)
        _end(own)
        _tell("membership.left", own, actor=user, before=own.role)


def end_of_account(org: Organization, *, user: User) -> None:
    """Leaving because the account is closed. One that is disabled or to be deleted needs no owner. The caller has taken
    the organization's turn. Raises `LastOwner`."""
    with transaction.atomic():
        own = _of(org, user)
        _end(own, abandoned=not org.is_open)
        _tell("membership.left", own, actor=user, before=own.role)


def transfer_ownership(org: Organization, pk: int, *, actor: User) -> Membership:
    """`actor` makes the member an owner and steps back to admin. Raises `PermissionDenied` and `Http404`."""
    with transaction.atomic():
        acting, target = _both(org, pk, actor=actor)
        if acting.role != Role.OWNER or acting.pk == target.pk:
            raise PermissionDenied("Only an owner may hand the organization over to somebody else.")
        before = target.role
        _set_role(target, Role.OWNER)
        _set_role(acting, Role.ADMIN)
        _tell("ownership.transferred", target, actor=actor, before=before, after=Role.OWNER)
    return target


def put_role(membership: Membership, *, role: Role, operator: User) -> None:
    """As `change_role`, by an operator, who belongs to no organization. Raises `Http404` and `LastOwner`."""
    with transaction.atomic():
        membership.org.take_turn()
        before = membership.role
        if before == Role.OWNER:
            _keep_an_owner(without=membership)
        _set_role(membership, role)
        _tell("membership.role_changed", membership, actor=operator, before=before, after=role)


def put_out(membership: Membership, *, operator: User) -> None:
    """As `remove_member`, by an operator. Raises `Http404` and `LastOwner`."""
    with transaction.atomic():
        membership.org.take_turn()
        _end(membership)
        _tell("membership.removed", membership, actor=operator, before=membership.role)


def unseats(acting: Membership, target: Membership) -> bool:
    """Whether `target` is an owner beside `acting`, who could take that from them."""
    return target.role == Role.OWNER and target.pk != acting.pk and may_manage(acting.role, target.role)


def is_last_owner(membership: Membership) -> bool:
    return membership.role == Role.OWNER and not _other_owners(membership).exists()


def _both(org: Organization, pk: int, *, actor: User) -> tuple[Membership, Membership]:
    org.take_turn()
    target = Membership.objects.for_org(org).select_related("user").filter(pk=pk).first()
    if target is None:
        raise Http404("No such member")
    return _of(org, actor), target


def _of(org: Organization, user: User) -> Membership:
    found = Membership.objects.for_org(org).select_related("user").filter(user=user).first()
    if found is None:
        raise Http404("No such organization")
    return found


def _other_owners(membership: Membership) -> models.QuerySet[Membership]:
    owners = Membership.objects.for_org(membership.org_id).filter(role=Role.OWNER, user__is_active=True)
    return owners.exclude(pk=membership.pk)


def _keep_an_owner(*, without: Membership) -> None:
    if is_last_owner(without):
        raise LastOwner


def _set_role(target: Membership, role: Role) -> None:
    """Whoever may do less from now on loses what is open, and the invitations that they could no longer send."""
    lowered = is_lower(role, target.role)
    updated = Membership.objects.for_org(target.org_id).filter(pk=target.pk, role=target.role).update(role=role)
    if not updated:
        raise Http404("No such member")
    target.role = role
    if lowered:
        revoke_beyond(target.org_id, target.user_id, role=role)
        end_streams(target.org_id, target.user_id)


def _end(target: Membership, *, abandoned: bool = False) -> None:
    if not abandoned:
        _keep_an_owner(without=target)
    same = {"user_id": target.user_id}
    Notification.objects.for_org(target.org_id).filter(**same).delete()
    NotificationPreference.objects.for_org(target.org_id).filter(**same).delete()
    deleted, _by_model = Membership.objects.for_org(target.org_id).filter(pk=target.pk, role=target.role).delete()
    if not deleted:
        raise Http404("No such member")
    revoke_beyond(target.org_id, target.user_id)
    end_streams(target.org_id, target.user_id)


def _tell(name: str, target: Membership, *, actor: User, before: str | None = None, after: str | None = None) -> None:
    emit(
        target.org_id,
        name,
        actor=actor,
        target=target.user,
        before={"role": before} if before else None,
        after={"role": after} if after else None,
        data={"user": target.user_id},
    )
