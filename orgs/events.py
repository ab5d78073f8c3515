"""Events: declared by name, written in the caller's transaction, told to listeners once it has committed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.dispatch import Signal
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.presence import origin

if TYPE_CHECKING:
    from accounts.models import User
    from orgs.models import Event, Organization

_GRACE = timedelta(seconds=20)  # that the message has before the sweep does its work
event_written = Signal()  # sent with the event, in its transaction: what must not be lost is written beside it
event_committed = Signal()  # sent with event_id, org_id and name, after the commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What an event means. `meaning` names the kind in lists; `sentence` tells one: `{actor}`, `{target}`, and what
    `before`, `after` and `data` hold by name, as in `{before.role}`; `personal` tells it to the person whom it concerns
    (the `user` in `data`, or the target where that is a user). `topic` is what members are notified under, `concerns`
    what that person is. `link` is a page's name and the places of its arguments after the organization's slug.
    `emails` is off where letters of their own are written. `letter` is the template of one that says more than the
    sentence, and `details` what it needs, in the reader's language."""

    meaning: str | Promise
    sentence: str | Promise = ""
    personal: str | Promise = ""
    topic: str | Callable[[Event], str] = ""
    concerns: str = ""
    link: tuple[str, ...] = ()
    emails: bool = True
    letter: str = "event"
    details: Callable[[Event], dict[str, Any]] | None = None

    @property
    def notifies(self) -> bool:
        return bool(self.topic or self.concerns)

    def topic_of(self, event: Event) -> str:
        return self.topic if isinstance(self.topic, str) else self.topic(event)


_DECLARED: dict[str, Declared] = {}


class UndeclaredEvent(LookupError):
    """An event name that no app declared."""


def declare(events: Mapping[str, str | Promise | Declared] | None = None, /, **names: str | Promise | Declared) -> None:
    """Declare events by name, or by keyword: `scan_finished=_("A scan ended")` declares `scan.finished`. A text is the
    meaning alone: the event is recorded, and nobody is notified."""
    by_keyword = {name.replace("_", ".", 1): declared for name, declared in names.items()}
    for name, declared in {**(events or {}), **by_keyword}.items():
        _DECLARED[name] = declared if isinstance(declared, Declared) else Declared(meaning=declared)


def declared() -> dict[str, Declared]:
    return dict(_DECLARED)


def difference(before: dict[str, Any] | None, after: dict[str, Any]) -> dict[str, dict[str, Any] | None]:
    """`before` and `after` for `emit`, with only what is not the same in both; nothing where all is."""
    if before is None:
        return {"before": None, "after": after}
    names = [name for name in after if before.get(name) != after[name]]
    changed = {name: before.get(name) for name in names}, {name: after[name] for name in names}
    return {"before": changed[0] or None, "after": changed[1] or None}


def _label_of(target: models.Model) -> str:
    """The row outlives the account of a person, so it keeps no address of theirs: their name, or the address masked."""
    from accounts.models import User
    from accounts.records import masked

    return (target.name or masked(target.email)) if isinstance(target, User) else str(target)


def emit(
    org: Organization | int,
    name: str,
    *,
    actor: User | None = None,
    target: models.Model | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
) -> Event:
    """Write one event row of `org` in the caller's transaction; `before` and `after` are what changed, never secrets.
    Raises `UndeclaredEvent`."""
    from orgs.models import Event, PendingEvent
    from orgs.webhooks.offers import is_offered
    from orgs.webhooks.queue import enqueue

    if name not in _DECLARED:
        raise UndeclaredEvent(f"{name!r} is not declared; known: {', '.join(sorted(_DECLARED))}")
    org_id = org if isinstance(org, int) else org.pk
    came_from = origin()
    event = Event(
        org_id=org_id,
        name=name,
        actor=actor,
        impersonator_id=came_from.impersonator_id,
        address=came_from.address,
        before=before,
        after=after,
        data=data or {},
    )
    if target is not None:
        event.target_type = target._meta.label_lower
        event.target_id = target.pk
        event.target_label = _label_of(target)[:200]
    event.save(force_insert=True)
    if _DECLARED[name].notifies:
        PendingEvent(org_id=org_id, event=event, due_at=timezone.now() + _GRACE).save(force_insert=True)
    if is_offered(name):
        enqueue(event)
    event_written.send(sender=None, event=event)
    transaction.on_commit(partial(event_committed.send, sender=None, event_id=event.pk, org_id=org_id, name=name))
    return event


declare(
    {
        "org.created": Declared(
            meaning=_("An organization was created"), sentence=_("{actor} created the organization {target}")
        ),
        "org.renamed": Declared(
            meaning=_("An organization was renamed"),
            sentence=_("{actor} renamed the organization from {before.name} to {after.name}"),
        ),
        "org.retention_changed": _("How long an organization's scans are kept was changed"),
        "org.logo_changed": Declared(
            meaning=_("The organization's logo was changed"), sentence=_("{actor} changed the organization's logo")
        ),
        "org.deletion_asked": Declared(
            meaning=_("The organization is to be deleted"),
            sentence=_("{actor} asked for the organization to be deleted"),
            topic="organization",
            emails=False,
        ),
        "org.deletion_cancelled": Declared(
            meaning=_("The organization's deletion was cancelled"),
            sentence=_("{actor} cancelled the organization's deletion"),
            topic="organization",
        ),
        "org.deleted": Declared(
            meaning=_("The organization was deleted"), sentence=_("The organization {target} was deleted")
        ),
        "ownership.transferred": Declared(
            meaning=_("The organization has a new owner"),
            sentence=_("{actor} made {target} the organization's owner"),
            personal=_("{actor} made you the organization's owner"),
            topic="organization",
            concerns="access",
        ),
        "membership.added": Declared(
            meaning=_("Somebody joined the organization"),
            sentence=_("{target} joined the organization as {after.role}"),
            personal=_("You were added to the organization as {after.role}"),
            topic="members",
            concerns="access",
            link=("members",),
        ),
        "membership.role_changed": Declared(
            meaning=_("A member's role was changed"),
            sentence=_("{actor} changed the role of {target} from {before.role} to {after.role}"),
            personal=_("{actor} changed your role from {before.role} to {after.role}"),
            topic="members",
            concerns="access",
            link=("members",),
        ),
        "membership.removed": Declared(
            meaning=_("A member was removed"),
            sentence=_("{actor} removed {target} from the organization"),
            personal=_("{actor} removed you from the organization"),
            topic="members",
            concerns="access",
            link=("members",),
        ),
        "membership.left": Declared(
            meaning=_("A member left the organization"),
            sentence=_("{target} left the organization"),
            topic="members",
            link=("members",),
        ),
        "invitation.sent": Declared(
            meaning=_("Somebody was invited"), sentence=_("{actor} invited {target} as {after.role}")
        ),
        "invitation.resent": Declared(
            meaning=_("An invitation was sent again"), sentence=_("{actor} sent the invitation of {target} again")
        ),
        "invitation.revoked": Declared(
            meaning=_("An invitation was revoked"), sentence=_("{actor} revoked the invitation of {target}")
        ),
        "invitation.accepted": Declared(
            meaning=_("An invitation was accepted"),
            sentence=_("{actor} accepted the invitation of {target}"),
            topic="members",
            link=("members",),
        ),
        "impersonation.started": Declared(
            meaning=_("An operator began to act as a member"),
            sentence=_("{actor} began to act as {target}"),
            personal=_("{actor} began to act as you, to help"),
            topic="organization",
            concerns="access",
        ),
        "impersonation.ended": Declared(
            meaning=_("An operator stopped acting as a member"), sentence=_("{actor} stopped acting as {target}")
        ),
        "audit.exported": Declared(
            meaning=_("The audit log was exported"), sentence=_("{actor} exported the audit log")
        ),
        "admin.changed": Declared(
            meaning=_("An operator changed something"), sentence=_("{actor} changed {target} as an operator")
        ),
        "admin.deleted": Declared(
            meaning=_("An operator deleted something"), sentence=_("{actor} deleted {target} as an operator")
        ),
    }
)
