"""What the frame around every page needs: where the user is, where else they could go, and what they may do."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from orgs.models import Membership, open_organization
from orgs.roles import Permission
from prompts.models import Project

SWITCHER = 30  # the rest is on the page of all projects


class Allowed:
    """`can.scans_start` in a template: whether this member has the permission `scans.start`."""

    def __init__(self, membership: Membership) -> None:
        self._membership = membership

    def __getitem__(self, name: str) -> bool:
        return self._membership.allows(Permission(name.replace("_", ".", 1)))


def shell(request: HttpRequest) -> dict[str, Any]:
    """`simulated` is whether this installation has a simulator at all; a page that shows numbers says it of those."""
    membership: Membership | None = getattr(request, "membership", None)
    if membership is None:
        return {}
    known = {"org": membership.org, "can": Allowed(membership), "simulated": bool(settings.SIMULATOR_URL)}
    if getattr(request, "htmx", False) and not request.htmx.boosted:  # type: ignore[attr-defined]
        return known
    return {
        **known,
        "memberships": Membership.all_orgs.filter(open_organization("org__"), user=membership.user_id)
        .select_related("org")
        .order_by("org__name")[:SWITCHER],
        "projects": Project.objects.for_org(membership.org).filter(archived_at=None).order_by("name")[:SWITCHER],
    }
