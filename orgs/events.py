"""Events: declared by name, written in the caller's transaction, told to listeners once it has committed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.dispatch import Signal

from accounts.presence import origin

if TYPE_CHECKING:
    from accounts.models import User
    from orgs.models import Event, Organization

event_committed = Signal()  # sent with event_id, org_id and name, after the commit

_DECLARED: dict[str, str] = {}


class UndeclaredEvent(LookupError):
    """An event name that no app declared."""


def declare(events: Mapping[str, str] | None = None, /, **names: str) -> None:
    """Declare events by name, or by keyword: `scan_finished="A scan ended"` declares `scan.finished`."""
    _DECLARED.update(events or {})
    for name, meaning in names.items():
        _DECLARED[name.replace("_", ".", 1)] = meaning


def declared() -> dict[str, str]:
    return dict(_DECLARED)


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
    from orgs.models import Event

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
        event.target_label = str(target)[:200]
    event.save(force_insert=True)
    transaction.on_commit(partial(event_committed.send, sender=None, event_id=event.pk, org_id=org_id, name=name))
    return event


declare(
    org_created="An organization was created",
    org_renamed="An organization was renamed",
    membership_added="Somebody joined the organization",
)
