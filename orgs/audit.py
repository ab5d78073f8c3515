"""The audit log: an organization's events, found, told as sentences, and handed out as CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

from django.db.models import Max, QuerySet
from django.utils import timezone, translation
from django.utils.safestring import SafeString

from accounts.models import User
from orgs.events import declared, emit
from orgs.models import Event
from orgs.scoping import org_scope
from orgs.sentences import in_words, link_of, meaning_of, plain, sentence_html, sentence_of

if TYPE_CHECKING:
    from orgs.models import Organization

BATCH = 500
MOST_ACTORS = 300
NOBODY = "nobody"
_UNSAID = ("project", "project_name", "project_slug", "user")  # the sentence and its link say it
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
COLUMNS = (
    "id",
    "at",
    "kind",
    "sentence",
    "actor",
    "operator",
    "address",
    "target_type",
    "target_id",
    "target",
    "before",
    "after",
    "data",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What is looked for; days are the reader's, both included. `actor` is a user's id or `nobody`."""

    kind: str = ""
    actor: str = ""
    since: date | None = None
    until: date | None = None
    q: str = ""

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def told(self) -> dict[str, str]:
        """For the record of an export."""
        return {field.name: str(value) for field in fields(self) if (value := getattr(self, field.name))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One event for the page. `before` and `after` are texts of a line a value; `facts` is what else was kept."""

    pk: int
    at: datetime
    meaning: str
    sentence: SafeString
    address: str
    link: str
    before: str
    after: str
    facts: list[tuple[str, str]]


def found_events(org: Organization | int, filters: Filters) -> QuerySet[Event]:
    rows = Event.objects.for_org(org).select_related("actor", "impersonator")
    if filters.kind:
        rows = rows.filter(name=filters.kind)
    if filters.actor:
        rows = rows.filter(actor=None if filters.actor == NOBODY else int(filters.actor))
    if filters.since:
        rows = rows.filter(created_at__gte=_midnight(filters.since))
    if filters.until and filters.until < date.max:
        rows = rows.filter(created_at__lt=_midnight(filters.until + timedelta(days=1)))
    return rows.filter(target_label__icontains=filters.q) if filters.q else rows


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def actors_of(org: Organization) -> list[User]:
    """Everybody who did something here, members or no longer."""
    ids = Event.objects.for_org(org).exclude(actor=None).order_by().values("actor").distinct()
    return list(User.objects.filter(pk__in=ids).order_by("email")[:MOST_ACTORS])


def kinds() -> list[tuple[str, str]]:
    return sorted(((name, str(told.meaning)) for name, told in declared().items()), key=lambda kind: kind[1].lower())


def lines_of(events: Iterable[Event], *, org_slug: str) -> list[Line]:
    return [
        Line(
            pk=event.pk,
            at=event.created_at,
            meaning=meaning_of(event),
            sentence=sentence_html(event),
            address=event.address or "",
            link=link_of(event, org_slug),
            before=_listed(event.before),
            after=_listed(event.after),
            facts=[(name, _shown(name, value)) for name, value in (event.data or {}).items() if name not in _UNSAID],
        )
        for event in events
    ]


def _listed(values: dict[str, Any] | None) -> str:
    return "\n".join(f"{name}: {_shown(name, value)}" for name, value in (values or {}).items())


def _shown(name: str, value: Any) -> str:
    return plain(json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else in_words(name, value))


def export(org: Organization, filters: Filters, *, actor: User) -> Iterator[str]:
    """The whole log as CSV, read in pieces, each in a scope of its own; taking it is an event of the log itself."""
    last = Event.objects.for_org(org).aggregate(last=Max("pk"))["last"] or 0
    emit(org, "audit.exported", actor=actor, target=org, data={"filters": filters.told()})
    return _csv(org.pk, filters, last=last, language=translation.get_language(), zone=timezone.get_current_timezone())


def _csv(org_id: int, filters: Filters, *, last: int, language: str, zone: Any) -> Iterator[str]:
    """Runs after its page has returned: language, zone and scope are opened again for each piece."""
    yield _written([COLUMNS])
    before = last + 1
    while True:
        with org_scope(org_id), translation.override(language), timezone.override(zone):
            events = list(found_events(org_id, filters).filter(pk__lt=before).order_by("-pk")[:BATCH])
            piece = _written([_cells(event) for event in events])
        if not events:
            return
        yield piece
        before = events[-1].pk


def _cells(event: Event) -> list[str]:
    return [
        str(event.pk),
        event.created_at.astimezone(UTC).isoformat(timespec="seconds"),
        event.name,
        sentence_of(event),
        event.actor.email if event.actor else "",
        event.impersonator.email if event.impersonator else "",
        event.address or "",
        event.target_type,
        str(event.target_id or ""),
        event.target_label,
        *(json.dumps(held, ensure_ascii=False) if held else "" for held in (event.before, event.after, event.data)),
    ]


def _written(rows: Iterable[Iterable[str]]) -> str:
    file = StringIO()
    csv.writer(file).writerows([[harmless(cell) for cell in row] for row in rows])
    return file.getvalue()


def harmless(cell: str) -> str:
    """A text that a spreadsheet would run as a formula gets a leading apostrophe."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell
