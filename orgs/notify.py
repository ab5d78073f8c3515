"""From events to notifications: whoever may know of one and wants to is told, once, in the list and by mail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.mail import send, site_link
from accounts.models import User
from orgs.events import declared
from orgs.live import NOTIFIED, Told, tell
from orgs.models import Event, Membership, Notification, PendingEvent
from orgs.scoping import all_orgs_scope, org_scope
from orgs.sentences import concerned, link_of, plain, sentence_of
from orgs.topics import Channel, Topic, Wishes, topics, wishes_of

if TYPE_CHECKING:
    from collections.abc import Mapping

BATCH = 500
AGAIN = timedelta(seconds=30)
_SALT = "orgs.unsubscribe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    user: User
    topic: Topic
    is_member: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a link in a mail ends."""

    org_id: int
    user_id: int
    topic: Topic


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


def _notify(event: Event, recipients: Iterable[Recipient], wishes: Wishes) -> list[Notification]:
    emails = declared()[event.name].emails
    made: list[tuple[Recipient, Notification]] = []
    for recipient in recipients:
        user_id, topic = recipient.user.pk, recipient.topic
        in_app = recipient.is_member and wishes.wants(user_id, topic, Channel.IN_APP)
        emailed = emails and wishes.wants(user_id, topic, Channel.EMAIL)
        if in_app or emailed:
            row = Notification(org_id=event.org_id, user_id=user_id, event=event, kind=topic.key, in_app=in_app)
            row.emailed_at = timezone.now() if emailed else None
            made.append((recipient, row))
    rows = Notification.objects.for_org(event.org_id).bulk_create([row for _, row in made])
    for recipient, row in made:
        if row.emailed_at:
            _write_letter(event, recipient)
        if row.in_app:
            tell(Told(what=NOTIFIED, org_id=event.org_id, user_id=row.user_id, notification_id=row.pk))
    return rows


def _write_letter(event: Event, recipient: Recipient) -> None:
    """Kept with the notification, in the same transaction, so that neither is there without the other."""
    user, org = recipient.user, event.org
    unsubscribe = site_link(reverse("unsubscribe", args=[token_for(org.pk, user.pk, recipient.topic)]))
    with translation.override(user.language or settings.LANGUAGE_CODE):
        link = link_of(event, org.slug) or reverse("notifications", args=[org.slug])
        context = {
            "org_name": plain(org.name),
            "sentence": sentence_of(event, to=user.pk),
            "topic": recipient.topic.label,
            "unsubscribe_url": unsubscribe,
            "action_url": site_link(link) if recipient.is_member and org.is_open else "",
            "action_label": _("See it in Prompter"),
        }
        send("event", to=user, context=context, headers=_unsubscribe_headers(unsubscribe))


def _unsubscribe_headers(address: str) -> Mapping[str, str]:
    """RFC 8058: the reader's mail program unsubscribes by one POST, without asking them to sign in."""
    return {"List-Unsubscribe": f"<{address}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def token_for(org_id: int, user_id: int, topic: Topic) -> str:
    return signing.dumps([org_id, user_id, topic.key], salt=_SALT)


def subscription_of(token: str) -> Subscription | None:
    """None where the link is not ours, or names what is no topic any more."""
    try:
        org_id, user_id, key = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        return None
    topic = topics().get(key)
    return Subscription(org_id=org_id, user_id=user_id, topic=topic) if topic else None


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
