"""Which engines a project asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts import formats
from orgs.access import OrgRequest, org_view
from orgs.roles import Permission
from prompts import library
from prompts.credentials import EngineChoice, available_engines
from prompts.engine_names import engine_label
from prompts.estimates import answer_cost
from prompts.llm import catalog
from prompts.llm.types import Surface
from prompts.views import READ_OR_POST, project_of, require

SURFACES = {Surface.MODEL: _lazy("Model alone"), Surface.WEB_SEARCH: _lazy("Web search")}


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRow:
    key: str
    label: str
    model: str
    surface: str
    surface_label: str
    price: str
    checked: bool
    available: bool
    reason: str
    rate: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineGroup:
    provider: str
    available: bool
    simulated: bool
    reason: str
    engines: list[EngineRow]


@org_view(Permission.PROJECTS_VIEW)
@require_http_methods(READ_OR_POST)
def engines(request: OrgRequest, project_slug: str) -> HttpResponse:
    project = project_of(request, project_slug)
    choices, chosen, errors = available_engines(request.org.pk), list(project.engines), []
    if request.method == "POST":
        require(request, Permission.PROJECTS_EDIT)
        chosen = list(dict.fromkeys(request.POST.getlist("engines")))
        errors = problems(chosen, choices=choices, kept=project.engines)
        if not errors:
            library.choose_engines(project, chosen, actor=request.user)
            messages.success(request, _chosen(len(chosen)))
            return redirect("engines", request.org.slug, project.slug)
    groups = grouped(choices, chosen=chosen)
    context = {"project": project, "groups": groups, "errors": errors, "nav": "engines"}
    return render(request, "prompts/engines.html", context, status=422 if errors else 200)


def problems(chosen: Sequence[str], *, choices: Sequence[EngineChoice], kept: Sequence[str] = ()) -> list[str]:
    """Why these engines cannot be chosen. One that was chosen before its key went away may stay."""
    known = {choice.engine.key: choice for choice in choices}
    unknown = [_("There is no engine “%(key)s”.") % {"key": key[:80]} for key in chosen if key not in known]
    offered = [known[key] for key in chosen if key in known]
    missing = [choice for choice in offered if not choice.available and choice.engine.key not in kept]
    return unknown + [f"{engine_label(choice.engine.label)}: {choice.reason}" for choice in missing]


def grouped(choices: Sequence[EngineChoice], *, chosen: Sequence[str]) -> list[EngineGroup]:
    """Engines by provider, in the order of the catalog."""
    groups = []
    for provider, members in groupby(choices, key=lambda choice: choice.engine.provider):
        group = list(members)
        available = any(choice.available for choice in group)
        groups.append(
            EngineGroup(
                provider=provider.label,
                available=available,
                simulated=any(choice.simulated for choice in group),
                reason="" if available else group[0].reason,
                engines=[_row(choice, checked=choice.engine.key in chosen) for choice in group],
            )
        )
    return groups


def _row(choice: EngineChoice, *, checked: bool) -> EngineRow:
    engine = choice.engine
    limits = settings.LLM_REQUESTS_PER_MINUTE
    return EngineRow(
        key=engine.key,
        label=engine_label(engine.label),
        model=engine.model,
        surface=engine.surface.value,
        surface_label=str(SURFACES[engine.surface]),
        price=_price(engine),
        checked=checked,
        available=choice.available,
        reason=choice.reason or choice.notice,
        rate=limits.get("simulated" if choice.simulated else engine.provider.value),
    )


def _price(engine: catalog.Engine) -> str:
    cost = answer_cost(engine)
    if cost is None:
        return ""
    return _("about %(cost)s an answer") % {"cost": formats.dollars(formats.number(cost, digits=4))}


def _chosen(count: int) -> str:
    if not count:
        return _("No engine is chosen now. Choose at least one before the next scan.")
    chosen = ngettext(
        "%(number)s engine will be asked from the next scan on.",
        "%(number)s engines will be asked from the next scan on.",
        count,
    )
    return chosen % {"number": formats.number(count)}
