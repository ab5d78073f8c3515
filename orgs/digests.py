"""Letters in a storm: after a few of one kind within an hour, the rest of that kind wait and come in one letter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.mail import send, site_link
from accounts.preferences import as_read_by
from orgs.models import Membership, Notification
from orgs.scoping import all_orgs_scope, org_scope
from orgs.sentences import plain, sentence_of
from orgs.topics import Channel, Topic, topics, wishes_of
from orgs.unsubscribing import address_for, headers_for

AT_ONCE = 3  # letters of one topic that a member gets within WINDOW before the rest are gathered
WINDOW = timedelta(hours=1)
TOLD = 20  # sentences in one letter
_BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """When a letter of one topic goes to each of some members: at once, or with others later."""

    later: Mapping[tuple[int, str], datetime]

    def gathered_until(self, user_id: int, topic: Topic) -> datetime | None:
        """None: at once. What concerns somebody personally never waits."""
        return None if topic.is_personal else self.later.get((user_id, topic.key))


def post_for(org_id: int, user_ids: Iterable[int], topic: Topic | None) -> Post:
    """One query."""
    if topic is None:
        return Post(later={})
    now = timezone.now()
    rows = Notification.objects.for_org(org_id).filter(
        Q(emailed_at__gt=now - WINDOW) | Q(letter_due_at__isnull=False), user_id__in=list(user_ids), kind=topic.key
    )
    sent = Count("pk", filter=Q(emailed_at__isnull=False))
    found = rows.order_by().values("user_id").annotate(sent=sent, due=Min("letter_due_at"))
    later = {
        (row["user_id"], topic.key): row["due"] or now + WINDOW
        for row in found
        if row["due"] is not None or row["sent"] >= AT_ONCE
    }
    return Post(later=later)


def send_gathered() -> int:
    """Every letter whose time has come, each in a transaction of its own. How many."""
    with all_orgs_scope("letters that were gathered"):
        due = Notification.all_orgs.filter(letter_due_at__lte=timezone.now())
        found = list(due.order_by().values_list("org_id", "user_id", "kind").distinct()[:_BATCH])
    return sum(_send(org_id, user_id, kind) for org_id, user_id, kind in found)


def _send(org_id: int, user_id: int, kind: str) -> bool:
    with org_scope(org_id):
        waiting = Notification.objects.for_org(org_id).filter(user_id=user_id, kind=kind, letter_due_at__isnull=False)
        rows = list(
            waiting.select_for_update(of=("self",), skip_locked=True)
            .select_related("event__actor", "event__impersonator")
            .order_by("pk")
        )
        membership = _still_told(org_id, user_id, topics().get(kind))
        if rows and membership is not None:
            _write(membership, topics()[kind], rows)
        emailed = timezone.now() if membership else None
        waiting.filter(pk__in=[row.pk for row in rows]).update(letter_due_at=None, emailed_at=emailed)
    return bool(rows and membership)


def _still_told(org_id: int, user_id: int, topic: Topic | None) -> Membership | None:
    """Whoever has left, may know less by now, or does not want these letters any more gets none."""
    members = Membership.objects.for_org(org_id).filter(user_id=user_id, user__is_active=True)
    membership = members.select_related("user", "org").first()
    if topic is None or membership is None or not membership.org.is_open or not topic.is_for(membership.role):
        return None
    return membership if wishes_of(org_id, [user_id]).wants(user_id, topic, Channel.EMAIL) else None


def _write(membership: Membership, topic: Topic, rows: list[Notification]) -> None:
    user, org = membership.user, membership.org
    address = address_for(org.pk, user.pk, topic)
    with as_read_by(user):
        context = {
            "org_name": plain(org.name),
            "topic": str(topic.label),
            "sentences": [sentence_of(row.event, to=user.pk) for row in rows[-TOLD:]],
            "more": max(0, len(rows) - TOLD),
            "total": len(rows),
            "unsubscribe_url": address,
            "action_url": site_link(reverse("notifications", args=[org.slug])),
            "action_label": _("See them in Prompter"),
        }
        send("digest", to=user, context=context, headers=headers_for(address))
