"""A member's notifications: what they may still see, how many are unread, and marking them read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Case, Count, IntegerField, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.safestring import SafeString

from orgs.live import READ, Told, tell
from orgs.models import Membership, Notification
from orgs.sentences import link_of, sentence_html
from orgs.topics import topics, topics_for

if TYPE_CHECKING:
    from django.db.models.expressions import Combinable

MOST = 100  # an unread count is not told beyond


def inbox_of(membership: Membership) -> QuerySet[Notification]:
    """Of the topics that the member's role may know of now, whatever it was then."""
    kinds = [topic.key for topic in topics_for(membership.role)]
    rows = Notification.objects.for_org(membership.org_id)
    return rows.filter(user_id=membership.user_id, in_app=True, kind__in=kinds)


def unread_of(membership: Membership) -> int:
    """At most `MOST`."""
    return inbox_of(membership).filter(read_at=None).order_by()[:MOST].count()


def unread_beside(membership: Membership) -> Combinable:
    """The same number for a query of memberships to bring along: only the row of this one has it."""
    unread = inbox_of(membership).filter(read_at=None).order_by().values("org_id").annotate(n=Count("pk")).values("n")
    return Case(
        When(pk=membership.pk, then=Coalesce(Subquery(unread, output_field=IntegerField()), 0)),
        default=Value(0),
        output_field=IntegerField(),
    )


def mark_read(membership: Membership, *, pk: int | None = None) -> int:
    """One notification, or all of them. How many were unread."""
    rows = inbox_of(membership).filter(read_at=None)
    marked = (rows if pk is None else rows.filter(pk=pk)).update(read_at=timezone.now())
    if marked:
        tell(Told(what=READ, org_id=membership.org_id, user_id=membership.user_id))
    return marked


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A notification as its reader sees it."""

    pk: int
    sentence: SafeString
    topic: str
    created_at: datetime
    unread: bool
    link: str


def lines_of(notifications: Iterable[Notification], *, org_slug: str) -> list[Line]:
    """Expects the events with their actors."""
    labels = {key: str(topic.label) for key, topic in topics().items()}
    return [
        Line(
            pk=row.pk,
            sentence=sentence_html(row.event, to=row.user_id),
            topic=labels.get(row.kind, row.kind),
            created_at=row.created_at,
            unread=row.read_at is None,
            link=link_of(row.event, org_slug),
        )
        for row in notifications
    ]
