"""Operators' pages of projects and scans, with the acts that start, cancel and retry them."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.backstage import asks_first, chosen
from orgs.admin import HistoryAdmin, TenantAdmin, act_on_each, actor
from prompts.llm import catalog
from prompts.llm.errors import ErrorKind
from prompts.models import Project
from scans import schedule
from scans.asking import CRASHED
from scans.launch import CannotStart, cancel_scan, retry_failed, start_scan
from scans.models import Answer, BatchJob, Citation, Mention, Rematch, Scan, Schedule
from scans.requeueing import requeue
from scans.store import LOST_WORKER

MOST_FOUND = 200  # shown of one answer


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

    @admin.action(description=gettext_lazy("Start scan"), permissions=["steer"])
    @asks_first(lambda: _("Start a scan of these projects? Its answers count towards their organizations' allowance."))
    def start(self, request: HttpRequest, queryset: QuerySet[Project]) -> None:
        def act(project: Project) -> str:
            scan = start_scan(project, source=Scan.Source.ADMIN, actor=actor(request))
            told = {"pk": scan.pk, "project": project, "total": scan.total}
            return _("Scan %(pk)s of %(project)s started: %(total)s answers to come.") % told

        act_on_each(self, request, queryset, act, refusals=(CannotStart,))


@admin.register(Scan)
class ScanAdmin(SteersScans, HistoryAdmin):
    list_display = ("__str__", "project", "org", "status", "total", "source", "simulated", "created_at", "finished_at")
    list_filter = ("status", "source", "simulated")
    list_select_related = ("project", "org")
    search_fields = ("=id", "project__name", "org__name", "org__slug")
    actions = ("cancel", "retry")

    @admin.action(description=gettext_lazy("Cancel scan"), permissions=["steer"])
    @asks_first(lambda: _("Cancel these scans? Nothing more is asked, and answers under way are refused."))
    def cancel(self, request: HttpRequest, queryset: QuerySet[Scan]) -> None:
        def act(scan: Scan) -> str:
            cancelled = cancel_scan(scan, actor=actor(request))
            return (_("%(scan)s was cancelled.") if cancelled else _("%(scan)s had ended already.")) % {"scan": scan}

        act_on_each(self, request, queryset, act)

    @admin.action(description=gettext_lazy("Ask failed answers again"), permissions=["steer"])
    @asks_first(lambda: _("Ask the failed answers of these scans again? Each counts towards the allowance again."))
    def retry(self, request: HttpRequest, queryset: QuerySet[Scan]) -> None:
        def act(scan: Scan) -> str:
            count = retry_failed(scan, actor=actor(request))
            told = {"scan": scan, "count": count}
            if not count:
                return _("%(scan)s: nothing to ask again.") % told
            return _("%(scan)s: %(count)s answers are asked again.") % told

        act_on_each(self, request, queryset, act, refusals=(CannotStart,))


@admin.register(Schedule)
class ScheduleAdmin(SteersScans, HistoryAdmin):
    list_display = ("project", "org", "cadence", "time_zone", "next_start_at", "last_slot_at", "paused_at")
    list_filter = ("cadence", ("paused_at", admin.EmptyFieldListFilter))
    list_select_related = ("project", "org")
    search_fields = ("project__name", "=org__slug")
    exclude = ("last_problem", "last_problem_values")
    readonly_fields = ("failure",)
    actions = ("pause",)

    @admin.action(description=gettext_lazy("Pause schedule"), permissions=["steer"])
    @asks_first(lambda: _("Pause these schedules? They start no scan until somebody resumes them."))
    def pause(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        def act(row: Schedule) -> str:
            paused = schedule.pause(row.project, actor=actor(request))
            said = _("%(project)s: paused.") if paused else _("%(project)s: was paused already.")
            return said % {"project": row.project}

        act_on_each(self, request, queryset.select_related("project"), act)


def _error_kinds() -> list[tuple[str, str]]:
    return [(kind, kind) for kind in (*(one.value for one in ErrorKind), CRASHED, LOST_WORKER)]


@admin.register(Answer)
class AnswerAdmin(SteersScans, HistoryAdmin):
    list_display = ("__str__", "scan", "org", "status", "attempts", "error_kind", "cost", "latency_ms", "finished_at")
    list_filter = (
        "status",
        chosen("error", "error_kind", _error_kinds),
        chosen("engine", "engine", lambda: [(engine.key, engine.key) for engine in catalog.all_engines()]),
    )
    list_select_related = ("scan", "org")
    search_fields = ("=id", "=scan__id", "=request_id", "=org__slug")
    exclude = ("lease_token", "error", "error_values")
    readonly_fields = ("failure", "mentions_found", "citations_found")
    actions = ("requeue",)

    @admin.display(description=gettext_lazy("Mentions"))
    def mentions_found(self, answer: Answer) -> str:
        rows = answer.mentions.select_related("brand").order_by("start")[:MOST_FOUND]
        lines = ((row.start, row.end, row.text, row.brand, row.kind) for row in rows)
        return format_html_join("", "<div>{}–{}: {} ({}, {})</div>", lines)

    @admin.display(description=gettext_lazy("Citations"))
    def citations_found(self, answer: Answer) -> str:
        rows = answer.citations.order_by("position")[:MOST_FOUND]
        return format_html_join("", "<div>{}. {} ({})</div>", ((row.position, row.url, row.kind) for row in rows))

    @admin.action(description=gettext_lazy("Requeue stuck answers"), permissions=["steer"])
    @asks_first(lambda: _("Take these answers from whoever asks them now, and ask them again? Others are left alone."))
    def requeue(self, request: HttpRequest, queryset: QuerySet[Answer]) -> None:
        count = requeue(queryset, actor=actor(request))
        said = ngettext("%(count)s answer was requeued.", "%(count)s answers were requeued.", count) % {"count": count}
        self.message_user(request, said, messages.SUCCESS if count else messages.WARNING)


class FoundAdmin(HistoryAdmin):
    """What was found in answers, by the million: looked up by answer or brand."""

    list_select_related = ("answer", "brand", "org")
    show_facets = admin.ShowFacets.NEVER


@admin.register(BatchJob)
class BatchJobAdmin(HistoryAdmin):
    """What providers answer together: where each batch is, and what it brought."""

    list_display = ("name", "scan", "org", "engine", "state", "total", "answered", "saved", "deadline_at", "failure")
    list_filter = ("state", "simulated")
    list_select_related = ("scan", "org")
    search_fields = ("=name", "=batch_id", "=scan__id", "=org__slug")
    exclude = ("token", "parting_key", "problem", "problem_values")
    readonly_fields = ("failure",)


@admin.register(Mention)
class MentionAdmin(FoundAdmin):
    list_display = ("text", "brand", "answer", "org", "kind", "rank", "matcher_version")
    search_fields = ("=answer__id", "=brand__name", "=org__slug")


@admin.register(Citation)
class CitationAdmin(FoundAdmin):
    list_display = ("domain", "kind", "brand", "answer", "org", "position", "cited")
    list_filter = ("kind", "cited")
    search_fields = ("=answer__id", "=domain", "=org__slug")


@admin.register(Rematch)
class RematchAdmin(HistoryAdmin):
    search_fields = ("=project__slug", "=org__slug")
    list_display = ("project", "org", "changed_at", "second", "after", "due_at")
    list_select_related = ("project", "org")
