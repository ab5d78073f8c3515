"""Users, who sign in by e-mail."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """By somebody at the machine, so the address counts as confirmed. Who signs up confirms theirs by mail."""
        from allauth.account.models import EmailAddress

        if not email:
            raise ValueError("A user needs an e-mail address")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        with transaction.atomic():
            user.save()
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, **{**fields, "is_staff": True, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class NumberFormat(models.TextChoices):
    COMMA_POINT = "1,234.5", "1,234.5"
    POINT_COMMA = "1.234,5", "1.234,5"
    SPACE_COMMA = "1 234,5", "1 234,5"
    APOSTROPHE_POINT = "1’234.5", "1’234.5"


class Theme(models.TextChoices):
    SYSTEM = "system", _("System")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class User(AbstractBaseUser, PermissionsMixin):
    email = models.EmailField(max_length=254)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    date_joined = models.DateTimeField(default=timezone.now, editable=False)
    # Closed by its owner: emptied of what names a person; the row stays for the audit trail's sake.
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Empty: as the browser asks.
    language = models.CharField(max_length=10, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    number_format = models.CharField(max_length=10, choices=NumberFormat.choices, blank=True)
    theme = models.CharField(max_length=10, choices=Theme.choices, default=Theme.SYSTEM)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="accounts_user_email_uniq")]
        permissions = [("impersonate", "Can act as another user")]

    def __str__(self) -> str:
        return self.email

    @property
    def display_name(self) -> str:
        return self.name or self.email.split("@")[0]


class AccountEvent(models.Model):
    """One sensitive act on an account, outside any organization. Nobody changes one."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="account_events")
    # The operator who acted as the user.
    impersonator = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=60)
    address = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    data = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes = [models.Index(fields=["user", "-id"], name="accounts_event_recent")]

    def __str__(self) -> str:
        return f"{self.name} {self.user_id}"


class Letter(models.Model):
    """A mail on its way. The row is written with what it tells of, and deleted when the mail is sent."""

    to = models.EmailField(max_length=254)
    template = models.CharField(max_length=60)
    subject = models.CharField(max_length=200)
    text = models.TextField()
    html = models.TextField()
    headers = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    due_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=100, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(given_up_at=None), name="accounts_letter_due"),
        ]

    def __str__(self) -> str:
        return f"{self.template} {self.pk}"


class Export(models.Model):
    """A file with everything held about a person, asked for by them; kept for a week."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="exports")
    asked_at = models.DateTimeField(default=timezone.now, editable=False)
    ready_at = models.DateTimeField(null=True, blank=True)
    content = models.BinaryField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=models.Q(ready_at=None), name="accounts_export_one"),
        ]

    def __str__(self) -> str:
        return f"export {self.pk} of user {self.user_id}"
