"""An event told as a sentence, to whoever reads it: names are data, never markup, and keep their direction to
themselves."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.urls import NoReverseMatch, reverse
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from orgs.events import Declared, declared
from orgs.roles import Role

if TYPE_CHECKING:
    from orgs.models import Event

_PLACE = re.compile(r"\{([a-z_]+(?:\.[a-z_]+)?)\}")
_UNKNOWN = Declared(meaning="")
_MISSING = "\u2013"
_LONGEST = 120


def meaning_of(event: Event) -> str:
    return str(declared().get(event.name, _UNKNOWN).meaning) or event.name


def sentence_of(event: Event, *, to: int | None = None) -> str:
    """Plain text. `to` is the reader's id: whom an event concerns is spoken to."""
    return _told(event, to=to, write=plain)


def sentence_html(event: Event, *, to: int | None = None) -> SafeString:
    sentence = _told(event, to=to, write=lambda text: format_html("<bdi>{}</bdi>", plain(text)), escape=True)
    return mark_safe(sentence)  # noqa: S308 - the template is escaped, and so is each value in it


def _told(event: Event, *, to: int | None, write: Callable[[str], str], escape: bool = False) -> str:
    template = _template(event, to=to)
    parts = _PLACE.split(template)
    kept = conditional_escape if escape else str
    return "".join(
        write(value_at(event, part)[:_LONGEST]) if number % 2 else str(kept(part)) for number, part in enumerate(parts)
    )


def _template(event: Event, *, to: int | None) -> str:
    told = declared().get(event.name, _UNKNOWN)
    if told.personal and to is not None and to == concerned(event):
        return str(told.personal)
    if told.sentence:
        return str(told.sentence)
    subject = meaning_of(event)
    return f"{subject}: {{target}}" if event.target_label else subject


def concerned(event: Event) -> int | None:
    """The user whom an event concerns."""
    user_id = event.data.get("user") if isinstance(event.data, dict) else None
    if isinstance(user_id, int):
        return user_id
    return event.target_id if event.target_type == "accounts.user" else None


def actor_name(event: Event) -> str:
    actor = event.actor.display_name if event.actor else _("Prompter")
    if event.impersonator is None:
        return actor
    return _("Operator %(operator)s as %(user)s") % {"operator": event.impersonator.display_name, "user": actor}


def value_at(event: Event, place: str) -> str:
    """`actor`, `target`, `before.role`, ... as people read it."""
    if place == "actor":
        return actor_name(event)
    if place == "target":
        return event.target_label or _MISSING
    group, _dot, name = place.partition(".")
    held = getattr(event, group, None) if group in ("before", "after", "data") else None
    return in_words(name, held.get(name)) if isinstance(held, dict) else _MISSING


def in_words(name: str, value: Any) -> str:
    """One recorded value: a role by its label, a list by its parts."""
    if value is None or value in ("", []):
        return _MISSING
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name == "role" and value in Role.values:
        return str(Role(value).label)
    if isinstance(value, list):
        return ", ".join(in_words(name, item) for item in value)
    return str(value)


def plain(text: str) -> str:
    """On one line, with nothing in it that hides or turns the rest around."""
    seen = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    return " ".join("".join(c for c in seen if unicodedata.category(c) != "Cf").split())


def link_of(event: Event, org_slug: str) -> str:
    """The page that an event tells of, or nothing where there is none."""
    name, *places = declared().get(event.name, _UNKNOWN).link or ("",)
    if not name:
        return ""
    arguments = [str(event.target_id) if place == "target_id" else value_at(event, place) for place in places]
    try:
        return reverse(name, args=[org_slug, *arguments])
    except NoReverseMatch:
        return ""  # an older event that did not keep what the address needs
