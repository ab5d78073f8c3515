"""Pages of the guided setup: each step saves on its own, and can be skipped, left and come back to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from orgs.access import OrgRequest, org_view
from orgs.pages import READ, READ_OR_POST, is_htmx, require
from orgs.roles import Permission
from prompts import library, suggest
from prompts.credentials import available_engines
from prompts.estimates import answer_cost
from prompts.models import Brand, Project, ProjectIcon, Suggestion
from prompts.views import project_of
from prompts.views.engines import grouped, problems
from scans import onboarding
from scans.launch import CannotStart, start_scan
from scans.live import board_of
from scans.models import Scan
from scans.onboarding import Step
from scans.onboarding_forms import (
    BrandStepForm,
    CompetitorRow,
    OwnPromptsForm,
    PromptRowForm,
    StartForm,
    blank_rows,
    posted_rows,
    shown_rows,
)
from scans.overview import FINISHED, engine_name
from scans.plan import plan_of

Handler = Callable[[OrgRequest, Project], HttpResponse]


@org_view(Permission.PROJECTS_CREATE)
@require_http_methods(READ_OR_POST)
def onboarding_start(request: OrgRequest) -> HttpResponse:
    form = StartForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            project = onboarding.begin(request.org, form.details, actor=request.user)
        except library.Taken as taken:
            there = onboarding.called(request.org, form.details.name)
            if there and onboarding.goes_on(there, actor=request.user):
                return redirect("onboarding", request.org.slug, there.slug, there.setup_step)
            form.add_error("name", _linked(request, there) if there else str(taken))
        else:
            if project.website:
                onboarding.ask_if_new(project, Step.BRAND, actor=request.user)
            return redirect("onboarding", request.org.slug, project.slug, Step.BRAND)
    context = {"form": form, "marks": onboarding.marks(None, current=Step.BRAND), "nav": "projects"}
    return render(request, "onboarding/start.html", context, status=422 if form.errors else 200)


def _linked(request: OrgRequest, there: Project) -> SafeString:
    """That the name is taken, with a way to the project that has it."""
    overview = reverse("project-overview", args=[request.org.slug, there.slug])
    link = format_html('<a class="underline" href="{}">{}</a>', overview, there.name)
    return format_html(escape(_("There is a project called %(name)s already.")) % {"name": "{}"}, link)


@org_view(Permission.PROJECTS_EDIT)
@require_http_methods(READ_OR_POST)
def onboarding_step(request: OrgRequest, project_slug: str, step: str) -> HttpResponse:
    project = _project(request, project_slug, step)
    if request.method == "POST" and "skip" in request.POST:
        return redirect(onboarding.address(project, onboarding.advance(project, past=step)))
    return _HANDLERS[step](request, project)


@org_view(Permission.PROJECTS_EDIT)
@require_http_methods(["POST"])
def onboarding_suggest(request: OrgRequest, project_slug: str, step: str) -> HttpResponse:
    project = _project(request, project_slug, step)
    kind = onboarding.KINDS.get(step)
    if kind is None or (step == Step.BRAND and not project.website):
        raise Http404("Nothing is suggested here")
    try:
        suggest.ask_for(project, kind, actor=request.user)
    except suggest.CannotSuggest as problem:
        messages.error(request, problem.message)
    return redirect(onboarding.address(project, step))


@org_view(Permission.PROJECTS_EDIT)
@require_http_methods(READ)
def onboarding_suggestion(request: OrgRequest, project_slug: str, step: str) -> HttpResponse:
    """The piece that waits. Once there is something to show, the whole page is."""
    project = _project(request, project_slug, step)
    found = _latest(project, step)
    if found is None or not found.is_open or not is_htmx(request):
        response = redirect(onboarding.address(project, step))
        return _refreshed() if is_htmx(request) else response
    return render(request, "onboarding/_waiting.html", {"project": project, "step": step, "found": found})


@org_view(Permission.PROJECTS_VIEW)
@require_http_methods(READ)
def project_icon(request: OrgRequest, project_slug: str) -> HttpResponse:
    project = project_of(request, project_slug)
    icon = get_object_or_404(ProjectIcon.objects.for_org(request.org), project=project)
    return HttpResponse(bytes(icon.png), content_type="image/png")


def _project(request: OrgRequest, project_slug: str, step: str) -> Project:
    if step not in onboarding.STEPS:
        raise Http404("No such step")
    require(request, onboarding.PERMISSIONS[step])
    project = project_of(request, project_slug)
    project.org = request.org  # known already: addresses are made of it
    return project


def _latest(project: Project, step: str) -> Suggestion | None:
    kind = onboarding.KINDS.get(step)
    return suggest.latest(project, kind) if kind else None


def _refreshed() -> HttpResponse:
    return HttpResponse(headers={"HX-Refresh": "true"})


def _shown(request: OrgRequest, project: Project, step: str, *, status: int = 200, **context: Any) -> HttpResponse:
    common = {
        "project": project,
        "step": step,
        "marks": onboarding.marks(project, current=step),
        "back_url": onboarding.address(project, onboarding.before(step)) if step != Step.BRAND else "",
        "nav": "overview",
    }
    return render(request, f"onboarding/{step}.html", {**common, **context}, status=status)


def _onwards(request: OrgRequest, project: Project, step: str) -> HttpResponse:
    following = onboarding.advance(project, past=step)
    onboarding.ask_if_new(project, following, actor=request.user)
    return redirect(onboarding.address(project, following))


def _suggesting(request: OrgRequest, project: Project, step: str) -> dict[str, Any]:
    """The latest suggestion, whether this page waits for it, and what asking costs."""
    found = _latest(project, step)
    waiting = found is not None and found.is_open and "by-hand" not in request.GET and request.method != "POST"
    choice = suggest.cheap_engine(project.org_id) if step != Step.BRAND and not waiting else None
    return {
        "found": found,
        "asked": engine_name(found.engine).label if found else "",
        "waiting": waiting,
        "choice": choice,
        "price": answer_cost(choice.engine) if choice else None,
    }


def _brand(request: OrgRequest, project: Project) -> HttpResponse:
    own, told = onboarding.own_brand(project), _suggesting(request, project, Step.BRAND)
    offered = onboarding.offered(told["found"])
    if request.method != "POST":
        form = BrandStepForm.of(project, name=own.name if own else project.name, offered=offered)
        return _shown(request, project, Step.BRAND, form=form, offered=offered, **told)
    form = BrandStepForm(request.POST)
    if form.is_valid() and _details_saved(request, project, own, form, icon=str(offered.get("icon", ""))):
        return _onwards(request, project, Step.BRAND)
    return _shown(request, project, Step.BRAND, form=form, offered=offered, status=422, **told)


def _details_saved(request: OrgRequest, project: Project, own: Brand | None, form: BrandStepForm, *, icon: str) -> bool:
    try:
        onboarding.save_details(project, own, form.details, actor=request.user)
    except library.Taken as taken:
        form.add_error("name" if taken.field in ("name", "aliases", "is_own") else "website", str(taken))
        return False
    if not form.cleaned_data["use_icon"]:
        onboarding.drop_icon(project)
    elif icon:
        onboarding.keep_icon(project, icon)
    return True


def _competitors(request: OrgRequest, project: Project) -> HttpResponse:
    brands = list(Brand.objects.for_org(project.org_id).filter(project=project))
    told = {**_suggesting(request, project, Step.COMPETITORS), "tracked": [b for b in brands if not b.is_own]}
    if request.method != "POST":
        rows = shown_rows(CompetitorRow, onboarding.new_competitors(project, told["found"], brands))
        return _shown(request, project, Step.COMPETITORS, rows=rows, own_rows=blank_rows(CompetitorRow), **told)
    rows, own = posted_rows(CompetitorRow, request.POST), posted_rows(CompetitorRow, request.POST, own=True)
    if _brands_added(request, project, [*rows, *own]):
        return _onwards(request, project, Step.COMPETITORS)
    return _shown(request, project, Step.COMPETITORS, rows=rows, own_rows=own, status=422, **told)


def _brands_added(request: OrgRequest, project: Project, rows: list[CompetitorRow]) -> bool:
    wanted = [row for row in rows if row.wanted]
    if not all(row.is_valid() for row in wanted):
        return False
    added, problems = library.add_brands(project, [row.brand for row in wanted], actor=request.user)
    for place, taken in problems.items():
        wanted[place].add_error("domain" if taken.field == "domains" else "name", str(taken))
    if added:
        text = ngettext("%(count)d competitor was added.", "%(count)d competitors were added.", len(added))
        messages.success(request, text % {"count": len(added)})
    return not problems


def _prompts(request: OrgRequest, project: Project) -> HttpResponse:
    told = {**_suggesting(request, project, Step.PROMPTS), "counts": library.counts(project)}
    if request.method != "POST":
        suggested = onboarding.new_prompts(project, told["found"])
        initial = [{**row, "tags": ", ".join(row["tags"]), "branded": row["is_branded"]} for row in suggested]
        rows = shown_rows(PromptRowForm, initial)
        return _shown(request, project, Step.PROMPTS, rows=rows, own_form=OwnPromptsForm(), **told)
    rows, own_form = posted_rows(PromptRowForm, request.POST), OwnPromptsForm(request.POST)
    if _prompts_added(request, project, rows, own_form):
        return _onwards(request, project, Step.PROMPTS)
    return _shown(request, project, Step.PROMPTS, rows=rows, own_form=own_form, status=422, **told)


def _prompts_added(request: OrgRequest, project: Project, rows: list[PromptRowForm], typed: OwnPromptsForm) -> bool:
    wanted = [row for row in rows if row.wanted]
    if not all(row.is_valid() for row in wanted) or not typed.is_valid():
        return False
    own = onboarding.own_brand(project)
    names = (own.name, *own.aliases) if own else ()
    prompts = [row.prompt(project, line) for line, row in enumerate(wanted, 1)]
    prompts += onboarding.own_rows(project, typed.cleaned_data["lines"], names=names)
    if prompts and (done := library.add_prompts(project, prompts, actor=request.user)).added:
        text = ngettext("%(count)d prompt was added.", "%(count)d prompts were added.", done.added)
        messages.success(request, text % {"count": done.added})
    return True


def _engines(request: OrgRequest, project: Project) -> HttpResponse:
    choices = available_engines(project.org_id)
    chosen, errors = list(project.engines) or onboarding.proposed_engines(choices), []
    if request.method == "POST":
        chosen = list(dict.fromkeys(request.POST.getlist("engines")))
        errors = problems(chosen, choices=choices, kept=project.engines)
        if not chosen:
            errors = [_("Choose at least one engine, or skip this step.")]
        if not errors:
            library.choose_engines(project, chosen, actor=request.user)
            return _onwards(request, project, Step.ENGINES)
    groups = [group for group in grouped(choices, chosen=chosen) if group.available]
    closed = len({choice.engine.provider for choice in choices}) - len(groups)
    context = {"groups": groups, "closed": closed, "errors": errors, "counts": library.counts(project)}
    return _shown(request, project, Step.ENGINES, status=422 if errors else 200, **context)


def _scan(request: OrgRequest, project: Project) -> HttpResponse:
    if request.method == "POST":
        return _started(request, project)
    scan = Scan.objects.for_org(project.org_id).filter(project=project).order_by("-created_at", "-pk").first()
    if scan and scan.is_open:
        watched: dict[str, Any] = {"scan": scan, "progress": board_of(scan), "simulated": scan.simulated}
        return _shown(request, project, Step.SCAN, **watched)
    if scan and not project.setup_step:
        if scan.status in FINISHED:
            return redirect("project-overview", request.org.slug, project.slug)
        return redirect("scan", request.org.slug, project.slug, scan.pk)
    return _shown(request, project, Step.SCAN, **_basket(request, project))


def _basket(request: OrgRequest, project: Project) -> dict[str, Any]:
    """What would be asked, what it would about cost, and the step that solves what stands in its way."""
    plan = plan_of(request.org, project, running=None)
    competitors = Brand.objects.for_org(project.org_id).filter(project=project, is_own=False).count()
    fix = onboarding.address(project, Step.ENGINES if plan.prompts else Step.PROMPTS)
    return {"plan": plan, "competitors": competitors, "fix_url": fix}


def _started(request: OrgRequest, project: Project) -> HttpResponse:
    try:
        with transaction.atomic():  # nothing of a scan that cannot start stays
            start_scan(project, source=Scan.Source.BROWSER, actor=request.user)
            onboarding.finish(project)
    except CannotStart as problem:
        if problem.code in ("quota", "budget"):
            return render(request, "402.html", {"sentence": problem.message}, status=402)
        if problem.code != "already_running":
            messages.error(request, problem.message)
    return redirect(onboarding.address(project, Step.SCAN))


_HANDLERS: dict[str, Handler] = {
    Step.BRAND: _brand,
    Step.COMPETITORS: _competitors,
    Step.PROMPTS: _prompts,
    Step.ENGINES: _engines,
    Step.SCAN: _scan,
}
