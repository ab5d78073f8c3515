"""The page of a project's schedule."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from orgs.access import OrgRequest, org_view
from orgs.roles import Permission
from prompts.credentials import available_engines
from prompts.models import Project
from prompts.views import READ_OR_POST, project_of, require
from scans import schedule as schedules
from scans.forms import ScheduleForm
from scans.launch import CannotStart
from scans.models import Scan, Schedule
from scans.outlook import outlook_of
from scans.overview import engine_name
from scans.timetable import zones

POST_ONLY = require_http_methods(["POST"])


@org_view(Permission.PROJECTS_VIEW)
@require_http_methods(READ_OR_POST)
def schedule(request: OrgRequest, project_slug: str) -> HttpResponse:
    project = project_of(request, project_slug)
    if request.method == "POST":
        require(request, Permission.SCHEDULES_EDIT)
    found = schedules.schedule_of(project)
    form = _form(request, project, found)
    if request.method == "POST" and form.is_valid():
        schedules.save_schedule(project, form.fields_given, actor=request.user)
        messages.success(request, _("The schedule is saved. It counts from the next scan on."))
        return redirect("schedule", request.org.slug, project.slug)
    context: dict[str, Any] = {"project": project, "schedule": found, "form": form, "nav": "schedule"}
    if found is not None:
        context["outlook"] = outlook_of(found, project)
        last = Scan.objects.for_org(request.org).filter(project=project, source=Scan.Source.SCHEDULE)
        context["last"] = last.order_by("-created_at").first()
    return render(request, "scans/schedule.html", context, status=422 if form.errors else 200)


@org_view(Permission.SCHEDULES_EDIT)
@POST_ONLY
def schedule_pause(request: OrgRequest, project_slug: str) -> HttpResponse:
    project = project_of(request, project_slug)
    if schedules.pause(project, actor=request.user):
        messages.success(request, _("The schedule is paused. Nothing is scanned by itself until you resume it."))
    return redirect("schedule", request.org.slug, project.slug)


@org_view(Permission.SCHEDULES_EDIT)
@POST_ONLY
def schedule_resume(request: OrgRequest, project_slug: str) -> HttpResponse:
    project = project_of(request, project_slug)
    if schedules.resume(project, actor=request.user):
        messages.success(request, _("The schedule goes on with its next time."))
    return redirect("schedule", request.org.slug, project.slug)


@org_view(Permission.SCANS_START)
@POST_ONLY
def schedule_run(request: OrgRequest, project_slug: str) -> HttpResponse:
    project = project_of(request, project_slug)
    found = schedules.schedule_of(project)
    if found is None:
        raise Http404("No schedule")
    try:
        with transaction.atomic():  # nothing of a scan that cannot start stays
            scan = schedules.run_now(found, project, actor=request.user)
    except CannotStart as problem:
        if problem.code in ("quota", "budget"):
            return render(request, "402.html", {"sentence": problem.message}, status=402)
        messages.error(request, problem.message)
        return redirect("schedule", request.org.slug, project.slug)
    return redirect("scan", request.org.slug, project.slug, scan.pk)


def _form(request: OrgRequest, project: Project, found: Schedule | None) -> ScheduleForm:
    offered = {choice.engine.key for choice in available_engines(request.org.pk) if choice.available}
    known = [engine_name(key) for key in dict.fromkeys([*project.engines, *(found.engines if found else []), *offered])]
    initial = {name: getattr(found or Schedule(time_zone=_here()), name) for name in ScheduleForm.base_fields}
    return ScheduleForm(
        request.POST if request.method == "POST" else None,
        engines=known,
        initial=initial,
    )


def _here() -> str:
    """The reader's zone, where it is one that a schedule can be in."""
    name = str(timezone.get_current_timezone())
    return name if name in zones() else "UTC"
