"""Engines' names as people read them. The catalogue's own are English, and part of records and the API."""

from __future__ import annotations

from django.utils.translation import gettext as _

_SEARCHING, _GOOGLING = " with web search", " with Google Search"


def tells_search(label: str) -> bool:
    """Whether a label, in the reader's language too, says itself that the web is searched."""
    ends = (engine_label(_SEARCHING), engine_label(_GOOGLING))
    return "search" in label.lower() or label.endswith(ends)


def full_name(label: str, surface: str) -> str:
    """What was asked and how, on one line; a name that says itself that the web is searched is enough."""
    return label if tells_search(label) else f"{label}, {surface}"


def engine_label(label: str) -> str:
    if label.endswith(_SEARCHING):
        return _("%(engine)s with web search") % {"engine": label.removesuffix(_SEARCHING)}
    if label.endswith(_GOOGLING):
        return _("%(engine)s with Google Search") % {"engine": label.removesuffix(_GOOGLING)}
    return label
