"""Roles, permissions, and which role holds which: one table that views, the API and templates share."""

from __future__ import annotations

from enum import StrEnum

from django.db.models import TextChoices


class Role(TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    MEMBER = "member", "Member"
    VIEWER = "viewer", "Viewer"


class Permission(StrEnum):
    PROJECTS_VIEW = "projects.view"
    PROJECTS_EDIT = "projects.edit"
    PROJECTS_CREATE = "projects.create"
    BRANDS_EDIT = "brands.edit"
    PROMPTS_EDIT = "prompts.edit"
    SCANS_VIEW = "scans.view"
    SCANS_START = "scans.start"
    SCANS_CANCEL = "scans.cancel"
    KEYS_MANAGE = "keys.manage"
    MEMBERS_VIEW = "members.view"
    MEMBERS_MANAGE = "members.manage"
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
}
_ADMIN = _MEMBER | {
    Permission.PROJECTS_CREATE,
    Permission.KEYS_MANAGE,
    Permission.MEMBERS_MANAGE,
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
