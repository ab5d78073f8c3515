"""Roles, permissions, and which role holds which: one table that views, the API and templates share."""

from __future__ import annotations

from enum import StrEnum

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Role(TextChoices):
    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    MEMBER = "member", _("Member")
    VIEWER = "viewer", _("Viewer")


class Permission(StrEnum):
    PROJECTS_VIEW = "projects.view"
    PROJECTS_EDIT = "projects.edit"
    PROJECTS_CREATE = "projects.create"
    BRANDS_EDIT = "brands.edit"
    PROMPTS_EDIT = "prompts.edit"
    SCANS_VIEW = "scans.view"
    SCANS_START = "scans.start"
    SCANS_CANCEL = "scans.cancel"
    SCHEDULES_EDIT = "schedules.edit"
    KEYS_MANAGE = "keys.manage"
    MEMBERS_VIEW = "members.view"
    MEMBERS_MANAGE = "members.manage"
    WEBHOOKS_MANAGE = "webhooks.manage"
    COSTS_VIEW = "costs.view"
    BUDGETS_EDIT = "budgets.edit"
    AUDIT_VIEW = "audit.view"
    ORG_EDIT = "org.edit"
    ORG_MANAGE = "org.manage"


_VIEWER = frozenset({Permission.PROJECTS_VIEW, Permission.SCANS_VIEW, Permission.MEMBERS_VIEW})
_MEMBER = _VIEWER | {
    Permission.PROJECTS_EDIT,
    Permission.BRANDS_EDIT,
    Permission.PROMPTS_EDIT,
    Permission.SCANS_START,
    Permission.SCANS_CANCEL,
    Permission.SCHEDULES_EDIT,
}
_ADMIN = _MEMBER | {
    Permission.PROJECTS_CREATE,
    Permission.KEYS_MANAGE,
    Permission.MEMBERS_MANAGE,
    Permission.WEBHOOKS_MANAGE,
    Permission.COSTS_VIEW,
    Permission.BUDGETS_EDIT,
    Permission.AUDIT_VIEW,
    Permission.ORG_EDIT,
}
_OWNER = _ADMIN | {Permission.ORG_MANAGE}

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.MEMBER: _MEMBER,
    Role.ADMIN: _ADMIN,
    Role.OWNER: _OWNER,
}


def grants(role: str, permission: Permission) -> bool:
    return permission in GRANTS[Role(role)]


# Whose role somebody may change or end, and which roles they may give. Owners stand above everybody, each other too;
# admins above members and viewers, whom they may raise to their own height and no further.
MANAGES: dict[Role, frozenset[Role]] = {
    Role.OWNER: frozenset(Role),
    Role.ADMIN: frozenset({Role.MEMBER, Role.VIEWER}),
    Role.MEMBER: frozenset(),
    Role.VIEWER: frozenset(),
}
GIVES: dict[Role, frozenset[Role]] = {
    Role.OWNER: frozenset(Role),
    Role.ADMIN: frozenset({Role.ADMIN, Role.MEMBER, Role.VIEWER}),
    Role.MEMBER: frozenset(),
    Role.VIEWER: frozenset(),
}
# Nobody owns an organization by a link in a mail: an owner makes somebody who has joined one.
INVITED = (Role.ADMIN, Role.MEMBER, Role.VIEWER)


def may_manage(actor: str, target: str) -> bool:
    """Whether `actor` may remove a `target`."""
    return Role(target) in MANAGES[Role(actor)]


def may_give(actor: str, role: str) -> bool:
    return Role(role) in GIVES[Role(actor)]


def may_change(actor: str, target: str, new: str) -> bool:
    """Whether `actor` may make a `target` a `new`."""
    return may_manage(actor, target) and may_give(actor, new)


def is_lower(role: str, than: str) -> bool:
    return GRANTS[Role(role)] < GRANTS[Role(than)]
