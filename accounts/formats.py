"""Numbers and moments as the present reader writes them; CSV and the API, for machines, never pass through here."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from decimal import Decimal

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import get_language, get_language_bidi, pgettext, pgettext_lazy

from accounts.models import NumberFormat

_NARROW_SPACE = "\u202f"
_LEFT_TO_RIGHT, _FIRST_STRONG, _END = "\u2066", "\u2068", "\u2069"
_MARKS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
_TURNING = _MARKS | {"R", "AL", "AN"}
_SEPARATORS = {
    NumberFormat.COMMA_POINT: (",", "."),
    NumberFormat.POINT_COMMA: (".", ","),
    NumberFormat.SPACE_COMMA: (_NARROW_SPACE, ","),
    NumberFormat.APOSTROPHE_POINT: ("\u2019", "."),
}
_BY_LANGUAGE = {"de": NumberFormat.POINT_COMMA}
# How much of a moment is said; translators put the parts in their order (Django's date letters).
STYLES: dict[str, str | Promise] = {
    "": pgettext_lazy("date format", "j M Y, H:i"),
    "short": pgettext_lazy("date format", "j M, H:i"),
    "long": pgettext_lazy("date format", "j F Y, H:i"),
    "day": pgettext_lazy("date format", "j M Y"),
    "short_day": pgettext_lazy("date format", "j M"),
    "long_day": pgettext_lazy("date format", "j F Y"),
    "clock": pgettext_lazy("date format", "H:i"),
    "zoned": pgettext_lazy("date format", "j M Y, H:i (T)"),
    "seconds": pgettext_lazy("date format", "j M Y, H:i:s"),
}

_chosen: ContextVar[str] = ContextVar("number_format", default="")


@contextmanager
def number_format(chosen: str) -> Iterator[None]:
    """Numbers are written so inside; the language's own way where `chosen` is empty or unknown."""
    token = _chosen.set(chosen)
    try:
        yield
    finally:
        _chosen.reset(token)


def separators() -> tuple[str, str]:
    """What stands between thousands, and before decimals."""
    chosen = _chosen.get()
    if chosen in NumberFormat.values:
        return _SEPARATORS[NumberFormat(chosen)]
    language = (get_language() or "").split("-")[0]
    return _SEPARATORS[_BY_LANGUAGE.get(language, NumberFormat.COMMA_POINT)]


def in_order(written: str) -> str:
    """Figures that keep the order they are written in, `33\u201351%`, in the middle of what is read from the right."""
    return f"{_LEFT_TO_RIGHT}{written}{_END}" if get_language_bidi() else written


def isolated(name: str) -> str:
    """What somebody wrote, in the middle of a sentence: neither turns the other around. The marks of Unicode work in
    attributes, titles and mails as well; they are there only where directions differ."""
    if not get_language_bidi() and not any(unicodedata.bidirectional(letter) in _TURNING for letter in name):
        return name
    return f"{_FIRST_STRONG}{''.join(c for c in name if unicodedata.bidirectional(c) not in _MARKS)}{_END}"


def number(value: Decimal | float, *, digits: int = 0) -> str:
    """With `digits` decimals, thousands separated."""
    thousands, point = separators()
    return f"{value:,.{digits}f}".translate({ord(","): thousands, ord("."): point})


def per_cent(written: str) -> str:
    """`42%`, or `42 %` where the language says so; takes the number as it is written."""
    return in_order(pgettext("a share", "%(number)s%%") % {"number": written})


def dollars(written: str) -> str:
    return in_order(pgettext("US dollars", "$%(amount)s") % {"amount": written})


def day(value: date, *, style: str = "day") -> str:
    return date_format(value, str(STYLES[style]))


def moment(value: datetime, *, style: str = "") -> str:
    """A moment in the reader's zone and language, by a key of `STYLES`."""
    return date_format(timezone.localtime(value), str(STYLES[style]))
