"""Pages about scans, their answers and what they found."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from orgs.access import OrgRequest, org_view
from orgs.keyset import page_of
from orgs.roles import Permission
from prompts.engine_names import full_name
from prompts.library import archived_projects
from prompts.models import Brand, Project
from prompts.views import READ, READ_OR_POST, project_of, show_confirm
from scans.answers import (
    SORTS,
    answer_html,
    answer_lines,
    citation_lines,
    mentions_of,
    meta_of,
    named_brands,
    neighbours,
    without_texts,
)
from scans.forms import AnswerFilterForm, StartForm
from scans.launch import CannotStart, cancel_scan, resume_scan, retry_failed, start_scan
from scans.live import board_of, scan_lines
from scans.models import Answer, Scan
from scans.overview import COURSE, engine_name, latest_scans, live_projects, overview_of, project_rows
from scans.plan import plan_of, setup_of
from scans.reasons import reason_of

SCANS_PER_PAGE = 20
PROJECTS_PER_PAGE = 100


def scan_of(project: Project, pk: int) -> Scan:
    return get_object_or_404(Scan.objects.for_org(project.org_id).select_related("started_by"), project=project, pk=pk)


@org_view(Permission.PROJECTS_VIEW)
@require_http_methods(READ)
def org_home(request: OrgRequest) -> HttpResponse:
    page = page_of(live_projects(request.org), query=request.GET, newest_first=False, size=PROJECTS_PER_PAGE)
    rows = project_rows(request.org, page.items)
    archived = archived_projects(request.org)[:PROJECTS_PER_PAGE]
    simulated = any(row.scan.simulated for row in rows if row.scan)
    context = {"rows": rows, "page": page, "archived": archived, "simulated": simulated, "nav": "projects"}
    return render(request, "orgs/home.html", context)


@org_view(Permission.PROJECTS_VIEW)
@require_http_methods(READ)
def project_overview(request: OrgRequest, project_slug: str) -> HttpResponse:
    project: Any = get_object_or_404(live_projects(request.org), slug=project_slug)
    finished, running = latest_scans(project, finished=COURSE)
    brands = list(Brand.objects.for_org(request.org).filter(project=project))
    plan = plan_of(request.org, project, running=running, prompts=project.active_prompts)
    context: dict[str, Any] = {"project": project, "plan": plan, "nav": "overview"}
    if not finished:
        context["setup"] = setup_of(request.org, project, brands=brands, plan=plan)
    else:
        found = overview_of(finished, brands)
        context |= {name: getattr(found, name) for name in type(found).__slots__}
        context["simulated"] = finished[0].simulated
    return render(request, "scans/overview.html", context)


@org_view(Permission.SCANS_VIEW)
@require_http_methods(READ)
def scans(request: OrgRequest, project_slug: str) -> HttpResponse:
    project = project_of(request, project_slug)
    rows = Scan.objects.for_org(request.org).filter(project=project)
    page = page_of(rows, query=request.GET, newest_first=True, size=SCANS_PER_PAGE)
    _, running = latest_scans(project)
    plan = plan_of(request.org, project, running=running)
    lines = page.of(scan_lines(request.org.pk, page.items))
    simulated = any(scan.simulated for scan in page.items)
    context = {"project": project, "page": lines, "plan": plan, "simulated": simulated, "nav": "scans"}
    return render(request, "scans/scans.html", context)


@org_view(Permission.SCANS_START)
@require_http_methods(["POST"])
def scan_start(request: OrgRequest, project_slug: str) -> HttpResponse:
    project = project_of(request, project_slug)
    form = StartForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Ask for 1 to 10 answers per prompt and engine."))
        return redirect("scans", request.org.slug, project.slug)
    samples = form.cleaned_data["samples"]
    try:
        with transaction.atomic():  # nothing of a scan that cannot start stays
            scan = start_scan(project, source=Scan.Source.BROWSER, actor=request.user, samples=samples)
    except CannotStart as problem:
        return _refused(request, project, problem)
    return redirect("scan", request.org.slug, project.slug, scan.pk)


@org_view(Permission.SCANS_VIEW)
@require_http_methods(READ)
def scan(request: OrgRequest, project_slug: str, pk: int) -> HttpResponse:
    project = project_of(request, project_slug)
    scan = scan_of(project, pk)
    engines = [engine_name(key) for key in scan.engines]
    filter_form = AnswerFilterForm(request.GET, engines=[(e.key, full_name(e.label, e.surface_label)) for e in engines])
    found = Answer.objects.for_org(request.org).filter(scan=scan, **filter_form.lookups)
    page = page_of(without_texts(found), query=request.GET, newest_first=False, sorts=SORTS)
    context = {
        "project": project,
        "scan": scan,
        "simulated": scan.simulated,
        "progress": board_of(scan),
        "page": page.of(answer_lines(page.items)),
        "filter_form": filter_form,
        "filtered": bool(filter_form.lookups),
        "nav": "scans",
    }
    return render(request, "scans/scan.html", context)


@org_view(Permission.SCANS_VIEW)
@require_http_methods(READ)
def scan_progress(request: OrgRequest, project_slug: str, pk: int) -> HttpResponse:
    project = project_of(request, project_slug)
    scan = scan_of(project, pk)
    progress = board_of(scan)
    response = render(request, "scans/_scan_progress.html", {"project": project, "scan": scan, "progress": progress})
    if progress.finished:
        response["HX-Refresh"] = "true"  # the whole page has the answers and what they say
    return response


@org_view(Permission.SCANS_CANCEL)
@require_http_methods(READ_OR_POST)
def scan_cancel(request: OrgRequest, project_slug: str, pk: int) -> HttpResponse:
    project = project_of(request, project_slug)
    scan = scan_of(project, pk)
    address = reverse("scan", args=[request.org.slug, project.slug, scan.pk])
    if request.method == "POST":
        cancelled = cancel_scan(scan, actor=request.user)
        messages.success(request, _("The scan was cancelled.") if cancelled else _("The scan had ended already."))
        return redirect(address)
    return show_confirm(
        request,
        title=_("Cancel this scan?"),
        sentence=_("Answers that have come in stay and count. The others are not asked for any more."),
        verb=_("Cancel the scan"),
        cancel_url=address,
        project=project,
        nav="scans",
    )


@org_view(Permission.SCANS_START)
@require_http_methods(["POST"])
def scan_retry(request: OrgRequest, project_slug: str, pk: int) -> HttpResponse:
    project = project_of(request, project_slug)
    scan = scan_of(project, pk)
    try:
        with transaction.atomic():
            retried = retry_failed(scan, actor=request.user)
    except CannotStart as problem:
        return _refused(request, project, problem, back=scan)
    if not retried:
        messages.info(request, _("There is nothing to retry."))
    return redirect("scan", request.org.slug, project.slug, scan.pk)


@org_view(Permission.SCANS_START)
@require_http_methods(["POST"])
def scan_resume(request: OrgRequest, project_slug: str, pk: int) -> HttpResponse:
    project = project_of(request, project_slug)
    scan = scan_of(project, pk)
    try:
        with transaction.atomic():
            resumed = resume_scan(scan, actor=request.user)
    except CannotStart as problem:
        return _refused(request, project, problem, back=scan)
    if not resumed:
        messages.info(request, _("There is nothing to resume."))
    return redirect("scan", request.org.slug, project.slug, scan.pk)


@org_view(Permission.SCANS_VIEW)
@require_http_methods(READ)
def answer(request: OrgRequest, project_slug: str, pk: int) -> HttpResponse:
    project = project_of(request, project_slug)
    rows = Answer.objects.for_org(request.org).select_related("scan", "prompt")
    answer = get_object_or_404(rows, project=project, pk=pk)
    mentions = mentions_of(answer)
    previous_pk, next_pk = neighbours(answer)
    context = {
        "project": project,
        "answer": answer,
        "scan": answer.scan,
        "prompt": answer.prompt,
        "engine": engine_name(answer.engine),
        "simulated": answer.simulated,
        "answer_html": answer_html(answer, mentions) if answer.text else "",
        "mentions": named_brands(mentions),
        "citations": citation_lines(answer),
        "previous_pk": previous_pk,
        "next_pk": next_pk,
        "error": reason_of(answer.error_kind, answer.error, answer.error_values)
        if answer.status == Answer.Status.FAILED
        else "",
        "meta": meta_of(answer),
        "nav": "scans",
    }
    return render(request, "scans/answer.html", context)


def _refused(request: OrgRequest, project: Project, problem: CannotStart, *, back: Scan | None = None) -> HttpResponse:
    """Over quota is a page of its own; a scan that runs already is shown; anything else is said where it was asked."""
    if problem.code in ("quota", "budget"):
        return render(request, "402.html", {"sentence": problem.message}, status=402)
    messages.error(request, problem.message)
    shown = problem.scan or back
    if shown is not None:
        return redirect("scan", request.org.slug, project.slug, shown.pk)
    return redirect("scans", request.org.slug, project.slug)
