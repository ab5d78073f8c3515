"""From events to notifications: whoever may know of one and wants to is told, once, in the list and by mail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from orgs.digests import Post, post_for
from orgs.events import declared
from orgs.letters import Letter
from orgs.live import NOTIFIED, Told, tell
from orgs.models import Event, Membership, Notification, PendingEvent
from orgs.scoping import all_orgs_scope, org_scope
from orgs.sentences import concerned
from orgs.topics import Channel, Topic, Wishes, topics, wishes_of

BATCH = 500
AGAIN = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    user: User
    topic: Topic
    is_member: bool


def announce(org_id: int, event_id: int) -> int:
    """Notify of a pending event, in one transaction: a second copy of the message finds nothing pending. How many."""
    with org_scope(org_id):
        deleted, _by_model = PendingEvent.objects.for_org(org_id).filter(event_id=event_id).delete()
        if not deleted:
            return 0
        event = Event.objects.for_org(org_id).select_related("org", "actor", "impersonator").get(pk=event_id)
        recipients = list(recipients_of(event))
        wishes = wishes_of(org_id, [recipient.user.pk for recipient in recipients])
        return len(_notify(event, recipients, wishes))


def recipients_of(event: Event) -> Iterator[Recipient]:
    """Never who did it; whom it concerns first, and everybody once."""
    told, known = declared()[event.name], topics()
    topic, own_topic = known.get(told.topic_of(event)), known.get(told.concerns)
    members = Membership.objects.for_org(event.org_id).filter(user__is_active=True).select_related("user")
    by_id = {membership.user_id: membership for membership in members.order_by("pk")}
    person = concerned(event) if own_topic else None
    silent = {event.impersonator_id or event.actor_id, person}
    if own_topic and person is not None and person != (event.impersonator_id or event.actor_id):
        user = by_id[person].user if person in by_id else User.objects.filter(pk=person, is_active=True).first()
        if user is not None:
            yield Recipient(user=user, topic=own_topic, is_member=person in by_id)
    for user_id, membership in by_id.items():
        if topic and user_id not in silent and topic.is_for(membership.role):
            yield Recipient(user=membership.user, topic=topic, is_member=True)


def _notify(event: Event, recipients: list[Recipient], wishes: Wishes) -> list[Notification]:
    emails = declared()[event.name].emails
    made: list[tuple[Recipient, Notification]] = []
    post = _post(event, recipients)
    for recipient in recipients:
        user_id, topic = recipient.user.pk, recipient.topic
        in_app = recipient.is_member and wishes.wants(user_id, topic, Channel.IN_APP)
        emailed = emails and wishes.wants(user_id, topic, Channel.EMAIL)
        if in_app or emailed:
            row = Notification(org_id=event.org_id, user_id=user_id, event=event, kind=topic.key, in_app=in_app)
            row.letter_due_at = post.gathered_until(user_id, topic) if emailed else None
            row.emailed_at = timezone.now() if emailed and row.letter_due_at is None else None
            made.append((recipient, row))
    rows = Notification.objects.for_org(event.org_id).bulk_create([row for _, row in made])
    letter = Letter(event)
    for recipient, row in made:
        if row.emailed_at:
            letter.write(recipient.user, recipient.topic, is_member=recipient.is_member)
        if row.in_app:
            tell(Told(what=NOTIFIED, org_id=event.org_id, user_id=row.user_id, notification_id=row.pk))
    return rows


def _post(event: Event, recipients: list[Recipient]) -> Post:
    topic = next((one.topic for one in recipients if not one.topic.is_personal), None)
    return post_for(event.org_id, [one.user.pk for one in recipients], topic)


def waiting() -> list[tuple[int, int]]:
    """Organization and event of what should have been told by now. Each comes again later and later until it is."""
    now = timezone.now()
    with all_orgs_scope("events that nobody was told of"):
        due = PendingEvent.all_orgs.filter(due_at__lte=now).order_by("due_at")
        rows = list(due.select_for_update(skip_locked=True)[:BATCH])
        for row in rows:
            row.due_at = now + max(AGAIN, now - row.created_at)
        PendingEvent.all_orgs.bulk_update(rows, ["due_at"])
    return [(row.org_id, row.event_id) for row in rows]
