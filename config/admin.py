"""Operators' pages of what runs by itself: the schedule of beat."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from accounts.backstage import LookedAtAdmin, OperatorAdmin

for taken in (ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule, Group):
    admin.site.unregister(taken)  # the schedule is in config/celery.py; what it may run is not for a form to say


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(LookedAtAdmin):
    """Switched off and on; what runs, and how often, is in the code."""

    list_display = ("name", "task", "interval", "crontab", "enabled", "last_run_at", "total_run_count")
    list_filter = ("enabled",)
    list_select_related = ("interval", "crontab")
    search_fields = ("name", "task")
    editable = ("enabled",)
    exclude = ("args", "kwargs", "headers", "exchange", "routing_key", "priority", "solar", "clocked")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Group)
class GroupAdmin(OperatorAdmin, DjangoGroupAdmin):
    """What sets of operators may do. Only superusers make them: whoever may change one could give themselves more."""

    filter_horizontal = ()  # its script is not accessible

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_superuser", False))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(getattr(request.user, "is_superuser", False))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(getattr(request.user, "is_superuser", False))
