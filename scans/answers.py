"""One answer as its page shows it, and many as the table of a scan does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, DecimalField, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils.safestring import SafeString

from orgs.keyset import Sorts
from scans.models import Answer, Citation, Mention
from scans.overview import engine_name
from scans.reasons import reason_of
from scans.rendering import Mark, render_answer


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedBrand:
    name: str
    own: bool
    rank: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLine:
    pk: int
    prompt_text: str
    engine_label: str
    surface_label: str
    status: str
    mentioned: list[NamedBrand]
    citations: int
    latency: float | None
    cost: Decimal | None
    truncated: bool
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CitationLine:
    url: str
    title: str
    domain: str
    kind: str
    brand: str
    cited: bool
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    model: str
    finish_reason: str
    truncated: bool
    input_tokens: int
    output_tokens: int
    cost: Decimal | None
    latency: float | None
    finished_at: datetime | None
    attempts: int
    request_id: str


# What the table of a scan can be sorted by; what failed has neither cost nor time and comes before what is free.
SORTS: Sorts = {
    "prompt": "prompt_text",
    "engine": "engine",
    "time": Coalesce("latency_ms", Value(-1)),
    "cost": Coalesce("cost", Value(Decimal(-1)), output_field=DecimalField()),
}


def without_texts(answers: QuerySet[Answer]) -> QuerySet[Answer]:
    return answers.defer("text", "searches")


def answer_lines(answers: Sequence[Answer]) -> list[AnswerLine]:
    """Two queries."""
    named: dict[int, list[NamedBrand]] = defaultdict(list)
    cited: dict[int, int] = {}
    if answers:
        sources = Citation.objects.for_org(answers[0].org_id).filter(
            answer__in=[answer.pk for answer in answers], cited=True
        )
        cited = dict(sources.order_by().values_list("answer_id").annotate(number=Count("pk")))
        mentions = Mention.objects.for_org(answers[0].org_id).filter(answer__in=[answer.pk for answer in answers])
        first = mentions.order_by("answer_id", "rank", "brand_id", "start").distinct("answer_id", "rank", "brand_id")
        for mention in first.select_related("brand"):
            named[mention.answer_id].append(NamedBrand(name=mention.brand.name, own=mention.brand.is_own))
    return [_line(answer, named[answer.pk], citations=cited.get(answer.pk, 0)) for answer in answers]


def _line(answer: Answer, named: list[NamedBrand], *, citations: int) -> AnswerLine:
    engine = engine_name(answer.engine)
    return AnswerLine(
        pk=answer.pk,
        prompt_text=answer.prompt_text,
        engine_label=engine.label,
        surface_label=engine.surface_label,
        status=answer.status,
        mentioned=named,
        citations=citations,
        latency=_seconds(answer.latency_ms),
        cost=answer.cost,
        truncated=answer.is_truncated,
        error=reason_of(answer.error_kind, answer.error, answer.error_values),
    )


def mentions_of(answer: Answer) -> list[Mention]:
    return list(Mention.objects.for_org(answer.org_id).filter(answer=answer).select_related("brand").order_by("start"))


def answer_html(answer: Answer, mentions: Sequence[Mention]) -> SafeString:
    marks = [
        Mark(start=m.start, end=m.end, brand_id=m.brand_id, name=m.brand.name, own=m.brand.is_own) for m in mentions
    ]
    return render_answer(answer.text, marks)


def named_brands(mentions: Sequence[Mention]) -> list[NamedBrand]:
    """By rank, each with the number of its mentions."""
    grouped: dict[int, list[Mention]] = defaultdict(list)
    for mention in mentions:
        grouped[mention.brand_id].append(mention)
    found = [
        NamedBrand(name=of[0].brand.name, own=of[0].brand.is_own, rank=of[0].rank, count=len(of))
        for of in grouped.values()
    ]
    return sorted(found, key=lambda brand: (brand.rank, brand.name))


def citation_lines(answer: Answer) -> list[CitationLine]:
    rows = Citation.objects.for_org(answer.org_id).filter(answer=answer).select_related("brand").order_by("position")
    return [
        CitationLine(
            url=row.url if row.url.startswith(("http://", "https://")) else "",
            title=row.title,
            domain=row.domain,
            kind=row.kind,
            brand=row.brand.name if row.brand else "",
            cited=row.cited,
            position=row.position,
        )
        for row in rows
    ]


def meta_of(answer: Answer) -> Meta:
    return Meta(
        model=answer.model,
        finish_reason=answer.finish_reason,
        truncated=answer.is_truncated,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        cost=answer.cost,
        latency=_seconds(answer.latency_ms),
        finished_at=answer.finished_at,
        attempts=answer.attempts,
        request_id=answer.request_id,
    )


def neighbours(answer: Answer) -> tuple[int | None, int | None]:
    """The answers before and after it in its scan, by turn. One query."""
    others = Answer.objects.for_org(answer.org_id).filter(scan_id=answer.scan_id)
    before = others.filter(turn__lt=answer.turn).order_by("-turn").values_list("turn", "pk")[:1]
    after = others.filter(turn__gt=answer.turn).order_by("turn").values_list("turn", "pk")[:1]
    found = dict(before.union(after))
    previous = next((pk for turn, pk in found.items() if turn < answer.turn), None)
    return previous, next((pk for turn, pk in found.items() if turn > answer.turn), None)


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
