"""How much of its allowance an organization has used."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from orgs.scoping import OrgModel


class Usage(OrgModel):
    """One metric of one calendar month (UTC). `reserved` is promised to open work, `used` is spent;
    `allowance` null means no limit."""

    metric = models.CharField(max_length=30)
    month = models.DateField(help_text="First day of the month.")
    allowance = models.PositiveBigIntegerField(null=True, blank=True)
    reserved = models.PositiveBigIntegerField(default=0)
    used = models.PositiveBigIntegerField(default=0)

    class Meta(OrgModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["org", "metric", "month"], name="billing_usage_once"),
            models.CheckConstraint(
                condition=Q(allowance=None) | Q(allowance__gte=F("used") + F("reserved")),
                name="billing_usage_within_allowance",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.metric} {self.month:%Y-%m}: {self.used} used"
