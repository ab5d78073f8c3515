"""Where a word ends, in scripts with spaces and without: may a name stand between these two characters?"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

DIGIT = "DIGIT"
# Scripts written without spaces: a name may touch its neighbours. Katakana runs are whole words, though.
_SPACELESS = frozenset({"CJK", "HIRAGANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "BOPOMOFO", "YI"})
_UNSPACED_BESIDE_OTHERS = _SPACELESS | {"KATAKANA", "HANGUL"}
_LEADING_VOWELS = frozenset("\u0e40\u0e41\u0e42\u0e43\u0e44\u0ec0\u0ec1\u0ec2\u0ec3\u0ec4")  # Thai, Lao: written first

_ARABIC_PREFIX = re.compile(r"[وف]?[بكل]?(?:ال|لل)?")
_HEBREW_PREFIX = re.compile(r"[ושהכלבמ]{1,3}")
_KOREAN_PARTICLES = (
    "은|는|이|가|을|를|의|에|에서|에게|에겐|에서의|와|과|도|만|로|으로|로서|로써|로의|부터|까지|처럼|보다|마다|마저|조차|밖에|이나|나|이랑|랑|"
    "하고|한테|께|께서|라는|이라는|란|이란|라고|이라고|라면|이라면|며|이며|고|이고|든|이든|야|이야|같은|같이|대로|만큼|뿐|측|사|용|및|"
    "입니다|이다|인|인데|였다|이었다|예요|이에요|이지만|지만"
)
_KOREAN_TAIL = re.compile(f"들?(?:{_KOREAN_PARTICLES})?(?:는|은|도|만|의|이|가|를)?")


@cache
def script(character: str) -> str:
    """The script of a letter or mark, DIGIT for a digit, empty for anything that is no part of a word."""
    category = unicodedata.category(character)
    if category == "Nd":
        return DIGIT
    if category[0] not in "LM" and category != "Nl":
        return ""
    if unicodedata.decomposition(character).startswith(("<super>", "<sub>")):
        return ""  # a footnote mark
    name = unicodedata.name(character, "OTHER").partition(" ")[0]
    return {"IDEOGRAPHIC": "CJK", "KATAKANA-HIRAGANA": "KATAKANA"}.get(name, name)


def is_spaceless(character: str) -> bool:
    """A letter of a script in which names touch their neighbours (Chinese, Japanese, Thai, Korean, ...)."""
    return script(character) in _UNSPACED_BESIDE_OTHERS


def starts_word(text: str, start: int) -> bool:
    """May a name begin at `start` of the folded text?"""
    before = start - 1
    while before >= 0 and text[before] == "_":
        before -= 1
    if before < 0 or not script(text[before]):
        return True
    outer, inner = script(text[before]), script(text[start])
    if text[before] in _LEADING_VOWELS:
        return False
    if not inner:
        return outer in _UNSPACED_BESIDE_OTHERS
    if outer == inner == "ARABIC":
        return _prefixed(text, before, pattern=_ARABIC_PREFIX)
    if outer == inner == "HEBREW":
        return _prefixed(text, before, pattern=_HEBREW_PREFIX)
    return not _glued(outer, inner)


def ends_word(text: str, end: int) -> bool:
    """May a name end before `end` of the folded text?"""
    after = end
    while after < len(text) and text[after] == "_":
        after += 1
    if after >= len(text):
        return True
    if text[after] == "'" and text[after + 1 : after + 3].rstrip(" \n.,;:!?") == "t":
        return False  # can't, don't
    outer, inner = script(text[after]), script(text[end - 1])
    if not outer:
        return True
    if unicodedata.category(text[after])[0] == "M":
        return False  # would cut a syllable in two
    if not inner:
        return outer in _UNSPACED_BESIDE_OTHERS
    if outer == inner == "HANGUL":
        return _KOREAN_TAIL.fullmatch(_run(text, after, "HANGUL")) is not None
    return not _glued(outer, inner)


def _glued(one: str, other: str) -> bool:
    if one == other:
        return one not in _SPACELESS
    spaced = {one, other}.isdisjoint(_UNSPACED_BESIDE_OTHERS)
    return spaced and DIGIT in (one, other)


def _prefixed(text: str, last: int, *, pattern: re.Pattern[str]) -> bool:
    """Are the letters up to `last` only particles that this script writes onto the next word (and, in, the)?"""
    first, same = last, script(text[last])
    while first > 0 and last - first < 6 and script(text[first - 1]) == same:
        first -= 1
    return pattern.fullmatch(text[first : last + 1]) is not None


def _run(text: str, start: int, wanted: str) -> str:
    stop = start
    while stop < len(text) and stop - start < 8 and script(text[stop]) == wanted:
        stop += 1
    return text[start:stop]
