"""What the frame around every page needs: where the user is, where else they could go, and what they may do."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from orgs.flags import Features
from orgs.inbox import unread_beside, unread_of
from orgs.models import Membership, open_organization
from orgs.roles import Permission
from orgs.scoping import user_scope
from prompts.models import Project

if TYPE_CHECKING:
    from accounts.models import User

SWITCHER = 30  # the rest is on the page of all projects


class Allowed:
    """`can.scans_start` in a template: whether this member has the permission `scans.start`."""

    def __init__(self, membership: Membership) -> None:
        self._membership = membership

    def __getitem__(self, name: str) -> bool:
        return self._membership.allows(Permission(name.replace("_", ".", 1)))


def shell(request: HttpRequest) -> dict[str, Any]:
    """`simulated` is not among it: only a page that shows numbers can say it, and says it of those."""
    membership: Membership | None = getattr(request, "membership", None)
    if membership is None:
        return {"memberships": SimpleLazyObject(partial(_memberships_of, request))}
    known = {
        "org": membership.org,
        "can": Allowed(membership),
        "feature": Features(membership.org, cast("User", request.user)),
    }
    if getattr(request, "htmx", False) and not request.htmx.boosted:  # type: ignore[attr-defined]
        return known
    own = Membership.all_orgs.filter(open_organization("org__"), user=membership.user_id).select_related("org")
    memberships = own.annotate(unread=unread_beside(membership)).order_by("org__name")[:SWITCHER]
    return {
        **known,
        "memberships": memberships,
        "unread": SimpleLazyObject(partial(_unread, membership, memberships)),
        "projects": Project.objects.for_org(membership.org).filter(archived_at=None).order_by("name")[:SWITCHER],
    }


def _memberships_of(request: HttpRequest) -> list[Membership]:
    """The way back from a person's own pages; asked for only by a page that shows it."""
    if not request.user.is_authenticated:
        return []
    with user_scope(request.user.pk):
        own = Membership.all_orgs.filter(open_organization("org__"), user_id=request.user.pk)
        return list(own.select_related("org").order_by("org__name")[:SWITCHER])


def _unread(membership: Membership, memberships: Iterable[Membership]) -> int:
    """Comes with the switcher's rows; asked for by itself only where this organization is not among them."""
    beside = (other.unread for other in memberships if other.pk == membership.pk)  # type: ignore[attr-defined]
    found = next(beside, None)
    return unread_of(membership) if found is None else int(found)
