"""Looking through stored answers again when a project's brands have changed: mentions, and whose the citations are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from orgs.models import Event
from prompts.llm.types import Citation as CitedUrl
from scans.citations import BrandDomains, clean_citations
from scans.findings import BrandSet, brand_set, insert_mentions
from scans.mentions import MATCHER_VERSION
from scans.models import Answer, Citation, Mention

EVENTS = ("brand.saved", "brand.removed")
PAGE = 500  # answers in one transaction
BATCH = 1_000
SETTLED = 30  # seconds after which no runner stores with the brands of before
SLACK = timedelta(seconds=60)  # an answer carries the time at which its transaction began


def rematch_page(org_id: int, event_id: int, *, after: int = 0, latest_only: bool = False) -> int | None:
    """Look through the next answers behind id `after` with the brands as they are now, in the caller's transaction and
    scope; `latest_only` leaves out those that were stored well before the event. Returns the last id, None at the end.
    Doing it again changes nothing."""
    event = Event.objects.for_org(org_id).filter(pk=event_id, name__in=EVENTS).first()
    if event is None:
        return None
    answers = Answer.objects.for_org(org_id).filter(
        project_id=event.data.get("project"), pk__gt=after, status=Answer.Status.SUCCEEDED
    )
    if latest_only:
        answers = answers.filter(finished_at__gte=event.created_at - SLACK)
    locked = answers.select_for_update(no_key=True).order_by("pk").only("org_id", "text", "matcher_version")
    page = list(locked[:PAGE])
    if not page:
        return None
    # Read behind the lock: of two that take turns at a page, the later one has the later brands.
    _rewrite(org_id, page, brand_set(org_id, event.data["project"]))
    return page[-1].pk if len(page) == PAGE else None


def _rewrite(org_id: int, page: Sequence[Answer], brands: BrandSet) -> None:
    pks = [answer.pk for answer in page]
    Mention.objects.for_org(org_id).filter(answer_id__in=pks).delete()
    insert_mentions(org_id, {answer.pk: brands.extractor.extract(answer.text) for answer in page})
    older = [answer.pk for answer in page if answer.matcher_version != MATCHER_VERSION]
    Answer.objects.for_org(org_id).filter(pk__in=older).update(matcher_version=MATCHER_VERSION)
    citations = Citation.objects.for_org(org_id).filter(answer_id__in=pks)
    changed = _reowned(citations, brands.domains)
    Citation.objects.for_org(org_id).bulk_update(changed, ["kind", "brand"], batch_size=BATCH)


def _reowned(citations: Iterable[Citation], domains: Sequence[BrandDomains]) -> list[Citation]:
    """Those that are somebody else's now, not saved yet."""
    changed = []
    for citation in citations:
        for now in clean_citations([CitedUrl(url=citation.url, title=citation.title)], domains):
            if (citation.kind, citation.brand_id) != (now.kind.value, now.brand_id):
                citation.kind, citation.brand_id = now.kind.value, now.brand_id
                changed.append(citation)
    return changed
