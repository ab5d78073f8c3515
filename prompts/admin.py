"""Operators' pages of what organizations track, their provider keys and the ledger. Projects: scans/admin.py."""

from __future__ import annotations

from django.contrib import admin

from orgs.admin import HistoryAdmin, TenantAdmin
from prompts.models import Brand, LlmCall, Prompt, ProviderKey


@admin.register(Brand)
class BrandAdmin(TenantAdmin):
    list_display = ("name", "project", "org", "is_own")
    list_filter = ("is_own",)
    list_select_related = ("project", "org")
    search_fields = ("name", "aliases", "project__name", "org__slug")
    editable = ("aliases", "domains")


@admin.register(Prompt)
class PromptAdmin(TenantAdmin):
    list_display = ("__str__", "project", "org", "country", "language", "is_active")
    list_filter = ("is_active", "is_branded", ("archived_at", admin.EmptyFieldListFilter))
    list_select_related = ("project", "org")
    search_fields = ("text", "project__name", "org__slug")
    editable = ("is_active",)


@admin.register(ProviderKey)
class ProviderKeyAdmin(TenantAdmin):
    """The key itself is nowhere to be seen; a leaked one can be deleted."""

    list_display = ("org", "provider", "hint", "created_by", "created_at")
    list_filter = ("provider",)
    list_select_related = ("org", "created_by")
    search_fields = ("org__name", "org__slug", "fingerprint")
    exclude = ("ciphertext",)


@admin.register(LlmCall)
class LlmCallAdmin(HistoryAdmin):
    list_display = ("created_at", "org", "engine", "outcome", "attempt", "cost", "latency_ms", "reference")
    list_filter = ("outcome", "provider", "simulated", "purpose")
    list_select_related = ("org",)
    search_fields = ("engine", "reference", "request_id", "org__slug")
    date_hierarchy = "created_at"
