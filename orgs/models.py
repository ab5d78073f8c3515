"""Tenants, who belongs to them, and what happened in them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from orgs.roles import Permission, Role, grants
from orgs.scoping import OrgModel


class Organization(models.Model):
    """A tenant. Not walled itself: it is what the walls are made of."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    disabled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="orgs_organization_named")]

    def __str__(self) -> str:
        return self.name


class Membership(OrgModel):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(OrgModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["org", "user"], name="orgs_membership_once"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="orgs_membership_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.org_id}: {self.role}"

    def allows(self, permission: Permission) -> bool:
        return grants(self.role, permission)


class Event(OrgModel):
    """One thing that happened: audit row, notification and webhook are all derived from it."""

    name = models.CharField(max_length=60)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    target_type = models.CharField(max_length=60, blank=True)
    target_id = models.BigIntegerField(null=True, blank=True)
    target_label = models.CharField(max_length=200, blank=True)
    data = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(OrgModel.Meta):
        indexes = [models.Index(fields=["org", "-created_at"], name="orgs_event_recent")]

    def __str__(self) -> str:
        return f"{self.name} {self.target_label}".strip()
