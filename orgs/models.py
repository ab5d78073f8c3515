"""Tenants, who belongs to them, and what happened in them."""

from __future__ import annotations

import logging
import uuid
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError
from waffle.models import AbstractUserFlag
from waffle.utils import keyfmt

from orgs.roles import Permission, Role, grants
from orgs.scoping import OrgForeignKey, OrgModel

logger = logging.getLogger("prompter.flags")


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
    retention_months = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Months that scans are kept, 0 for ever; empty: as RETENTION_MONTHS says."
    )

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
    # When it goes out in one letter with others of its kind: one for each would be too many.
    letter_due_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(OrgModel.Meta):
        constraints = [models.UniqueConstraint(fields=["org", "user", "event"], name="orgs_notification_once")]
        indexes = [
            models.Index(fields=["org", "user", "-id"], name="orgs_notification_recent"),
            models.Index(
                fields=["org", "user"], condition=Q(read_at=None, in_app=True), name="orgs_notification_unread"
            ),
            models.Index(
                fields=["letter_due_at"], condition=Q(letter_due_at__isnull=False), name="orgs_notification_gathered"
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


class WebhookEndpoint(OrgModel):
    """Where an organization is told of events by signed requests. The secret is encrypted and bound to this row by
    `uuid`; the previous one goes on signing until `previous_until`."""

    class Reason(models.TextChoices):
        MEMBER = "member", _("Switched off")
        FAILING = "failing", _("Switched off after days of failures")
        GONE = "gone", _("Switched off: the receiver said that it is gone")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    url = models.CharField(max_length=2_048)
    description = models.CharField(max_length=120, blank=True)
    events = ArrayField(models.CharField(max_length=60))
    ciphertext = models.BinaryField(editable=False)
    previous_ciphertext = models.BinaryField(null=True, editable=False)
    previous_until = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=8, choices=Reason.choices, blank=True)
    # Nothing has got through since.
    failing_since = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(OrgModel.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(events__len__gte=1), name="orgs_webhookendpoint_wants_something"),
            models.CheckConstraint(
                condition=Q(disabled_at=None, disabled_reason="")
                | Q(disabled_at__isnull=False, disabled_reason__in=["member", "failing", "gone"]),
                name="orgs_webhookendpoint_disabled_why",
            ),
            models.CheckConstraint(
                condition=Q(previous_ciphertext=None, previous_until=None)
                | Q(previous_ciphertext__isnull=False, previous_until__isnull=False),
                name="orgs_webhookendpoint_previous_ends",
            ),
        ]

    def __str__(self) -> str:
        return self.description or self.host

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def is_enabled(self) -> bool:
        return self.disabled_at is None

    @property
    def previous_signs(self) -> bool:
        return self.previous_until is not None and timezone.now() < self.previous_until


class WebhookDelivery(OrgModel):
    """One event for one endpoint: written with the event, sent until it has arrived or is given up. `attempts` is the
    fencing token of whoever holds the lease. Without an event it is a test."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting")
        SUCCEEDED = "succeeded", _("Delivered")
        FAILED = "failed", _("Given up")
        DROPPED = "dropped", _("Not sent")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    endpoint = OrgForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries")
    event = OrgForeignKey(Event, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    type = models.CharField(max_length=60)
    body = models.TextField(blank=True, help_text="Made before the first attempt; every further one sends the same.")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    attempts_before = models.PositiveSmallIntegerField(default=0, help_text="Made before it was last asked for anew.")
    due_at = models.DateTimeField(default=timezone.now)
    leased_until = models.DateTimeField(null=True, blank=True)
    code = models.PositiveSmallIntegerField(null=True, blank=True, help_text="The last answer's status.")
    response = models.TextField(blank=True, help_text="The beginning of the last answer.")
    history = models.JSONField(default=list, blank=True, help_text="When each attempt was made, and how it went.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(OrgModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "event"], condition=Q(event__isnull=False), name="orgs_webhookdelivery_once"
            ),
            models.CheckConstraint(
                condition=Q(status="pending", finished_at=None)
                | (~Q(status="pending") & Q(finished_at__isnull=False, leased_until=None)),
                name="orgs_webhookdelivery_open_or_finished",
            ),
        ]
        indexes = [
            models.Index(fields=["endpoint", "due_at"], condition=Q(status="pending"), name="orgs_webhookdelivery_due"),
            models.Index(fields=["endpoint", "-id"], name="orgs_webhookdelivery_recent"),
            models.Index(
                fields=["finished_at"], condition=Q(finished_at__isnull=False), name="orgs_webhookdelivery_old"
            ),
        ]

    def __str__(self) -> str:
        return self.message_id

    @property
    def message_id(self) -> str:
        """What receivers know it by, however often it is sent."""
        return f"msg_{self.uuid.hex}"


class Flag(AbstractUserFlag):
    """A feature that operators switch on for everybody, for some users, or for some organizations."""

    organizations = models.ManyToManyField(Organization, blank=True, related_name="+")

    def get_flush_keys(self, flush_keys: list[str] | None = None) -> list[str]:
        return [*super().get_flush_keys(flush_keys), self.organizations_key]

    def flush(self) -> None:
        """Once a change has committed, so it cannot be refused any more: what is cached is forgotten by itself soon."""
        try:
            super().flush()
        except (RedisError, OSError):
            logger.warning("the cache cannot be reached; what it has of %s may count for five minutes more", self.name)

    @property
    def organizations_key(self) -> str:
        return str(keyfmt("flag:%s:organizations", self.name))
