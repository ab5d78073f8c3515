"""The prompts of a project: listing, adding one, editing in place, archiving."""

from __future__ import annotations

from copy import copy
from typing import Any

from django.contrib import messages
from django.db.models import Value
from django.db.models.functions import Concat, Lower
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from orgs.access import OrgRequest, org_view
from orgs.keyset import Sorts, page_of
from orgs.roles import Permission
from prompts import library
from prompts.csv_import import PromptRow
from prompts.forms import PromptEditForm, PromptFilterForm, PromptForm
from prompts.models import Project, Prompt
from prompts.views import READ, READ_OR_POST, is_htmx, project_of, show_confirm, show_form

SORTS: Sorts = {"prompt": Lower("text"), "market": Concat("country", Value(" "), "language")}


def prompt_of(project: Project, pk: int) -> Prompt:
    return get_object_or_404(Prompt.objects.for_org(project.org_id), project=project, pk=pk)


@org_view(Permission.PROJECTS_VIEW)
@require_http_methods(READ)
def prompts(request: OrgRequest, project_slug: str) -> HttpResponse:
    project = project_of(request, project_slug)
    filter_form = PromptFilterForm(request.GET, tags=library.tags_of(project))
    found = library.find_prompts(project, **filter_form.values)
    context: dict[str, Any] = {
        "project": project,
        "page": page_of(found, query=request.GET, newest_first=True, sorts=SORTS),
        "filter_form": filter_form,
        "filtered": bool(filter_form.values),
        "counts": library.counts(project),
        "add_form": PromptForm.defaults(project),
        "nav": "prompts",
    }
    piece = is_htmx(request, target="prompt-list")
    return render(request, "prompts/_prompt_list.html" if piece else "prompts/prompts.html", context)


@org_view(Permission.PROMPTS_EDIT)
@require_http_methods(READ_OR_POST)
def prompt_add(request: OrgRequest, project_slug: str) -> HttpResponse:
    project = project_of(request, project_slug)
    form = PromptForm(request.POST) if request.method == "POST" else PromptForm.defaults(project)
    if form.is_valid():
        given = form.fields_given
        row = PromptRow(
            line=1,
            text=given.text,
            tags=tuple(given.tags),
            country=given.country,
            language=given.language,
            is_branded=given.is_branded,
        )
        if library.add_prompts(project, [row], actor=request.user).added:
            messages.success(request, _("The prompt was added."))
            return redirect("prompts", request.org.slug, project.slug)
        form.add_error("text", str(library.TRACKED))
    return show_form(request, "prompts/prompt_form.html", {"project": project, "form": form, "nav": "prompts"})


@org_view(Permission.PROMPTS_EDIT)
@require_http_methods(READ_OR_POST)
def prompt_edit(request: OrgRequest, project_slug: str, pk: int) -> HttpResponse:
    project = project_of(request, project_slug)
    prompt = prompt_of(project, pk)
    form = (
        PromptEditForm(request.POST, auto_id=f"id_{pk}_%s") if request.method == "POST" else PromptEditForm.of(prompt)
    )
    if form.is_valid():
        edited = copy(prompt)  # the page of a refused change shows the prompt as it is
        try:
            library.edit_prompt(edited, form.fields_given, actor=request.user)
        except library.Taken as taken:
            form.add_error(taken.field, str(taken))
        else:
            return _changed(request, project, edited, message=_("The prompt was saved."))
    piece = is_htmx(request, target=f"prompt-{pk}")
    template = "prompts/_prompt_form_row.html" if piece else "prompts/prompt_form.html"
    context = {"project": project, "prompt": prompt, "form": form, "nav": "prompts"}
    return show_form(request, template, context)


@org_view(Permission.PROJECTS_VIEW)
@require_http_methods(READ)
def prompt_row(request: OrgRequest, project_slug: str, pk: int) -> HttpResponse:
    project = project_of(request, project_slug)
    return render(request, "prompts/_prompt_row.html", {"project": project, "prompt": prompt_of(project, pk)})


@org_view(Permission.PROMPTS_EDIT)
@require_http_methods(READ_OR_POST)
def prompt_archive(request: OrgRequest, project_slug: str, pk: int) -> HttpResponse:
    project = project_of(request, project_slug)
    prompt = prompt_of(project, pk)
    if request.method == "POST":
        library.archive_prompt(prompt, actor=request.user)
        return _changed(request, project, prompt, message=_("The prompt was archived. Its answers stay."))
    return show_confirm(
        request,
        title=_("Archive this prompt?"),
        sentence=_("“%(prompt)s” is asked no more. Its answers stay, and it can be restored.") % {"prompt": prompt},
        verb=_("Archive prompt"),
        cancel_url=reverse("prompts", args=[request.org.slug, project.slug]),
        project=project,
        nav="prompts",
    )


@org_view(Permission.PROMPTS_EDIT)
@require_http_methods(["POST"])
def prompt_restore(request: OrgRequest, project_slug: str, pk: int) -> HttpResponse:
    project = project_of(request, project_slug)
    prompt = prompt_of(project, pk)
    try:
        library.restore_prompt(prompt, actor=request.user)
    except library.Taken as taken:
        messages.error(request, str(taken))
        return redirect("prompts", request.org.slug, project.slug)
    return _changed(request, project, prompt, message=_("The prompt is asked again."))


def _changed(request: OrgRequest, project: Project, prompt: Prompt, *, message: str) -> HttpResponse:
    """The prompt's row for htmx, the list for everybody else."""
    if is_htmx(request, target=f"prompt-{prompt.pk}"):
        return render(request, "prompts/_prompt_row.html", {"project": project, "prompt": prompt})
    messages.success(request, message)
    return redirect("prompts", request.org.slug, project.slug)
