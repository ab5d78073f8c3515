"""What stands in a reply: its text made storable, the brands it names, the addresses it cites."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

from prompts.llm.types import Reply
from prompts.models import Brand
from scans.citations import BrandDomains, CleanCitation, clean_citations
from scans.mentions import MATCHER_VERSION, BrandSpec, MentionExtractor, Span, first_ranks

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


_INSERT_MENTIONS = """
INSERT INTO scans_mention (org_id, answer_id, brand_id, start, "end", kind, text, rank, matcher_version)
SELECT %s, answer_id, brand_id, start, "end", kind, text, rank, %s FROM json_to_recordset(%s::json)
  AS m(answer_id bigint, brand_id bigint, start int, "end" int, kind text, text text, rank smallint)
"""
_INSERT_CITATIONS = """
INSERT INTO scans_citation
  (org_id, answer_id, brand_id, url, normalized_url, domain, title, kind, position, cited)
SELECT %s, answer_id, brand_id, url, normalized_url, domain, title, kind, position, cited
FROM json_to_recordset(%s::json) AS c(answer_id bigint, brand_id bigint, url text, normalized_url text, domain text,
  title text, kind text, position smallint, cited boolean)
"""


def insert_mentions(org_id: int, found: Mapping[int, Iterable[Span]]) -> None:
    """Spans by answer, in one statement and without a model object for each: a scan of thousands brings hundreds of
    thousands. Call it inside the scope."""
    rows = [row for answer_id, spans in found.items() for row in _mention_rows(answer_id, list(spans))]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_INSERT_MENTIONS, [org_id, MATCHER_VERSION, json.dumps(rows)])


def insert_citations(org_id: int, found: Mapping[int, Iterable[CleanCitation]]) -> None:
    """Citations by answer, as `insert_mentions`."""
    rows = [
        {
            "answer_id": answer_id,
            "brand_id": one.brand_id,
            "url": one.url,
            "normalized_url": one.normalized_url,
            "domain": one.domain,
            "title": one.title,
            "kind": one.kind.value,
            "position": one.position,
            "cited": one.cited,
        }
        for answer_id, citations in found.items()
        for one in citations
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_INSERT_CITATIONS, [org_id, json.dumps(rows)])


def _mention_rows(answer_id: int, spans: list[Span]) -> Iterator[dict[str, Any]]:
    ranks = first_ranks(spans)
    for span in spans:
        yield {
            "answer_id": answer_id,
            "brand_id": span.brand_id,
            "start": span.start,
            "end": span.end,
            "kind": span.kind.value,
            "text": span.surface_text,
            "rank": ranks[span.brand_id],
        }


def storable_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """A sentence's values, and those of the sentences in it, with text that Postgres takes."""
    return {name: _storable_value(value) for name, value in values.items()}


def _storable_value(value: Any) -> Any:
    if isinstance(value, dict):
        return storable_values(value)
    return storable(value) if isinstance(value, str) else value


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
