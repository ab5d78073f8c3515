"""Tenants, who belongs to them, and what happened in them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from waffle.models import AbstractUserFlag
from waffle.utils import keyfmt

from orgs.roles import Permission, Role, grants
from orgs.scoping import OrgForeignKey, OrgModel


def open_organization(prefix: str = "") -> Q:
    """What an organization that people may work in fulfils: neither disabled nor about to be deleted. `prefix` is how
    a query gets there, as in `org__`."""
    return Q(**{f"{prefix}disabled_at": None, f"{prefix}deletion_due_at": None})


class Organization(models.Model):
    """A tenant. Not walled itself: it is what the walls are made of."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    disabled_at = models.DateTimeField(null=True, blank=True)
    # Asked to be deleted: closed to its members, and emptied once this has passed.
    deletion_due_at = models.DateTimeField(null=True, blank=True)
    # Emptied: the row stays for the audit trail's sake.
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    logo_digest = models.CharField(max_length=64, blank=True, editable=False)

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="orgs_organization_named")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        return self.disabled_at is None and self.deletion_due_at is None

    def take_turn(self) -> Organization:
        """The row as it is now. Whoever else takes a turn, to change who belongs here, waits for this transaction."""
        return Organization.objects.select_for_update(no_key=True).get(pk=self.pk)


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


class Logo(OrgModel):
    """An organization's picture as it was drawn again by us: square, small, without what came with the file."""

    image = models.BinaryField()
    content_type = models.CharField(max_length=40)

    class Meta(OrgModel.Meta):
        constraints = [models.UniqueConstraint(fields=["org"], name="orgs_logo_once")]

    def __str__(self) -> str:
        return f"logo of {self.org_id}"


class Invitation(OrgModel):
    """An offer to join, for one address, until it is accepted, revoked or expired."""

    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=10, choices=Role.choices)
    token_digest = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta(OrgModel.Meta):
        constraints = [
            models.UniqueConstraint(
                F("org"),
                Lower("email"),
                condition=Q(accepted_at=None, revoked_at=None),
                name="orgs_invitation_open_once",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="orgs_invitation_role"),
            models.CheckConstraint(
                condition=Q(accepted_at=None) | Q(revoked_at=None), name="orgs_invitation_ended_one_way"
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_open(self) -> bool:
        return self.accepted_at is None and self.revoked_at is None and self.expires_at > timezone.now()


class Event(OrgModel):
    """One thing that happened: audit row, notification and webhook are all derived from it. Nobody changes one."""

    name = models.CharField(max_length=60)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    # The operator who acted as `actor`.
    impersonator = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    address = models.GenericIPAddressField(null=True, blank=True)
    target_type = models.CharField(max_length=60, blank=True)
    target_id = models.BigIntegerField(null=True, blank=True)
    target_label = models.CharField(max_length=200, blank=True)
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    data = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(OrgModel.Meta):
        indexes = [
            models.Index(fields=["org", "-id"], name="orgs_event_recent"),
            models.Index(fields=["org", "name", "-id"], name="orgs_event_by_name"),
            models.Index(fields=["org", "actor", "-id"], name="orgs_event_by_actor"),
            models.Index(fields=["org", "created_at"], name="orgs_event_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.target_label}".strip()


class PendingEvent(OrgModel):
    """An event that nobody has been told of yet: written with it, deleted with the notifications that it becomes."""

    event = OrgForeignKey(Event, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    due_at = models.DateTimeField(default=timezone.now)

    class Meta(OrgModel.Meta):
        constraints = [models.UniqueConstraint(fields=["org", "event"], name="orgs_pendingevent_once")]
        indexes = [models.Index(fields=["due_at"], name="orgs_pendingevent_due")]

    def __str__(self) -> str:
        return f"event {self.event_id}"


class Notification(OrgModel):
    """What one member is told of an event."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    event = OrgForeignKey(Event, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=60)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # Whether it stands in the list: a member may want the mail alone.
    in_app = models.BooleanField(default=True)
    read_at = models.DateTimeField(null=True, blank=True)
    emailed_at = models.DateTimeField(null=True, blank=True)

    class Meta(OrgModel.Meta):
        constraints = [models.UniqueConstraint(fields=["org", "user", "event"], name="orgs_notification_once")]
        indexes = [
            models.Index(fields=["org", "user", "-id"], name="orgs_notification_recent"),
            models.Index(
                fields=["org", "user"], condition=Q(read_at=None, in_app=True), name="orgs_notification_unread"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.user_id}"


class NotificationPreference(OrgModel):
    """A member's choice for one kind of event on one channel, where it differs from the default."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=60)
    channel = models.CharField(max_length=20)
    enabled = models.BooleanField()

    class Meta(OrgModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["org", "user", "kind", "channel"], name="orgs_notificationpreference_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.channel}: {'on' if self.enabled else 'off'}"


class Flag(AbstractUserFlag):
    """A feature that operators switch on for everybody, for some users, or for some organizations."""

    organizations = models.ManyToManyField(Organization, blank=True, related_name="+")

    def get_flush_keys(self, flush_keys: list[str] | None = None) -> list[str]:
        return [*super().get_flush_keys(flush_keys), self.organizations_key]

    @property
    def organizations_key(self) -> str:
        return str(keyfmt("flag:%s:organizations", self.name))
