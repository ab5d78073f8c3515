"""A project's brands, prompts and engines: adding, changing and putting them away, each told as an event."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Q, QuerySet
from django.dispatch import Signal
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from accounts import formats
from orgs.events import difference, emit
from orgs.founding import first_free
from orgs.models import Organization
from prompts.brand_names import spellings_of
from prompts.csv_import import PromptRow
from prompts.models import Brand, Project, Prompt
from prompts.prompt_text import prompt_key

if TYPE_CHECKING:
    from accounts.models import User


# Sent with `project` and `actor` in the transaction that archives it: whoever works for the project stops.
project_archived = Signal()


class Taken(ValueError):
    """Something of that name is there already. `field` is the form's field."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFields:
    name: str
    country: str = ""
    language: str = ""
    samples: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandFields:
    name: str
    aliases: Sequence[str] = ()
    domains: Sequence[str] = ()
    is_own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFields:
    text: str
    tags: Sequence[str] = ()
    country: str = ""
    language: str = ""
    is_branded: bool = False
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    added: int
    already: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    active: int
    paused: int
    archived: int
    total: int


def create_project(org: Organization, fields: ProjectFields, *, actor: User | None) -> Project:
    """Raises `Taken` when a project of the organization has that name."""
    slugs = set(Project.objects.for_org(org).values_list("slug", flat=True))
    slug = first_free(slugify(fields.name)[:50].strip("-_") or "project", slugs)
    project = Project(org=org, slug=slug, **_values(fields))
    _refuse_taken_name(project)
    _save_or_taken(project, message=_name_taken(fields.name))
    emit(org, "project.created", actor=actor, target=project, after=_held(project, fields), data=_at(project))
    return project


def update_project(project: Project, fields: ProjectFields, *, actor: User | None) -> None:
    """The slug stays: it is in people's bookmarks. Raises `Taken`."""
    before = _held(project, fields)
    for name, value in _values(fields).items():
        setattr(project, name, value)
    _refuse_taken_name(project)
    project.save(update_fields=list(_values(fields)))
    changed = difference(before, _held(project, fields))
    emit(project.org_id, "project.updated", actor=actor, target=project, data=_at(project), **changed)


def archive_project(project: Project, *, actor: User | None) -> bool:
    live = Project.objects.for_org(project.org_id).filter(pk=project.pk, archived_at=None)
    with transaction.atomic():
        if not live.update(archived_at=timezone.now()):
            return False
        emit(project.org_id, "project.archived", actor=actor, target=project, data=_at(project))
        project_archived.send(sender=None, project=project, actor=actor)
    return True


def restore_project(project: Project, *, actor: User | None) -> bool:
    """Raises `Taken` when another project has its name meanwhile."""
    _refuse_taken_name(project)
    away = Project.objects.for_org(project.org_id).filter(pk=project.pk, archived_at__isnull=False)
    if not away.update(archived_at=None):
        return False
    project.archived_at = None
    emit(project.org_id, "project.restored", actor=actor, target=project, data=_at(project))
    return True


def archived_projects(org: Organization) -> QuerySet[Project]:
    """The latest first."""
    return Project.objects.for_org(org).filter(archived_at__isnull=False).order_by("-archived_at", "-pk")


def choose_engines(project: Project, keys: Sequence[str], *, actor: User | None) -> None:
    before = {"engines": project.engines}
    project.engines = list(dict.fromkeys(keys))
    project.save(update_fields=["engines"])
    changed = difference(before, {"engines": project.engines})
    data = {"engines": project.engines, **_at(project)}
    emit(project.org_id, "project.updated", actor=actor, target=project, data=data, **changed)


def save_brand(project: Project, fields: BrandFields, *, brand: Brand | None = None, actor: User | None) -> Brand:
    """Add a brand, or change `brand`. Raises `Taken` for a second own brand, and for a name, alias or domain that
    another brand of the project has: every mention of it would be counted for one of them alone."""
    Project.objects.for_org(project.org_id).select_for_update(no_key=True).get(pk=project.pk)  # one brand at a time
    refuse_taken(project, fields, brand=brand)
    before = _held(brand, fields) if brand else None
    brand = brand or Brand(org_id=project.org_id, project=project)
    for name, value in _values(fields).items():
        setattr(brand, name, list(value) if isinstance(value, tuple) else value)
    try:
        with transaction.atomic():
            brand.save()
    except IntegrityError as error:
        if "prompts_brand_one_own" in str(error):  # somebody else's came in between
            raise Taken(_("Another brand is this project's own one meanwhile."), field="is_own") from error
        raise Taken(
            _("This project has a brand called %(name)s already.") % {"name": formats.isolated(fields.name)},
            field="name",
        ) from error
    changed = difference(before, _held(brand, fields))
    emit(project.org_id, "brand.saved", actor=actor, target=brand, data=_in(project), **changed)
    return brand


def add_brands(
    project: Project, rows: Sequence[BrandFields], *, actor: User | None
) -> tuple[list[Brand], dict[int, Taken]]:
    """Several new brands: all of them, or none and, by their place, what keeps them out. Those that are tracked
    already, with the same name and domains, are left as they are: a form that is sent twice is no mistake."""
    Project.objects.for_org(project.org_id).select_for_update(no_key=True).get(pk=project.pk)  # one brand at a time
    known = list(Brand.objects.for_org(project.org_id).filter(project=project))
    added: list[Brand] = []
    problems: dict[int, Taken] = {}
    new = [(place, fields) for place, fields in enumerate(rows) if not any(_is(brand, fields) for brand in known)]
    for place, fields in new:
        try:
            _refuse_shared(fields, [*known, *added])
        except Taken as taken:
            problems[place] = taken
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in _values(fields).items()}
        added.append(Brand(org_id=project.org_id, project=project, **values))
    if problems:
        return [], problems
    for brand, (_place, fields) in zip(added, new, strict=True):
        brand.save(force_insert=True)
        after = _held(brand, fields)
        emit(project.org_id, "brand.saved", actor=actor, target=brand, after=after, data=_in(project))
    return added, {}


def _is(brand: Brand, fields: BrandFields) -> bool:
    same = brand.name.casefold() == fields.name.casefold() and brand.is_own == fields.is_own
    return same and set(fields.domains) <= set(brand.domains) and set(fields.aliases) <= set(brand.aliases)


def refuse_taken(project: Project, fields: BrandFields, *, brand: Brand | None = None) -> None:
    """Raises `Taken` as `save_brand` would for what is stored now."""
    brands = Brand.objects.for_org(project.org_id).filter(project=project)
    others = brands.exclude(pk=brand.pk) if brand else brands
    if own := fields.is_own and others.filter(is_own=True).first():
        known = {"name": formats.isolated(own.name)}
        raise Taken(_("%(name)s is this project's own brand. Change that first.") % known, field="is_own")
    _refuse_shared(fields, others)


def _refuse_shared(fields: BrandFields, others: Iterable[Brand]) -> None:
    names: dict[str, Brand] = {}
    domains: dict[str, Brand] = {}
    for other in others:
        names |= {spelling: other for name in (other.name, *other.aliases) for spelling in spellings_of(name)}
        domains |= dict.fromkeys(other.domains, other)
    given = [("name", fields.name), *(("aliases", alias) for alias in fields.aliases)]
    for field, name in given:
        if owner := next((names[spelling] for spelling in spellings_of(name) if spelling in names), None):
            raise Taken(
                _("“%(name)s” would also be found as the brand %(brand)s, which is tracked already.")
                % {"name": formats.isolated(name), "brand": formats.isolated(owner.name)},
                field=field,
            )
    for domain in fields.domains:
        if domain in domains:
            raise Taken(
                _("%(domain)s is a domain of %(brand)s already.") % {"domain": domain, "brand": domains[domain].name},
                field="domains",
            )


def remove_brand(brand: Brand, *, actor: User | None) -> None:
    data = {"name": brand.name, "project": brand.project_id}
    before = {name: getattr(brand, name) for name in BrandFields.__slots__}
    emit(brand.org_id, "brand.removed", actor=actor, target=brand, before=before, data=data)
    brand.delete()


_INSERT = """
INSERT INTO prompts_prompt
  (org_id, project_id, text, key, tags, country, language, is_branded, is_active, created_at)
SELECT %(org)s, %(project)s, row.text, row.key, row.tags, row.country, row.language, row.is_branded, true, %(now)s
FROM ROWS FROM (jsonb_to_recordset(%(rows)s::jsonb)
  AS (text text, key text, tags text[], country text, language text, is_branded boolean)) WITH ORDINALITY AS row
ORDER BY row.ordinality
ON CONFLICT DO NOTHING
"""


def add_prompts(project: Project, rows: Sequence[PromptRow], *, actor: User | None) -> Added:
    """Track questions; those that are tracked already are left as they are."""
    # Two pastes of the same questions would otherwise wait for each other's rows in a circle.
    Project.objects.for_org(project.org_id).select_for_update(no_key=True).get(pk=project.pk)
    named = [{name: getattr(row, name) for name in (*_COLUMNS, "key")} for row in rows]
    values: dict[str, Any] = {
        "org": project.org_id,
        "project": project.pk,
        "now": timezone.now(),
        "rows": json.dumps(named),
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, values)
        added = cursor.rowcount
    if added:
        emit(project.org_id, "prompts.added", actor=actor, target=project, data={"count": added})
    return Added(added=added, already=len(rows) - added)


_COLUMNS = ("text", "tags", "country", "language", "is_branded")


def edit_prompt(prompt: Prompt, fields: PromptFields, *, actor: User | None) -> None:
    """Answers keep the question as it was asked. Raises `Taken` when another prompt asks the same."""
    before = _held(prompt, fields)
    for name, value in _values(fields).items():
        setattr(prompt, name, list(value) if isinstance(value, tuple) else value)
    prompt.key = prompt_key(prompt.text, prompt.country, prompt.language)
    _save_or_taken(prompt, message=str(TRACKED), field="text")
    changed = difference(before, _held(prompt, fields))
    data = {"project": prompt.project_id}
    emit(prompt.org_id, "prompt.updated", actor=actor, target=prompt, data=data, **changed)


TRACKED = _lazy("This question is tracked already for this country and language.")


def archive_prompt(prompt: Prompt, *, actor: User | None) -> bool:
    prompt.archived_at = timezone.now()
    live = Prompt.objects.for_org(prompt.org_id).filter(pk=prompt.pk, archived_at=None)
    if not live.update(archived_at=prompt.archived_at):
        return False
    emit(prompt.org_id, "prompt.archived", actor=actor, target=prompt, data={"project": prompt.project_id})
    return True


def restore_prompt(prompt: Prompt, *, actor: User | None) -> bool:
    """Raises `Taken` when the question was added again meanwhile."""
    away = Prompt.objects.for_org(prompt.org_id).filter(pk=prompt.pk, archived_at__isnull=False)
    try:
        with transaction.atomic():
            restored = away.update(archived_at=None)
    except IntegrityError as error:
        raise Taken(str(TRACKED), field="text") from error
    prompt.archived_at = None
    if restored:
        emit(prompt.org_id, "prompt.restored", actor=actor, target=prompt, data={"project": prompt.project_id})
    return bool(restored)


_STATES = {
    "active": Q(archived_at=None, is_active=True),
    "paused": Q(archived_at=None, is_active=False),
    "archived": Q(archived_at__isnull=False),
}


def counts(project: Project) -> Counts:
    """How many prompts there are in each state. One query."""
    aggregates: dict[str, Any] = {name: Count("pk", filter=state) for name, state in _STATES.items()}
    prompts = Prompt.objects.for_org(project.org_id).filter(project=project)
    return Counts(**prompts.aggregate(total=Count("pk"), **aggregates))


def find_prompts(
    project: Project, *, q: str = "", tag: str = "", state: str = "", branded: bool | None = None
) -> QuerySet[Prompt]:
    """The project's prompts in a state (`active`, `paused`, `archived`; empty: all that are not archived)."""
    found = Prompt.objects.for_org(project.org_id).filter(project=project)
    if state != "all":
        found = found.filter(_STATES.get(state, Q(archived_at=None)))
    if q:
        found = found.filter(text__icontains=q)
    if tag:
        found = found.filter(tags__contains=[tag])
    return found if branded is None else found.filter(is_branded=branded)


def tags_of(project: Project) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT unnest(tags) AS tag FROM prompts_prompt"
            " WHERE org_id = %s AND project_id = %s AND archived_at IS NULL ORDER BY tag LIMIT 200",
            [project.org_id, project.pk],
        )
        return [tag for (tag,) in cursor.fetchall()]


def _values(fields: ProjectFields | BrandFields | PromptFields) -> dict[str, Any]:
    return {name: getattr(fields, name) for name in type(fields).__slots__}


def _held(row: Project | Brand | Prompt, fields: ProjectFields | BrandFields | PromptFields) -> dict[str, Any]:
    """What the row has where `fields` may change it."""
    return {name: getattr(row, name) for name in type(fields).__slots__}


def _at(project: Project) -> dict[str, Any]:
    """What leads to the project's page, whatever it is called by then."""
    return {"project": project.pk, "project_slug": project.slug}


def _in(project: Project) -> dict[str, Any]:
    return {"project": project.pk, "project_name": project.name, "project_slug": project.slug}


def _name_taken(name: str) -> str:
    return _("There is a project called %(name)s already.") % {"name": formats.isolated(name)}


def _refuse_taken_name(project: Project) -> None:
    others = Project.objects.for_org(project.org_id).filter(name__iexact=project.name, archived_at=None)
    if others.exclude(pk=project.pk).exists():
        raise Taken(_name_taken(project.name), field="name")


def _save_or_taken(row: Project | Prompt, *, message: str, field: str = "name") -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Taken(message, field=field) from error
