"""Sentences kept in rows as the code has them, with what fills their places, for readers of any language.

A row keeps a sentence in two columns, its text and its values. A value is text, a number, another sentence, or an
amount or a day that every reader sees in a form of their own. What somebody else has said, such as a provider, is kept
as it came: nothing translates it, and pages mark it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils import translation
from django.utils.html import escape

from accounts import formats

_VERBATIM = "verbatim"
_PLURAL = "plural"
# What values of another version of the product do to this one: it shows the sentence alone.
_ODD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
_QUOTED = '<span lang="en" translate="no">{}</span>'


class Told(str):
    """What a reader is told: plain text, and on a page the same with its quotations marked."""

    _html: str

    def __new__(cls, plain: str, html: str) -> Told:
        told = super().__new__(cls, plain)
        told._html = html
        return told

    def __html__(self) -> str:
        return self._html


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text` as the code has it, before any translation, and what fills its places. As a string it is told now."""

    text: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return told(self.text, self.values)

    def __bool__(self) -> bool:
        return bool(self.text)

    @property
    def inside(self) -> dict[str, Any]:
        """As a value of another sentence."""
        return {"sentence": self.text, "values": dict(self.values)}


NOTHING = Sentence()


class Explained(Exception):
    """Something that cannot be done, with a sentence that can be kept; `message` is it told now."""

    def __init__(self, sentence: Sentence | str, **values: Any) -> None:
        self.said = sentence if isinstance(sentence, Sentence) else Sentence(sentence, values)
        super().__init__(self.said.text)

    @property
    def message(self) -> str:
        return str(self.said)

    def __str__(self) -> str:
        return self.message


def verbatim(words: str) -> Sentence:
    """What somebody else has said."""
    return Sentence(words, {_VERBATIM: True} if words else {})


def ngettext_noop(singular: str, plural: str, number: int, **values: Any) -> Sentence:
    """A sentence whose form depends on a number."""
    return Sentence(singular, {**values, _PLURAL: [plural, number]})


def number(value: Decimal | int) -> dict[str, Any]:
    return {"number": str(value)}


def dollars(value: Decimal) -> dict[str, Any]:
    return {"dollars": str(value)}


def day(value: date) -> dict[str, Any]:
    return {"day": value.isoformat()}


def is_verbatim(values: Mapping[str, Any]) -> bool:
    return values.get(_VERBATIM) is True


def told(sentence: str, values: Mapping[str, Any]) -> Told:
    """For its reader. One that was kept filled in has no values, and is shown as it is where nothing translates it."""
    if not sentence:
        return Told("", "")
    if is_verbatim(values):
        return Told(sentence, _QUOTED.format(escape(sentence)))
    if _PLURAL in values:
        try:
            plural, count = values[_PLURAL]
            return filled(translation.ngettext(sentence, plural, count), values)
        except _ODD:
            return Told(sentence, escape(sentence))
    return filled(translation.gettext(sentence), values)


def filled(said: str, values: Mapping[str, Any]) -> Told:
    """A sentence in the reader's language with its places filled, which keep their marks."""
    if not values:
        return Told(said, escape(said))
    try:
        parts = {name: _part(value) for name, value in values.items()}
        return Told(said % parts, escape(said) % {name: _marked(part) for name, part in parts.items()})
    except _ODD:
        return Told(said, escape(said))


def _part(value: Any) -> str:
    if not isinstance(value, dict):
        return value if isinstance(value, Told) else str(value)
    if "sentence" in value:
        return told(value["sentence"], value["values"])
    if "dollars" in value:
        return formats.dollars(formats.number(Decimal(value["dollars"]), digits=2))
    if "number" in value:
        return formats.number(Decimal(value["number"]))
    return formats.day(date.fromisoformat(value["day"]), style="long_day")


def _marked(part: str) -> str:
    return part.__html__() if isinstance(part, Told) else escape(part)
