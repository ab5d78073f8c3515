"""What a project's latest scan found, for its first page, and what every project of an organization stands at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import formats
from orgs.charts import Chart
from orgs.models import Organization
from prompts.engine_names import engine_label
from prompts.llm import catalog
from prompts.llm.types import Surface
from prompts.models import Brand, Project
from scans import charts, verdicts
from scans.models import Scan
from scans.tallies import Estimate, Tally, own_visibility, tally

TOP_DOMAINS = 10
TOP_BRANDS = 12
COURSE = 12  # scans of which the first page draws the course
FINISHED = (Scan.Status.DONE, Scan.Status.PARTIAL)
SURFACES = {Surface.MODEL.value: _("Model alone"), Surface.WEB_SEARCH.value: _("Web search")}


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineName:
    """An engine as people read it, also one that has left the catalog."""

    key: str
    label: str
    model: str
    surface_label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRow:
    label: str
    surface_label: str
    visibility: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandRow:
    pk: int
    name: str
    own: bool
    share: float
    answers: int
    voice: Estimate | None = None  # the share with its interval


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainRow:
    domain: str
    kind: str
    answers: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    scan: Scan
    window: str
    verdict: str
    visibility: Estimate | None
    engines: Chart | None
    brands: list[BrandRow]
    voices: Chart
    course: Chart | None
    place: str
    domains: list[DomainRow]
    domains_verdict: str
    could_cite: int
    answers: int
    failed: int
    cut_off: int  # answers that visibility leaves out: cut off before they named the brand
    branded: Estimate | None  # visibility among branded prompts, which no other number here counts


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRow:
    project: Project
    brand: str
    prompts: int
    engines: int
    scan: Scan | None
    visibility: Estimate | None


def engine_name(key: str) -> EngineName:
    try:
        engine = catalog.get(key)
    except catalog.UnknownEngine:
        model, _, surface = key.partition(":")[2].rpartition("/")
        return EngineName(key=key, label=model or key, model=model, surface_label=str(SURFACES.get(surface, surface)))
    return EngineName(
        key=key, label=engine_label(engine.label), model=engine.model, surface_label=str(SURFACES[engine.surface.value])
    )


def overview_of(scans: Sequence[Scan], brands: Sequence[Brand]) -> Overview:
    """Of finished scans, newest first: what the first of them found, and the course of all. Four queries."""
    scan = scans[0]
    everything = tally(scan.org_id, scan.pk)
    counts, branded = everything.of_prompts(branded=False), everything.of_prompts(branded=True)
    own = next((brand for brand in brands if brand.is_own), None)
    engines = engine_rows(scan, counts, own) if own else []
    rows = brand_rows(counts, brands)
    own_row = next((row for row in rows if row.own), None)
    could_cite = counts.succeeded(surface=f"/{Surface.WEB_SEARCH}")
    domains, citing_own = cited_domains(scan, answers=could_cite)
    visibility = counts.visibility(own.pk) if own else None
    top = domains[0] if domains else None
    shown = with_intervals(shown_brands(rows), counts, brands)
    seen = own_visibility(scan.org_id, [one.pk for one in scans]) if own and len(scans) > 1 else {}
    return Overview(
        scan=scan,
        window=window_of([scan]),
        verdict=verdicts.on_visibility(rows, visibility),
        visibility=visibility,
        engines=charts.engines_chart(engines, title=verdicts.on_engines(engines, own.name)) if own else None,
        brands=shown,
        voices=charts.brands_chart(shown, title=verdicts.on_brands(rows), answers=counts.succeeded()),
        course=charts.course_chart(scans[::-1], seen, brand=own.name) if own else None,
        place=verdicts.place(rows, own_row) if own_row else "",
        domains=domains,
        domains_verdict=verdicts.on_domains(top.domain if top else "", top.share if top else 0.0, citing_own),
        could_cite=could_cite,
        answers=counts.succeeded(),
        failed=counts.failed,
        cut_off=counts.succeeded() - visibility.n if visibility else 0,
        branded=branded.visibility(own.pk) if own and branded.answers else None,
    )


def engine_rows(scan: Scan, counts: Tally, own: Brand) -> list[EngineRow]:
    names = [engine_name(key) for key in scan.engines]
    return [
        EngineRow(label=n.label, surface_label=n.surface_label, visibility=counts.visibility(own.pk, engine=n.key))
        for n in names
    ]


def brand_rows(counts: Tally, brands: Sequence[Brand]) -> list[BrandRow]:
    """Biggest first; share of voice is of the whole answers that name any tracked brand, each naming counted."""
    whole = {brand.pk: counts.naming_whole(brand.pk) for brand in brands}
    total = sum(whole.values())
    rows = [
        BrandRow(
            pk=brand.pk,
            name=brand.name,
            own=brand.is_own,
            share=whole[brand.pk] / total if total else 0.0,
            answers=counts.naming(brand.pk),
        )
        for brand in brands
    ]
    return sorted(rows, key=lambda row: (-row.answers, not row.own, row.name))


def shown_brands(rows: Sequence[BrandRow]) -> list[BrandRow]:
    """The biggest, and the own one wherever it stands."""
    return [row for place, row in enumerate(rows) if place < TOP_BRANDS or row.own]


def with_intervals(rows: Sequence[BrandRow], counts: Tally, brands: Sequence[Brand]) -> list[BrandRow]:
    pks = [brand.pk for brand in brands]
    return [replace(row, voice=counts.share_of_voice(row.pk, brand_ids=pks)) for row in rows]


_DOMAINS = """
WITH cited AS (
  SELECT citation.domain, citation.kind, citation.answer_id FROM scans_citation citation
  JOIN scans_answer answer ON answer.id = citation.answer_id AND answer.status = 'succeeded' AND answer.text <> ''
  JOIN prompts_prompt prompt ON prompt.id = answer.prompt_id AND prompt.org_id = %(org)s AND NOT prompt.is_branded
  WHERE citation.org_id = %(org)s AND answer.org_id = %(org)s AND answer.scan_id = %(scan)s
    AND citation.cited AND citation.domain <> ''
)
SELECT domain, mode() WITHIN GROUP (ORDER BY kind), count(DISTINCT answer_id),
  (SELECT count(DISTINCT answer_id) FROM cited WHERE kind = 'own')
FROM cited GROUP BY domain ORDER BY 3 DESC, count(*) DESC, domain LIMIT %(limit)s
"""


def cited_domains(scan: Scan, *, answers: int, limit: int = TOP_DOMAINS) -> tuple[list[DomainRow], float]:
    """The domains that most answers cite, and the share of those that cite an own one, of `answers` that could."""
    with connection.cursor() as cursor:
        cursor.execute(_DOMAINS, {"org": scan.org_id, "scan": scan.pk, "limit": limit})
        found = cursor.fetchall()
    whole = max(answers, 1)
    rows = [DomainRow(domain=name, kind=kind, answers=n, share=min(1.0, n / whole)) for name, kind, n, _ in found]
    return rows, (min(1.0, found[0][3] / whole) if found else 0.0)


def latest_scans(project: Project, *, finished: int = 1) -> tuple[list[Scan], Scan | None]:
    """(the latest that finished, newest first; the one that is open). One query."""
    scans = Scan.objects.for_org(project.org_id).filter(project=project)
    recent = scans.filter(status__in=FINISHED).order_by("-created_at", "-pk").values("pk")[:finished]
    both = list(scans.filter(Q(status__in=Scan.OPEN) | Q(pk__in=recent)).order_by("-created_at", "-pk"))
    return [scan for scan in both if not scan.is_open], next((scan for scan in both if scan.is_open), None)


def live_projects(org: Organization) -> QuerySet[Project]:
    """With the number of prompts that are asked, as `project_rows` takes them."""
    asked = Q(prompts__archived_at=None, prompts__is_active=True)
    projects = Project.objects.for_org(org).filter(archived_at=None)
    return projects.annotate(active_prompts=Count("prompts", filter=asked))


def project_rows(org: Organization, listed: Sequence[Project]) -> list[ProjectRow]:
    """Where these projects stand, by name. Four queries."""
    listed = sorted(listed, key=lambda project: project.name.casefold())
    pks = [project.pk for project in listed]
    brands = dict(Brand.objects.for_org(org).filter(is_own=True, project__in=pks).values_list("project_id", "name"))
    recent = Scan.objects.for_org(org).filter(project__in=pks).order_by("project_id", "-created_at", "-pk")
    latest = {scan.project_id: scan for scan in recent.distinct("project_id")}
    finished = dict(recent.filter(status__in=FINISHED).distinct("project_id").values_list("project_id", "pk"))
    seen = own_visibility(org.pk, finished.values())
    return [_project_row(project, brands, latest, seen.get(finished.get(project.pk, 0))) for project in listed]


def _project_row(
    project: Any, brands: dict[int, str], latest: dict[int, Scan], visibility: Estimate | None
) -> ProjectRow:
    return ProjectRow(
        project=project,
        brand=brands.get(project.pk, ""),
        prompts=project.active_prompts,
        engines=len(project.engines),
        scan=latest.get(project.pk),
        visibility=visibility,
    )


def window_of(scans: Iterable[Scan]) -> str:
    """The days that the scans ran on, as in `27 Jul - 2 Aug 2026`, or one day."""
    times = [moment for scan in scans for moment in (scan.created_at, scan.finished_at) if moment is not None]
    first, last = (timezone.localdate(moment) for moment in (min(times), max(times)))
    if first == last:
        return formats.day(first)
    begin = formats.day(first, style="short_day" if first.year == last.year else "day")
    return f"{begin} \u2013 {formats.day(last)}"
