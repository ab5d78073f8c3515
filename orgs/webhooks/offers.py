"""The events that an organization's own systems may be told of, and what each of them tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.functional import Promise

from orgs.events import UndeclaredEvent, declared

if TYPE_CHECKING:
    from orgs.models import Event, Organization

VERSION = "1"  # of the payloads; a field may be added to it, nothing else changes
TEST = "webhook.test"

Data = Callable[["Event"], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """`data` makes what is told, inside the organization's scope, soon after the event."""

    name: str
    data: Data

    @property
    def label(self) -> str | Promise:
        return declared()[self.name].meaning


_OFFERS: dict[str, Offer] = {}


def offer(name: str, *, data: Data) -> None:
    """Make a declared event public. Raises `UndeclaredEvent`."""
    if name not in declared():
        raise UndeclaredEvent(f"{name!r} is not declared")
    _OFFERS[name] = Offer(name=name, data=data)


def offers() -> dict[str, Offer]:
    return dict(_OFFERS)


def is_offered(name: str) -> bool:
    return name in _OFFERS


def body_of(event: Event) -> str:
    """What is sent of an event. Expects its organization."""
    told = _OFFERS[event.name].data(event)
    return _written(event.org, event.name, event.created_at.isoformat(), told)


def test_body(org: Organization, *, at: str) -> str:
    return _written(org, TEST, at, {"message": "This is a test. It tells of nothing that happened."})


def _written(org: Organization, name: str, at: str, data: dict[str, Any]) -> str:
    whose = {"id": org.pk, "slug": org.slug, "name": org.name}
    told = {"type": name, "timestamp": at, "version": VERSION, "data": {"organization": whose, **data}}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))
