"""What the next scan of a project would ask, what it would about cost, and what stands in its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from orgs.models import Organization
from prompts import budgets
from prompts.credentials import EngineChoice, available_engines
from prompts.engine_names import engine_label
from prompts.models import Brand, Project, Prompt
from scans import room
from scans.forecast import Forecast, forecast_of
from scans.launch import CannotStart
from scans.models import Scan


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`problem` is empty where the scan can start, else a sentence with the address where it is solved, or that of the
    budget that is used up; `forecast` is None where it cannot, and for a scan of nothing."""

    prompts: int
    engines: int
    samples: int
    forecast: Forecast | None
    problem: str
    problem_url: str
    budget_url: str
    running: Scan | None

    @property
    def answers(self) -> int:
        return self.prompts * self.engines * self.samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    done: bool
    sentence: str
    url: str


def plan_of(org: Organization, project: Project, *, running: Scan | None, prompts: int | None = None) -> Plan:
    """Five queries, two more where there is a budget, and another where it is not known yet how many `prompts` would be
    asked."""
    if prompts is None:
        prompts = Prompt.objects.for_org(org).filter(project=project, is_active=True, archived_at=None).count()
    known = {choice.engine.key: choice for choice in available_engines(org.pk)}
    chosen = [known[key] for key in project.engines if key in known]
    problem, address = _problem(project, prompts, chosen)
    budget_url, forecast = "", None
    if not problem and not running:
        levels = budgets.levels(org.pk, project=project)
        if found := room.blocked(levels, chosen):
            problem, budget_url = str(budgets.refusal(found[0], limit=found[1])), _budget_url(org, found[0])
        else:
            forecast = forecast_of(project, chosen, asked=prompts * project.samples)
            forecast = replace(forecast, budget=room.missing(project, levels, forecast))
    return Plan(
        prompts=prompts,
        engines=len(project.engines),
        samples=project.samples,
        forecast=forecast,
        problem=problem,
        problem_url=reverse(address, args=[org.slug, project.slug]) if address else "",
        budget_url=budget_url,
        running=running,
    )


def _budget_url(org: Organization, level: budgets.Level) -> str:
    if level.project is None:
        return reverse("budgets", args=[org.slug])
    return reverse("project-budget", args=[org.slug, level.project.slug])


def forecast_for(project: Project, *, engines: Sequence[str] | None = None, samples: int | None = None) -> Forecast:
    """What `start_scan` with these would ask and cost, and what stands of it in this month's budgets. Raises
    `CannotStart` for an engine that cannot be asked."""
    keys = list(dict.fromkeys(project.engines if engines is None else engines))
    known = {choice.engine.key: choice for choice in available_engines(project.org_id)}
    for key in keys:
        if key not in known:
            raise CannotStart(gettext_noop("There is no engine %(key)s."), code="engine_unavailable", key=key)
        if not known[key].available:
            raise CannotStart(known[key].reason, code="engine_unavailable")
    prompts = Prompt.objects.for_org(project.org_id).filter(project=project, is_active=True, archived_at=None).count()
    asked = prompts * (project.samples if samples is None else samples)
    chosen = [known[key] for key in keys]
    forecast, levels = forecast_of(project, chosen, asked=asked), budgets.levels(project.org_id, project=project)
    found = room.blocked(levels, chosen)
    short = budgets.refusal(found[0], limit=found[1]) if found else room.missing(project, levels, forecast)
    return replace(forecast, budget=short)


def setup_of(org: Organization, project: Project, *, brands: list[Brand], plan: Plan) -> list[Step]:
    """The way from an empty project to its first result."""

    def step(done: bool, sentence: str, name: str) -> Step:
        return Step(done=done, sentence=sentence, url=reverse(name, args=[org.slug, project.slug]))

    ready = bool(plan.prompts) and not plan.problem_url
    return [
        step(any(brand.is_own for brand in brands), _("Add your own brand"), "brands"),
        step(any(not brand.is_own for brand in brands), _("Add the competitors to compare with"), "brands"),
        step(bool(plan.prompts), _("Add the questions that buyers ask"), "prompts"),
        step(bool(plan.engines) and (ready or not plan.prompts), _("Choose the engines to ask"), "engines"),
        step(False, _("Start the first scan"), "scans"),
    ]


def _problem(project: Project, prompts: int, chosen: list[EngineChoice]) -> tuple[str, str]:
    if not prompts:
        return _("There are no active prompts to ask."), "prompts"
    if not project.engines:
        return _("No engine is chosen."), "engines"
    if len(chosen) < len(project.engines):
        return _("An engine that was chosen is not offered any more."), "engines"
    closed = next((choice for choice in chosen if not choice.available), None)
    return (f"{engine_label(closed.engine.label)}: {closed.reason}", "engines") if closed else ("", "")
