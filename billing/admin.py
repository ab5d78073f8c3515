"""Operators' pages of quotas."""

from __future__ import annotations

from django.contrib import admin

from accounts.backstage import chosen
from billing import meter
from billing.models import Usage
from orgs.admin import TenantAdmin


@admin.register(Usage)
class UsageAdmin(TenantAdmin):
    """The allowance of a running month may be raised; what was used is what was used."""

    list_display = ("org", "metric", "month", "used", "reserved", "allowance")
    list_filter = (chosen("metric", "metric", lambda: [(meter.ANSWERS, meter.ANSWERS)]), "month")
    list_select_related = ("org",)
    search_fields = ("org__name", "org__slug")
    editable = ("allowance",)
