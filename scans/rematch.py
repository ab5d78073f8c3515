"""Looking through stored answers again when a project's brands have changed: mentions, and whose the citations are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from orgs.models import Event
from orgs.scoping import all_orgs_scope
from prompts.llm.types import Citation as CitedUrl
from scans.citations import BrandDomains, clean_citations
from scans.findings import BrandSet, brand_set, insert_mentions
from scans.mentions import MATCHER_VERSION
from scans.models import Answer, Citation, Mention, Rematch

EVENTS = ("brand.saved", "brand.removed")
PAGE = 500  # answers in one transaction
STEP = 50  # of them between two statements: a transaction that stands idle while it matches long texts would be ended
BATCH = 1_000
SETTLED = timedelta(seconds=30)  # after which no runner stores with the brands of before
SLACK = timedelta(seconds=60)  # an answer carries the time at which its transaction began
PATIENCE = timedelta(seconds=60)  # that a page may take before the sweep takes the work up


def remember(event: Event) -> None:
    """In the change's own transaction: whatever happens to messages, the answers will be looked through."""
    row = Rematch(org_id=event.org_id, project_id=event.data["project"], change=event.pk)
    row.changed_at, row.due_at = Now(), Now() + PATIENCE
    Rematch.objects.for_org(event.org_id).bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["org", "project"],
        update_fields=["change", "changed_at", "second", "after", "due_at"],
    )


def rematch_next(org_id: int, change: int) -> bool:
    """Look through the next page with the brands as they are now, in the caller's transaction and scope. False when
    there is nothing left to do now, or somebody else is at it. Doing a page again changes nothing."""
    rows = Rematch.objects.for_org(org_id).filter(change=change)
    row = rows.first()
    if row is None:
        return False  # a later change has begun anew
    since = row.changed_at - SLACK if row.second else None
    last = _rematch_page(org_id, row.project_id, after=row.after, since=since)
    mine = rows.filter(second=row.second, after=row.after)
    if last is not None:
        return bool(mine.update(after=last, due_at=Now() + PATIENCE))
    if row.second:
        mine.delete()
    else:
        mine.update(second=True, after=0, due_at=F("changed_at") + SETTLED)
    return False


_TAKE_UP = """
UPDATE scans_rematch SET due_at = now() + %s * interval '1 second' FROM (
  SELECT id FROM scans_rematch WHERE due_at <= now() ORDER BY due_at LIMIT 100 FOR UPDATE SKIP LOCKED
) due WHERE scans_rematch.id = due.id RETURNING org_id, change
"""


def take_up_due() -> list[tuple[int, int]]:
    """(organization, change) of what nobody is at: its message was lost, or its second look is due."""
    with all_orgs_scope("rematch"), connection.cursor() as cursor:
        cursor.execute(_TAKE_UP, [PATIENCE.total_seconds()])
        due: list[tuple[int, int]] = cursor.fetchall()
    return due


def _rematch_page(org_id: int, project_id: int, *, after: int, since: datetime | None) -> int | None:
    """The next answers behind id `after`, of those stored after `since`. Returns the last id, None at the end."""
    answers = Answer.objects.for_org(org_id).filter(project_id=project_id, pk__gt=after, status=Answer.Status.SUCCEEDED)
    if since is not None:
        answers = answers.filter(finished_at__gte=since)
    locked = answers.select_for_update(no_key=True).order_by("pk").only("org_id", "text", "matcher_version")
    page = list(locked[:PAGE])
    if not page:
        return None
    # Read behind the lock: of two that take turns at a page, the later one has the later brands.
    brands = brand_set(org_id, project_id)
    for start in range(0, len(page), STEP):
        _rewrite(org_id, page[start : start + STEP], brands)
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
