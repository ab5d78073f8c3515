"""A project's own brand and its competitors."""

from __future__ import annotations

from copy import copy

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import formats
from orgs.access import OrgRequest, org_view
from orgs.keyset import page_of
from orgs.roles import Permission
from prompts import library
from prompts.forms import BrandForm
from prompts.models import Brand, Project
from prompts.views import READ, READ_OR_POST, project_of, show_confirm, show_form

BRANDS_PER_PAGE = 100


def brand_of(project: Project, pk: int) -> Brand:
    return get_object_or_404(Brand.objects.for_org(project.org_id), project=project, pk=pk)


@org_view(Permission.PROJECTS_VIEW)
@require_http_methods(READ)
def brands(request: OrgRequest, project_slug: str) -> HttpResponse:
    project = project_of(request, project_slug)
    rows = Brand.objects.for_org(request.org).filter(project=project)
    page = page_of(rows.filter(is_own=False), query=request.GET, newest_first=False, size=BRANDS_PER_PAGE)
    own = [] if page.previous else list(rows.filter(is_own=True))
    others = sorted(page.items, key=lambda brand: brand.name.casefold())
    context = {"project": project, "brands": [*own, *others], "page": page, "nav": "brands"}
    return render(request, "prompts/brands.html", context)


@org_view(Permission.BRANDS_EDIT)
@require_http_methods(READ_OR_POST)
def brand_add(request: OrgRequest, project_slug: str) -> HttpResponse:
    project = project_of(request, project_slug)
    form = BrandForm(request.POST) if request.method == "POST" else _blank_form(project)
    if request.method == "POST" and _saved(request, project, form):
        return redirect("brands", request.org.slug, project.slug)
    return show_form(request, "prompts/brand_form.html", {"project": project, "form": form, "nav": "brands"})


@org_view(Permission.BRANDS_EDIT)
@require_http_methods(READ_OR_POST)
def brand_edit(request: OrgRequest, project_slug: str, pk: int) -> HttpResponse:
    project = project_of(request, project_slug)
    brand = brand_of(project, pk)
    form = BrandForm(request.POST) if request.method == "POST" else BrandForm.of(brand)
    if request.method == "POST" and _saved(request, project, form, brand=copy(brand)):
        return redirect("brands", request.org.slug, project.slug)
    context = {"project": project, "brand": brand, "form": form, "nav": "brands"}
    return show_form(request, "prompts/brand_form.html", context)


@org_view(Permission.BRANDS_EDIT)
@require_http_methods(READ_OR_POST)
def brand_delete(request: OrgRequest, project_slug: str, pk: int) -> HttpResponse:
    project = project_of(request, project_slug)
    brand = brand_of(project, pk)
    if request.method == "POST":
        library.remove_brand(brand, actor=request.user)
        messages.success(request, _("%(name)s was deleted.") % {"name": formats.isolated(brand.name)})
        return redirect("brands", request.org.slug, project.slug)
    return show_confirm(
        request,
        title=_("Delete %(name)s?") % {"name": formats.isolated(brand.name)},
        sentence=_("Every mention of %(name)s found so far is deleted too. The answers themselves stay.")
        % {"name": formats.isolated(brand.name)},
        verb=_("Delete brand"),
        cancel_url=reverse("brands", args=[request.org.slug, project.slug]),
        project=project,
        nav="brands",
    )


def _blank_form(project: Project) -> BrandForm:
    """The first brand is usually one's own."""
    first = not Brand.objects.for_org(project.org_id).filter(project=project).exists()
    return BrandForm(initial={"is_own": first})


def _saved(request: OrgRequest, project: Project, form: BrandForm, *, brand: Brand | None = None) -> bool:
    if not form.is_valid():
        return False
    try:
        library.save_brand(project, form.fields_given, brand=brand, actor=request.user)
    except library.Taken as taken:
        form.add_error(taken.field, str(taken))
        return False
    messages.success(request, _("%(name)s was saved.") % {"name": formats.isolated(form.cleaned_data["name"])})
    for caution in form.cautions:
        messages.warning(request, caution)
    return True
