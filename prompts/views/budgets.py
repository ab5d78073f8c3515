"""Monthly budgets: the organization's, with those of its projects beside it, and one project's."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from orgs.access import OrgRequest, org_view
from orgs.keyset import page_of
from orgs.roles import Permission
from prompts.budgets import Level, levels, levels_of_projects, save_budget
from prompts.cost_tables import period_of
from prompts.costs import costs_of
from prompts.forms import BudgetForm
from prompts.models import Project
from prompts.views import READ_OR_POST, project_of, require

PER_PAGE = 50


@org_view(Permission.COSTS_VIEW)
@require_http_methods(READ_OR_POST)
def budgets(request: OrgRequest) -> HttpResponse:
    (level,) = levels(request.org.pk)
    form = _form(request, level)
    if _saved(request, form, project=None):
        return redirect("budgets", request.org.slug)
    projects = Project.objects.for_org(request.org).filter(archived_at=None)
    page = page_of(projects, query=request.GET, newest_first=False, size=PER_PAGE)
    lines = page.of(levels_of_projects(request.org.pk, page.items))
    context = {"level": level, "form": form, "page": lines, "nav": "budgets", "simulated": _simulated(request)}
    return render(request, "prompts/budgets.html", context, status=422 if form.errors else 200)


@org_view(Permission.COSTS_VIEW)
@require_http_methods(READ_OR_POST)
def project_budget(request: OrgRequest, project_slug: str) -> HttpResponse:
    project = project_of(request, project_slug)
    whole, level = levels(request.org.pk, project=project)
    form = _form(request, level)
    if _saved(request, form, project=project):
        return redirect("project-budget", request.org.slug, project.slug)
    context = {"project": project, "level": level, "whole": whole, "form": form, "nav": "projects"}
    context["simulated"] = _simulated(request)
    return render(request, "prompts/project_budget.html", context, status=422 if form.errors else 200)


def _simulated(request: OrgRequest) -> bool:
    """Whether some of what this month cost was never billed."""
    today = timezone.now().astimezone(UTC).date()
    _real, simulated = costs_of(request.org.pk, period_of("month", today=today))
    return bool(simulated.total.calls)


def _form(request: OrgRequest, level: Level) -> BudgetForm:
    if request.method == "POST":
        require(request, Permission.BUDGETS_EDIT)
        return BudgetForm(request.POST)
    return BudgetForm(initial={"money": level.money_limit, "answers": level.answers_limit})


def _saved(request: OrgRequest, form: BudgetForm, *, project: Project | None) -> bool:
    if not form.is_valid():
        return False
    given: dict[str, Any] = form.cleaned_data
    save_budget(request.org, project=project, **given, actor=request.user)
    limited = given["money"] is not None or given["answers"] is not None
    messages.success(request, _("The budget is saved. It counts from now on.") if limited else _("There is no budget."))
    return True
