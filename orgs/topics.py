"""What members may be notified of, by which channel, and what each of them wants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orgs.models import NotificationPreference
from orgs.roles import Permission, grants

if TYPE_CHECKING:
    from orgs.models import Membership


class Channel(StrEnum):
    IN_APP = "in_app"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """Kinds of event that people switch on and off together. Only members with `permission` are told; a personal topic
    tells whom an event concerns, member or no longer. `in_app` and `email` are what holds until somebody chooses."""

    key: str
    label: str | Promise
    help: str | Promise
    permission: Permission | None = None
    in_app: bool = True
    email: bool = False

    @property
    def is_personal(self) -> bool:
        return self.permission is None

    def default(self, channel: Channel) -> bool:
        return self.email if channel == Channel.EMAIL else self.in_app

    def is_for(self, role: str) -> bool:
        return self.permission is None or grants(role, self.permission)


_TOPICS: dict[str, Topic] = {}


def declare_topics(*topics: Topic) -> None:
    _TOPICS.update({topic.key: topic for topic in topics})


def topics() -> dict[str, Topic]:
    return dict(_TOPICS)


def topics_for(role: str) -> list[Topic]:
    return [topic for topic in _TOPICS.values() if topic.is_for(role)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What several users of an organization want. One query for all of them."""

    chosen: Mapping[tuple[int, str, str], bool]

    def wants(self, user_id: int, topic: Topic, channel: Channel) -> bool:
        return self.chosen.get((user_id, topic.key, channel.value), topic.default(channel))


def wishes_of(org_id: int, user_ids: Iterable[int]) -> Wishes:
    rows = NotificationPreference.objects.for_org(org_id).filter(user_id__in=list(user_ids))
    chosen = {(user_id, kind, channel): on for user_id, kind, channel, on in rows.values_list(*_COLUMNS)}
    return Wishes(chosen=chosen)


_COLUMNS = ("user_id", "kind", "channel", "enabled")


def choose(org_id: int, user_id: int, topic: Topic, channel: Channel, *, enabled: bool) -> None:
    NotificationPreference.objects.for_org(org_id).update_or_create(
        org_id=org_id, user_id=user_id, kind=topic.key, channel=channel.value, defaults={"enabled": enabled}
    )


def choose_all(membership: Membership, wanted: Iterable[tuple[str, Channel]]) -> None:
    """Every switch that this member has: on where it is `wanted`, off elsewhere."""
    on = set(wanted)
    rows = [
        NotificationPreference(
            org_id=membership.org_id,
            user_id=membership.user_id,
            kind=topic.key,
            channel=channel.value,
            enabled=(topic.key, channel) in on,
        )
        for topic in topics_for(membership.role)
        for channel in Channel
    ]
    NotificationPreference.objects.for_org(membership.org_id).bulk_create(
        rows, update_conflicts=True, unique_fields=["org", "user", "kind", "channel"], update_fields=["enabled"]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One topic and where it is on, for the table of switches."""

    topic: Topic
    in_app: bool
    email: bool


def switches_of(membership: Membership) -> list[Switch]:
    wishes = wishes_of(membership.org_id, [membership.user_id])

    def on(topic: Topic, channel: Channel) -> bool:
        return wishes.wants(membership.user_id, topic, channel)

    return [
        Switch(topic=topic, in_app=on(topic, Channel.IN_APP), email=on(topic, Channel.EMAIL))
        for topic in topics_for(membership.role)
    ]


declare_topics(
    Topic(
        key="access",
        label=_("Your own access"),
        help=_("Your role was changed, or you were added or removed."),
        email=True,
    ),
    Topic(
        key="members",
        label=_("Members"),
        help=_("Somebody joined or left, or has another role."),
        permission=Permission.MEMBERS_MANAGE,
    ),
    Topic(
        key="organization",
        label=_("The organization"),
        help=_("It has a new owner, is to be deleted, or an operator acted in it."),
        permission=Permission.ORG_EDIT,
        email=True,
    ),
)
