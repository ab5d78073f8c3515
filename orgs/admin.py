"""Operators' pages of organizations, and what the pages of every tenant table share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from orgs.models import Event, Membership, Organization

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class TenantAdmin(ModelAdmin):
    """Rows of one organization each: looked at, and changed only where `editable` says so. They come into being in the
    product, where their organization is known."""

    editable: tuple[str, ...] = ()
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        shown = [field.name for field in self.opts.fields if field.name not in self.get_exclude(request, obj)]
        return ["org", *(name for name in shown if name not in (*self.editable, "org"))]

    def get_exclude(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return tuple(self.exclude or ())

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return [*self.get_readonly_fields(request, obj), *self.editable]


class HistoryAdmin(TenantAdmin):
    """Rows that record what happened: nobody changes or deletes them."""

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Organization)
class OrganizationAdmin(ModelAdmin):
    list_display = ("name", "slug", "created_at", "disabled_at")
    list_filter = (("disabled_at", admin.EmptyFieldListFilter),)
    search_fields = ("name", "slug")
    readonly_fields = ("created_at",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # it is disabled instead: `disabled_at` closes every door and loses nothing


@admin.register(Membership)
class MembershipAdmin(TenantAdmin):
    list_display = ("user", "org", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "org")
    search_fields = ("user__email", "org__name", "org__slug")
    editable = ("role",)


@admin.register(Event)
class EventAdmin(HistoryAdmin):
    list_display = ("created_at", "org", "name", "target_label", "actor")
    list_filter = ("name",)
    list_select_related = ("org", "actor")
    search_fields = ("name", "target_label", "org__slug", "actor__email")
    date_hierarchy = "created_at"
