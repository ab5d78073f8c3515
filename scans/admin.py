"""Operators' pages of projects and scans, with the acts that start, cancel and retry them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import User
from orgs.admin import HistoryAdmin, TenantAdmin
from orgs.scoping import org_scope
from prompts.models import Project
from scans.launch import CannotStart, cancel_scan, retry_failed, start_scan
from scans.models import Answer, Citation, Mention, Scan

if TYPE_CHECKING:
    Inline = admin.TabularInline[Any, Any]
else:
    Inline = admin.TabularInline


class SteersScans(TenantAdmin):
    """Pages whose acts start, cancel or retry scans. Nobody edits a scan by hand, but who steers may change it."""

    def has_steer_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("scans.change_scan")


@admin.register(Project)
class ProjectAdmin(SteersScans):
    list_display = ("name", "org", "slug", "created_at", "archived_at")
    list_filter = (("archived_at", admin.EmptyFieldListFilter),)
    list_select_related = ("org",)
    search_fields = ("name", "slug", "org__name", "org__slug")
    editable = ("samples",)
    actions = ("start",)

    @admin.action(description="Start scan", permissions=["steer"])
    def start(self, request: HttpRequest, queryset: QuerySet[Project]) -> None:
        def act(project: Project) -> str:
            scan = start_scan(project, source=Scan.Source.ADMIN, actor=_actor(request))
            return f"Scan {scan.pk} of {project} started: {scan.total} answers to come."

        _each(self, request, queryset, act)


@admin.register(Scan)
class ScanAdmin(SteersScans, HistoryAdmin):
    list_display = ("__str__", "project", "org", "status", "total", "source", "simulated", "created_at", "finished_at")
    list_filter = ("status", "source", "simulated")
    list_select_related = ("project", "org")
    search_fields = ("=id", "project__name", "org__name", "org__slug")
    date_hierarchy = "created_at"
    actions = ("cancel", "retry")

    @admin.action(description="Cancel scan", permissions=["steer"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Scan]) -> None:
        def act(scan: Scan) -> str:
            cancelled = cancel_scan(scan, actor=_actor(request))
            return f"{scan} was cancelled." if cancelled else f"{scan} had ended already."

        _each(self, request, queryset, act)

    @admin.action(description="Ask failed answers again", permissions=["steer"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Scan]) -> None:
        def act(scan: Scan) -> str:
            count = retry_failed(scan, actor=_actor(request))
            return f"{scan}: {count} answers are asked again." if count else f"{scan}: nothing to ask again."

        _each(self, request, queryset, act)


class FoundInline(Inline):
    """What was found in an answer: only looked at."""

    shown: tuple[str, ...] = ()
    extra = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("brand").order_by(self.shown[0])

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return list(self.shown)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return list(self.shown)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class MentionInline(FoundInline):
    model = Mention
    shown = ("start", "end", "brand", "text", "kind", "rank")


class CitationInline(FoundInline):
    model = Citation
    shown = ("position", "normalized_url", "kind", "brand", "cited")


@admin.register(Answer)
class AnswerAdmin(HistoryAdmin):
    list_display = ("__str__", "scan", "org", "status", "attempts", "error_kind", "cost", "latency_ms", "finished_at")
    list_filter = ("status", "error_kind", "engine", "finish_reason")
    list_select_related = ("scan", "org")
    search_fields = ("=id", "=scan__id", "prompt_text", "request_id", "org__slug")
    exclude = ("lease_token",)
    inlines = (MentionInline, CitationInline)


def _actor(request: HttpRequest) -> User:
    return cast("User", request.user)


def _each(page: TenantAdmin, request: HttpRequest, rows: QuerySet[Any], act: Callable[[Any], str]) -> None:
    """Do it to each row in the scope of its own organization, and say how each went."""
    for row in rows:
        try:
            with org_scope(row.org_id):
                said, how = act(row), messages.SUCCESS
        except CannotStart as refused:
            said, how = f"{row}: {refused.message}", messages.ERROR
        page.message_user(request, said, level=how)
