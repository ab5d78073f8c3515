"""Text folded for matching (case, accents, width, spacing), with a way back to offsets in the original."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass

# Control characters of the input become JUNK, so these four can only come from the tables below. They are ASCII because
# `str.translate` has a fast path for texts that stay ASCII.
JUNK, INVISIBLE, EMPHASIS, EXPANDS = "\x00", "\x01", "\x02", "\x03"

_HYPHENS = frozenset("-\u2010\u2011\u2012\u2013\u2043\u05be\u30fb\uff65\ufe63\uff0d")
_APOSTROPHES = frozenset("'\u2018\u2019\u02bc\u02b9\u2032\u00b4\u05f3\uff07")
_EMPHASIS_MARKS = frozenset("*~`")
_LINE_ENDS = frozenset("\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")
# Letters whose stroke or ligature has no canonical decomposition. Both spellings of a name are common.
_STROKES = str.maketrans({"ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ł": "l", "ŧ": "t", "æ": "ae", "œ": "oe"})
# Compatibility forms that are notes on a word rather than letters of it: Lumenboard², Lumenboard™.
_NOT_LETTERS = ("<super>", "<sub>", "<circle>", "<square>", "<fraction>")
_WIDTHS = ("<wide>", "<narrow>", "<small>")

# Accents only: Thai and Indic vowel signs, and the voicing marks of kana, tell words apart and stay.
_ACCENTS = (
    (0x0300, 0x036F),
    (0x0483, 0x0489),
    (0x0591, 0x05BD),
    (0x05BF, 0x05C7),
    (0x0610, 0x061A),
    (0x0640, 0x0640),
    (0x064B, 0x065F),
    (0x0670, 0x0670),
    (0x06D6, 0x06ED),
    (0x180B, 0x180D),
    (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF),
    (0x20D0, 0x20FF),
    (0xFE00, 0xFE0F),
    (0xFE20, 0xFE2F),
    (0xE0100, 0xE01EF),
)

# What changes length or depends on its neighbours; everything else was folded one to one before. It begins with one set
# of characters, and looks back at which it was: `re` finds the next member of one set quickly, one of many alternatives
# slowly.
_RUN = re.compile(
    r"[ \n\x01\x02\x03_&\-\u1100-\u1112\u3046-\u30fd](?:"
    r"(?<=[ \x01\x02])[ \x01\x02]*&(?:amp;)?[ \x01\x02]*|(?<=&)(?:amp;)?[ \x01\x02]*"
    r"|(?<=[ \n\x01\x02-])[ \n\x01\x02-]+|(?<=[\n\x01\x02\x03-])|(?<=_)_*"
    r"|(?<=[\u1100-\u1112])[\u1161-\u1175][\u11a8-\u11c2]?|(?<=[\u3046-\u30fd])[\u3099\u309a])"
)


def is_accent(character: str) -> bool:
    """A mark that folding removes: combining accents, Arabic and Hebrew vowel points, tatweel, variation selectors."""
    code = ord(character)
    return code >= 0x0300 and any(low <= code <= high for low, high in _ACCENTS)


class _Table(dict[int, str]):
    """Code point -> one character, worked out on first sight. `expansions` has those that fold to several."""

    def __init__(self, *, keep_case: bool) -> None:
        super().__init__()
        self.keep_case = keep_case
        self.expansions: dict[str, str] = {}

    def __missing__(self, code: int) -> str:
        character = chr(code)
        folded = self._fold(character)
        if len(folded) > 1:
            self.expansions[character] = folded
            folded = EXPANDS
        self[code] = folded
        return folded

    def _fold(self, character: str) -> str:
        if character in _EMPHASIS_MARKS:
            return EMPHASIS
        if character in _HYPHENS:
            return "-"
        if character in _APOSTROPHES:
            return "'"
        if character in _LINE_ENDS:
            return "\n"
        if character in _FILLERS or character.isspace():
            return " "
        category = unicodedata.category(character)
        if category in ("Cc", "Cs", "Co"):
            return JUNK
        if category == "Cf" or is_accent(character):
            return INVISIBLE
        return self._letter(character, category=category)

    def _letter(self, character: str, *, category: str) -> str:
        form = unicodedata.decomposition(character).partition(" ")[0]
        if form in _WIDTHS:
            wide = unicodedata.normalize("NFKC", character)
            return self[ord(wide)] if len(wide) == 1 else wide
        if category[0] not in "LNM" or category == "No" or form in _NOT_LETTERS:
            return character
        bare = _without_accents(unicodedata.normalize("NFKD", character))
        if not self.keep_case:
            bare = _without_accents(unicodedata.normalize("NFD", bare.casefold())).translate(_STROKES)
        return unicodedata.normalize("NFC", bare) or INVISIBLE


def _without_accents(text: str) -> str:
    return "".join(character for character in text if not is_accent(character))


_FOLDED = _Table(keep_case=False)
_CASED = _Table(keep_case=True)


@dataclass(frozen=True, slots=True)
class Folded:
    """`text` is the folded text. The three lists describe its pieces: where a piece starts in the folded text, where
    in the original, and where it ends in the original if it replaced something of another
    length (else -1)."""

    text: str
    starts: list[int]
    origins: list[int]
    ends: list[int]

    def original(self, start: int, end: int) -> tuple[int, int] | None:
        """Offsets in the original of `text[start:end]`; None where that would cut one original character in two."""
        first = bisect_right(self.starts, start) - 1
        last = bisect_right(self.starts, end - 1) - 1
        if self.ends[first] >= 0 and self.starts[first] != start:
            return None
        if self.ends[last] >= 0 and last + 1 < len(self.starts) and self.starts[last + 1] != end:
            return None
        begin = self.origins[first] + (0 if self.ends[first] >= 0 else start - self.starts[first])
        stop = self.ends[last] if self.ends[last] >= 0 else self.origins[last] + end - self.starts[last]
        return begin, stop


def fold(text: str) -> Folded:
    """Case, accents and width folded; white space and hyphens between words one space; emphasis marks, invisible
    characters and soft hyphens gone; `&` without spaces; a newline where a paragraph,
    a list item or a spaced dash keeps words apart."""
    return _fold(text, _FOLDED)


def fold_keeping_case(text: str) -> str:
    """The same without folding case."""
    return _fold(text, _CASED).text


def _fold(text: str, table: _Table) -> Folded:
    even = text.translate(table)
    pieces: list[str] = []
    starts, origins, ends = [0], [0], [-1]
    done = length = 0
    for run in _RUN.finditer(even):
        begin, stop = run.span()
        if even[begin] == "_" and _within_word(even, begin, stop):
            continue
        replacement = _replacement(run[0], original=text[begin], table=table)
        pieces += (even[done:begin], replacement)
        length += begin - done + len(replacement)
        done = stop
        if len(replacement) == stop - begin == 1:
            continue
        if replacement:
            starts.append(length - len(replacement))
            origins.append(begin)
            ends.append(stop)
        starts.append(length)
        origins.append(stop)
        ends.append(-1)
    pieces.append(even[done:])
    return Folded("".join(pieces), starts, origins, ends)


def _within_word(text: str, begin: int, stop: int) -> bool:
    """snake_case, as opposed to _emphasis_."""
    return begin > 0 and text[begin - 1].isalnum() and text[stop : stop + 1].isalnum()


def _replacement(run: str, *, original: str, table: _Table) -> str:
    if run == EXPANDS:
        return table.expansions[original]
    if "&" in run:
        return "&"
    if run[0] == "_":
        return ""
    if run[-1] > "\u10ff":
        return unicodedata.normalize("NFC", run)
    return _separator(run)


def _separator(run: str) -> str:
    """One space within a name, a newline where no name goes on: blank lines, list items, spaced or doubled dashes."""
    core = run.replace(INVISIBLE, "").replace(EMPHASIS, "")
    line_ends = core.count("\n")
    if line_ends:
        broken = line_ends > 1 or "-" in core or EMPHASIS in run
        return "\n" if broken else " "
    if "-" in core:
        return " " if core == "-" else "\n"
    return " " if core else ""
