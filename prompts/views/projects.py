"""Adding, changing and archiving projects."""

from __future__ import annotations

from copy import copy

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import formats
from orgs.access import OrgRequest, org_view
from orgs.roles import Permission
from prompts import library
from prompts.forms import ProjectForm
from prompts.views import READ_OR_POST, project_of, show_confirm, show_form


@org_view(Permission.PROJECTS_CREATE)
@require_http_methods(READ_OR_POST)
def project_add(request: OrgRequest) -> HttpResponse:
    form = ProjectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            project = library.create_project(request.org, form.fields_given, actor=request.user)
        except library.Taken as taken:
            form.add_error(taken.field, str(taken))
        else:
            messages.success(
                request,
                _("%(name)s is ready. Add the brands it measures next.") % {"name": formats.isolated(project.name)},
            )
            return redirect("project-overview", request.org.slug, project.slug)
    return show_form(request, "prompts/project_form.html", {"form": form, "nav": "projects"})


@org_view(Permission.PROJECTS_EDIT)
@require_http_methods(READ_OR_POST)
def project_edit(request: OrgRequest, project_slug: str) -> HttpResponse:
    project = project_of(request, project_slug)
    form = ProjectForm(request.POST) if request.method == "POST" else ProjectForm.of(project)
    if form.is_valid():
        try:
            library.update_project(copy(project), form.fields_given, actor=request.user)
        except library.Taken as taken:
            form.add_error(taken.field, str(taken))
        else:
            messages.success(request, _("The project was saved."))
            return redirect("project-overview", request.org.slug, project.slug)
    return show_form(request, "prompts/project_form.html", {"form": form, "project": project, "nav": "projects"})


@org_view(Permission.PROJECTS_CREATE)
@require_http_methods(READ_OR_POST)
def project_archive(request: OrgRequest, project_slug: str) -> HttpResponse:
    project = project_of(request, project_slug)
    if request.method == "POST":
        library.archive_project(project, actor=request.user)
        messages.success(request, _("%(name)s was archived.") % {"name": formats.isolated(project.name)})
        return redirect("org-home", request.org.slug)
    return show_confirm(
        request,
        title=_("Archive %(name)s?") % {"name": formats.isolated(project.name)},
        sentence=_(
            "Its pages disappear and a scan that runs is cancelled. Nothing is deleted, and it can be restored."
        ),
        verb=_("Archive project"),
        cancel_url=reverse("project-edit", args=[request.org.slug, project.slug]),
        project=project,
        nav="projects",
    )


@org_view(Permission.PROJECTS_CREATE)
@require_POST
def project_restore(request: OrgRequest, project_slug: str) -> HttpResponse:
    project = get_object_or_404(library.archived_projects(request.org), slug=project_slug)
    try:
        library.restore_project(project, actor=request.user)
    except library.Taken as taken:
        messages.error(request, f"{taken} {_('Rename that one first.')}")
        return redirect("org-home", request.org.slug)
    messages.success(request, _("%(name)s was restored.") % {"name": formats.isolated(project.name)})
    return redirect("project-overview", request.org.slug, project.slug)
