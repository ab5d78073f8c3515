"""The guided setup of a project: its steps, where it goes on, and what each of them saves."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.urls import reverse

from orgs.models import Event, Organization
from orgs.roles import Permission
from prompts import library, suggest
from prompts.credentials import EngineChoice
from prompts.csv_import import PromptRow
from prompts.estimates import answer_cost
from prompts.icons import drawn_anew
from prompts.llm.types import Provider, Surface
from prompts.models import Brand, Project, ProjectIcon, Prompt, Suggestion
from prompts.prompt_text import prompt_key
from prompts.suggested import names_any

if TYPE_CHECKING:
    from accounts.models import User

Step = Project.SetupStep
Kind = Suggestion.Kind

STEPS: tuple[str, ...] = tuple(Step.values)
PERMISSIONS: dict[str, Permission] = {
    Step.BRAND: Permission.BRANDS_EDIT,
    Step.COMPETITORS: Permission.BRANDS_EDIT,
    Step.PROMPTS: Permission.PROMPTS_EDIT,
    Step.ENGINES: Permission.PROJECTS_EDIT,
    Step.SCAN: Permission.SCANS_START,
}
KINDS: dict[str, str] = {Step.BRAND: Kind.SITE, Step.COMPETITORS: Kind.COMPETITORS, Step.PROMPTS: Kind.PROMPTS}
_MAX_ICON = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One step as the row of steps shows it; `url` is empty while there is no project to have pages."""

    number: int
    label: str
    url: str
    current: bool
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandDetails:
    name: str
    website: str = ""
    description: str = ""
    country: str = ""
    language: str = ""


def marks(project: Project | None, *, current: str) -> list[Mark]:
    """Done is what lies before the step at which the setup goes on, and everything once it is over."""
    reached = STEPS.index(project.setup_step) if project and project.setup_step else len(STEPS) if project else 0
    return [
        Mark(
            number=place + 1,
            label=str(Step(step).label),
            url=address(project, step) if project else "",
            current=step == current,
            done=place < reached,
        )
        for place, step in enumerate(STEPS)
    ]


def address(project: Project, step: str) -> str:
    """Where a step is; the overview where the steps are over."""
    if not step:
        return reverse("project-overview", args=[project.org.slug, project.slug])
    return reverse("onboarding", args=[project.org.slug, project.slug, step])


def after(step: str) -> str:
    place = STEPS.index(step) + 1
    return STEPS[place] if place < len(STEPS) else ""


def before(step: str) -> str:
    return STEPS[max(0, STEPS.index(step) - 1)]


def advance(project: Project, *, past: str) -> str:
    """The step to show next, remembered. A setup that was over stays over."""
    following = after(past)
    rows = Project.objects.for_org(project.org_id).filter(pk=project.pk)
    rows.exclude(setup_step="").update(setup_step=following)
    return following


def finish(project: Project) -> None:
    Project.objects.for_org(project.org_id).filter(pk=project.pk).update(setup_step="")


def begin(org: Organization, details: BrandDetails, *, actor: User) -> Project:
    """A project with its own brand, in the middle of its setup. Raises `Taken`."""
    fields = library.ProjectFields(name=details.name, country=details.country, language=details.language)
    with transaction.atomic():
        project = library.create_project(org, fields, actor=actor)
        domains = (details.website,) if details.website else ()
        library.save_brand(
            project, library.BrandFields(name=details.name, domains=domains, is_own=True), brand=None, actor=actor
        )
        project.website, project.setup_step = details.website, Step.BRAND
        project.save(update_fields=["website", "setup_step"])
    return project


def called(org: Organization, name: str) -> Project | None:
    """The project that has the name already."""
    return Project.objects.for_org(org).filter(name__iexact=name, archived_at=None).order_by("pk").first()


def goes_on(project: Project, *, actor: User) -> bool:
    """Whether this is the setup that somebody is in the middle of."""
    begun = Event.objects.for_org(project.org_id).filter(name="project.created", actor=actor)
    mine = begun.filter(target_type=Project._meta.label_lower, target_id=project.pk)
    return bool(project.setup_step) and mine.exists()


def save_details(project: Project, own: Brand | None, details: BrandDetails, *, actor: User) -> None:
    """The brand as it is now told. Its project keeps the name that somebody gave it. Raises `Taken`."""
    same_name = own is None or project.name == own.name
    fields = library.ProjectFields(
        name=details.name if same_name else project.name,
        country=details.country,
        language=details.language,
        samples=project.samples,
    )
    with transaction.atomic():
        library.save_brand(project, _own_fields(project, own, details), brand=own, actor=actor)
        library.update_project(project, fields, actor=actor)
        project.website, project.description = details.website, details.description
        project.save(update_fields=["website", "description"])


def _own_fields(project: Project, own: Brand | None, details: BrandDetails) -> library.BrandFields:
    """The site that was told before gives way to the one told now; other domains stay."""
    kept = [domain for domain in own.domains if domain != project.website] if own else []
    told = [details.website] if details.website and details.website not in kept else []
    return library.BrandFields(
        name=details.name, aliases=tuple(own.aliases) if own else (), domains=(*told, *kept), is_own=True
    )


def own_brand(project: Project) -> Brand | None:
    return Brand.objects.for_org(project.org_id).filter(project=project, is_own=True).first()


def keep_icon(project: Project, encoded: str) -> bool:
    """The icon that its site offered, drawn once more; False where there is none in it."""
    try:
        png = drawn_anew(base64.b64decode(encoded[:_MAX_ICON], validate=True))
    except (binascii.Error, ValueError):
        png = None
    if png is None:
        return False
    ProjectIcon.objects.for_org(project.org_id).update_or_create(
        org_id=project.org_id, project=project, defaults={"png": png}
    )
    project.icon_digest = hashlib.sha256(png).hexdigest()[:16]
    project.save(update_fields=["icon_digest"])
    return True


def drop_icon(project: Project) -> None:
    ProjectIcon.objects.for_org(project.org_id).filter(project=project).delete()
    project.icon_digest = ""
    project.save(update_fields=["icon_digest"])


def offered(found: Suggestion | None) -> dict[str, Any]:
    """What the site says, as it was looked at last."""
    if found is None or found.status != Suggestion.Status.DONE or not found.result:
        return {}
    return dict(found.result[0])


def new_competitors(project: Project, found: Suggestion | None, brands: Sequence[Brand]) -> list[dict[str, Any]]:
    """Suggestions that are not tracked yet."""
    known = {name.casefold() for brand in brands for name in (brand.name, *brand.aliases)}
    known |= {domain for brand in brands for domain in brand.domains}
    rows = found.result if found else []
    return [row for row in rows if row["name"].casefold() not in known and row["domain"] not in known]


def new_prompts(project: Project, found: Suggestion | None) -> list[dict[str, Any]]:
    rows = found.result if found else []
    keys = [prompt_key(row["text"], project.country, row["language"]) for row in rows]
    live = Prompt.objects.for_org(project.org_id).filter(project=project, archived_at=None, key__in=keys)
    tracked = set(live.values_list("key", flat=True)) if keys else set()
    return [row for row, key in zip(rows, keys, strict=True) if key not in tracked]


def own_rows(project: Project, texts: Sequence[str], *, names: Sequence[str]) -> list[PromptRow]:
    """Questions that somebody typed, as they are tracked in this project."""
    return [
        PromptRow(
            line=line,
            text=text,
            country=project.country,
            language=project.language,
            is_branded=names_any(text, names),
        )
        for line, text in enumerate(texts, 1)
    ]


def proposed_engines(choices: Sequence[EngineChoice]) -> list[str]:
    """One of each provider that can be asked: the cheapest of those that search the web, as most assistants do."""
    best: dict[Provider, tuple[Any, ...]] = {}
    for place, choice in enumerate(choices):
        if choice.available:
            cost = answer_cost(choice.engine)
            searches = choice.engine.surface is Surface.WEB_SEARCH
            rank = (bool(choice.notice), not searches, cost is None, cost or 0, place, choice.engine.key)
            best[choice.engine.provider] = min(best.get(choice.engine.provider, rank), rank)
    return [str(rank[-1]) for rank in best.values()]


def ask_if_new(project: Project, step: str, *, actor: User) -> None:
    """Suggestions for a step that never had any; that none can be asked for is said on its page."""
    kind = KINDS.get(step)
    if kind is None or suggest.latest(project, kind) is not None:
        return
    try:
        suggest.ask_for(project, kind, actor=actor)
    except suggest.CannotSuggest:
        return
