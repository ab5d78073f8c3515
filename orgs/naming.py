"""What an organization or a project may be called: a line that reads as it is stored."""

from __future__ import annotations

import re

_HIDDEN = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_CONTROLS = re.compile("[\x01-\x1f\x7f-\x9f\u2028\u2029]")

_LINKING = re.compile(r"(?<=[.:/@])(?=\S)")


class UnfitName(ValueError):
    """A name that nothing can have."""


def clean_title(value: str) -> str:
    """One line, single spaces, nothing hidden, with a letter or digit in it."""
    if "\0" in value:
        raise UnfitName("The name contains a NUL character.")
    name = " ".join(_CONTROLS.sub(" ", _HIDDEN.sub("", value)).split())
    if not any(character.isalnum() for character in name):
        raise UnfitName("Give it a name with a letter or a digit in it.")
    return name


def unlinked(name: str) -> str:
    """A name as a mail to strangers repeats it: mail programs make links of what looks like one, and a word joiner,
    which nobody sees, keeps them from it."""
    return _LINKING.sub("\u2060", name)
