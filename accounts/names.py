"""What a line that people type may contain: it reads as it is stored, in every direction."""

from __future__ import annotations

import re
import unicodedata

from django.utils.translation import gettext as _

HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
)
CONTROLS = re.compile("[\x01-\x1f\x7f-\x9f\u2028\u2029]")


class UnfitName(ValueError):
    """A name that nothing can have."""


def clean_line(value: str) -> str:
    """One line, single spaces, composed, nothing hidden. It may end up empty. Raises `UnfitName` for NUL."""
    if "\0" in value:
        raise UnfitName(_("The name contains a NUL character."))
    composed = unicodedata.normalize("NFC", HIDDEN.sub("", value))
    return " ".join(CONTROLS.sub(" ", composed).split())
