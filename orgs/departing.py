"""What a user leaves behind who closes their account: their places in organizations, if somebody else owns those."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.dispatch import receiver
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.closing import Obstacle, account_closing, closing_obstacles
from orgs.members import end_of_account, is_last_owner
from orgs.models import Membership, Organization
from orgs.scoping import org_scope, user_scope

if TYPE_CHECKING:
    from accounts.models import User


def _memberships(user: User) -> list[Membership]:
    """With a turn taken in every organization, in one order, so that two who close their accounts do not wait for each
    other in a circle. Whoever asks within a transaction holds them still until its end."""
    with user_scope(user.pk):
        found = list(user.memberships.order_by("org_id"))
        turns = Organization.objects.select_for_update(no_key=True).filter(pk__in=[m.org_id for m in found])
        orgs = {org.pk: org for org in turns.order_by("pk")}
    for membership in found:
        membership.org = orgs[membership.org_id]
    return found


@receiver(closing_obstacles, dispatch_uid="orgs.departing")
def owned_alone(*, user: User, **__: Any) -> list[Obstacle]:
    """Open organizations that would be nobody's: in a disabled one nobody could settle it."""
    found = []
    for membership in _memberships(user):
        with org_scope(membership.org_id):
            if membership.org.is_open and is_last_owner(membership):
                found.append(_obstacle(membership))
    return found


def _obstacle(membership: Membership) -> Obstacle:
    return Obstacle(
        label=membership.org.name,
        reason=_("You are its only owner. Make somebody else an owner, or delete the organization."),
        url=reverse("members", args=[membership.org.slug]),
    )


@receiver(account_closing, dispatch_uid="orgs.departing")
def leave_all(*, user: User, **__: Any) -> None:
    for membership in _memberships(user):
        with org_scope(membership.org_id):
            end_of_account(membership.org, user=user)
