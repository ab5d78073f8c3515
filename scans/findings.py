"""What stands in a reply: its text made storable, the brands it names, the addresses it cites."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from prompts.llm.types import Reply
from prompts.models import Brand
from scans.citations import BrandDomains, CleanCitation, clean_citations
from scans.mentions import MATCHER_VERSION, BrandSpec, MentionExtractor, Span, first_ranks
from scans.models import Mention

FRESH = 5.0  # seconds that a project's brands are taken as read


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    text: str
    spans: tuple[Span, ...]
    citations: tuple[CleanCitation, ...]


@dataclass(frozen=True, slots=True)
class BrandSet:
    """A project's brands, compiled."""

    fingerprint: tuple[tuple[object, ...], ...]
    extractor: MentionExtractor
    domains: tuple[BrandDomains, ...]

    def find(self, reply: Reply) -> Findings:
        text = storable(reply.text)
        spans = tuple(self.extractor.extract(text))
        citations = tuple(clean_citations(reply.citations, self.domains))
        return Findings(text=text, spans=spans, citations=citations)


class BrandSets:
    """Compiled once per brand set: read again every few seconds, compiled again only when it has changed."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[float, BrandSet]] = {}

    def of(self, org_id: int, project_id: int) -> BrandSet:
        """Call it inside the organization's scope."""
        read_at, known = self._known.get(project_id, (0.0, None))
        if known is None or time.monotonic() - read_at > FRESH:
            known = brand_set(org_id, project_id, known=known)
            self._known[project_id] = (time.monotonic(), known)
        return known

    def forget(self) -> None:
        self._known.clear()


def brand_set(org_id: int, project_id: int, *, known: BrandSet | None = None) -> BrandSet:
    """The brands as they are now; `known` itself where they have not changed. Call it inside the scope."""
    brands = Brand.objects.for_org(org_id).filter(project_id=project_id).order_by("-is_own", "pk")
    fingerprint = tuple((b.pk, b.name, tuple(b.aliases), tuple(b.domains), b.is_own) for b in brands)
    if known is not None and known.fingerprint == fingerprint:
        return known
    return _compiled(brands, fingerprint)


def mention_rows(org_id: int, answer_id: int, spans: Iterable[Span]) -> list[Mention]:
    """Not saved yet."""
    spans = list(spans)
    ranks = first_ranks(spans)
    return [
        Mention(
            org_id=org_id,
            answer_id=answer_id,
            brand_id=span.brand_id,
            start=span.start,
            end=span.end,
            kind=span.kind.value,
            text=span.surface_text,
            rank=ranks[span.brand_id],
            matcher_version=MATCHER_VERSION,
        )
        for span in spans
    ]


def storable(text: str) -> str:
    """Text that Postgres takes, each code point still in its place: NUL and lone surrogates become U+FFFD."""
    text = text.replace("\x00", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
    return text


def _compiled(brands: Iterable[Brand], fingerprint: tuple[tuple[object, ...], ...]) -> BrandSet:
    brands = list(brands)
    specs = [BrandSpec(id=b.pk, name=b.name, aliases=tuple(b.aliases), domains=tuple(b.domains)) for b in brands]
    domains = tuple(BrandDomains(brand_id=b.pk, domains=tuple(b.domains), is_own=b.is_own) for b in brands)
    return BrandSet(fingerprint, MentionExtractor(specs), domains)
