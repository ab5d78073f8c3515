"""Brand names: which can be tracked, which count only as written, and the spellings that count as the same name."""

from __future__ import annotations

import re
import unicodedata

from django.utils.translation import gettext as _

from scans.boundaries import is_spaceless
from scans.common_names import COMMON_WORDS, LEGAL_FORMS
from scans.folding import fold

MAX_NAME = 100
SHORT = 3  # letters and digits; up to here a name counts only as written
MIN_BARE = 4  # letters that a name must keep for its form without punctuation to count too

_AND = re.compile(r"(?<![^\W_])and(?![^\W_])", re.IGNORECASE)


def bare(name: str) -> str:
    """The folded letters and digits of a name, nothing else."""
    return "".join(character for character in fold(name).text if unicodedata.category(character)[0] in "LNM")


def validate_name(name: str) -> str | None:
    """Why a name or alias cannot be tracked, as a sentence for a form; None where it can."""
    if not name.strip():
        return _("Enter a name.")
    if len(name) > MAX_NAME:
        return _("A name has at most %(most)s characters.") % {"most": MAX_NAME}
    if any(unicodedata.category(character) in ("Cc", "Cs", "Co", "Zl", "Zp") for character in name):
        return _("A name is one line without control characters.")
    letters = bare(name)
    if not letters:
        return _(
            "A name needs at least one letter or digit: punctuation and symbols alone cannot be told apart in a text."
        )
    if letters.isdecimal() and len(letters) < SHORT:
        return _("This number would match every price and list. Use a longer name, such as “3 Mobile”.")
    if len(letters) == 1 and is_spaceless(letters):
        return _("One character of this script is part of very many words. Use a longer name.")
    return None


def counts_only_as_written(name: str) -> bool:
    """Must case and accents agree? True for names of up to three letters, ordinary words and legal forms."""
    letters = bare(name)
    return len(letters) <= SHORT or letters in COMMON_WORDS or letters in LEGAL_FORMS


def is_legal_form(name: str) -> bool:
    return bare(name) in LEGAL_FORMS


def is_tiny(name: str) -> bool:
    """One or two letters: also hyphens, dots and signs beside it make it part of something else (X-ray, R&D, C++)."""
    return len(bare(name)) <= 2


def spellings(name: str) -> tuple[str, ...]:
    """The name; `&` for `and` and back; without apostrophes and outer punctuation where at least four letters stay."""
    found = [name.strip()]
    if "&" in name:
        found.append(re.sub(r"\s*&\s*", " and ", name).strip())
    elif _AND.search(name):
        found.append(_AND.sub("&", name))
    for spelling in tuple(found):
        outer = spelling.strip("".join({c for c in spelling if unicodedata.category(c)[0] not in "LNM"}))
        plain = re.sub("['\u2019\u2018\u02bc]", "", outer)
        found += [form for form in (outer, plain) if len(bare(form)) >= MIN_BARE]
    return tuple(dict.fromkeys(found))
