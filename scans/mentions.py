"""Where an answer names a brand: compiled once for a set of brands, text in, spans out (rules: docs/metrics.md)."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ahocorasick_rs import AhoCorasick

from scans.boundaries import ends_word, is_spaceless, script, starts_word
from scans.brand_names import counts_only_as_written, is_legal_form, is_tiny, spellings, validate_name
from scans.common_names import SENTENCE_STARTERS
from scans.folding import Folded, fold, fold_keeping_case, is_accent
from scans.hosts import covers, host_of, looks_like_host, to_ascii, to_unicode

__all__ = ["MATCHER_VERSION", "BrandSpec", "MentionExtractor", "MentionKind", "Span", "first_ranks", "validate_name"]

MATCHER_VERSION = "1"  # stored with every mention; raise it when the same text could give other spans
MAX_SPAN = 300  # code points; what is longer holds a page of blanks between two words


class MentionKind(StrEnum):
    NAME = "name"
    ALIAS = "alias"
    DOMAIN = "domain"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandSpec:
    id: int
    name: str
    aliases: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """One mention. `start` and `end` are code points of the text as given, `end` exclusive; `matched_alias` is the
    name, alias or domain as the brand states it, `surface_text` what the text says."""

    brand_id: int
    start: int
    end: int
    surface_text: str
    matched_alias: str
    kind: MentionKind


@dataclass(frozen=True, slots=True)
class _Form:
    """One spelling to look for; `cased` is how it must be written, None where case does not matter."""

    brand_id: int
    alias: str
    kind: MentionKind
    cased: str | None = None
    tiny: bool = False
    legal: bool = False


class MentionExtractor:
    """Immutable and safe to share between threads. Names that `validate_name` refuses are left out; a spelling that two
    brands share belongs to the brand that comes first."""

    def __init__(self, brands: Iterable[BrandSpec]) -> None:
        forms: dict[str, list[_Form]] = {}
        for brand in brands:
            for pattern, form in _forms(brand):
                known = forms.setdefault(pattern, [])
                if not any(form.cased == other.cased and form.kind == other.kind for other in known):
                    known.append(form)
        self._forms = list(forms.values())
        self._automaton = AhoCorasick(list(forms)) if forms else None

    def extract(self, text: str) -> list[Span]:
        """Spans in order of appearance, none overlapping: leftmost first, then longest. Never raises."""
        if self._automaton is None or not text:
            return []
        folded = fold(text)
        page = _Page(text, folded)
        found: list[Span] = []
        for index, start, end in self._automaton.find_matches_as_indexes(folded.text, overlapping=True):
            span = _first_fit(page, self._forms[index], start, end)
            if span is not None:
                found.append(span)
        return _without_overlaps(found)


def first_ranks(spans: Iterable[Span]) -> dict[int, int]:
    """Brand -> its place, from 1, in the order in which brands are first named."""
    ranks: dict[int, int] = {}
    for span in sorted(spans, key=lambda span: span.start):
        ranks.setdefault(span.brand_id, len(ranks) + 1)
    return ranks


def _forms(brand: BrandSpec) -> Iterable[tuple[str, _Form]]:
    names = [(brand.name, MentionKind.NAME), *((alias, MentionKind.ALIAS) for alias in brand.aliases)]
    for name, kind in names:
        if validate_name(name) is not None:
            continue
        exact = counts_only_as_written(name)
        for spelling in spellings(name):
            pattern = fold(spelling).text.strip()
            cased = fold_keeping_case(spelling).strip() if exact else None
            yield pattern, _Form(brand.id, name, kind, cased, tiny=is_tiny(name), legal=is_legal_form(name))
    for domain in brand.domains:
        host = host_of(domain).removeprefix("www.")
        for written in {host, to_unicode(host)} if "." in host else ():
            yield fold(written).text, _Form(brand.id, host, MentionKind.DOMAIN)


def _first_fit(page: _Page, forms: list[_Form], start: int, end: int) -> Span | None:
    for form in forms:
        fit = page.host(form, start, end) if form.kind is MentionKind.DOMAIN else page.name(form, start, end)
        if fit is not None:
            begin, stop = fit
            return Span(form.brand_id, begin, stop, page.text[begin:stop], form.alias, form.kind)
    return None


_KINDS = {MentionKind.NAME: 0, MentionKind.ALIAS: 1, MentionKind.DOMAIN: 2}


def _without_overlaps(spans: list[Span]) -> list[Span]:
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end, _KINDS[span.kind])):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


# Answers may be hostile: no class below takes the character that begins the next attempt, and what need not be given
# back is possessive, so that the time grows with the length alone.
_TARGET = r"[^()\s]*+(?:\([^()\s]*+\)[^()\s]*+){0,8}"
_HOST_LINK = rf"\[[^\]\[()\s.]{{1,253}}\.[^\]\[()\s]{{1,253}}\]\({_TARGET}\)"
_HIDDEN = re.compile(
    # A citation marker: links in parentheses whose text is only a host, as in ([lumenboard.example](https://...)).
    rf"\({_HOST_LINK}(?:[,;]?\s{{0,3}}{_HOST_LINK}){{0,50}}\)"
    rf"|\]\(\s*+{_TARGET}(?:\s++(?:\"[^\"\n]*+\"|'[^'\n]*+'))?\s*+\)"  # a link's target and title
    r"|^ {0,3}\[[^\]\n]++\]:\s*+<?(?i:https?)://.*$"  # a link defined elsewhere: [1]: https://... "Title"
    r"|(?i:https?|ftp)://[^\s<>\"'`|{}\u0100-\U0010ffff]+",
    re.MULTILINE,
)
_WORD_BEFORE = re.compile(r"([^\W_][\w'\u2019-]*)[*_]*,?[ \t\u00a0]+[*_]*$")
_HEAD = re.compile(r"([^\s/()\[\]<>\"'|]+)/[^\s()\[\]<>\"'|]*$")
_BLOCKS_LEFT = frozenset("-\u2010\u2011\u2013&+#@$._'\u2019\u2018\\")
_BLOCKS_RIGHT = frozenset("-\u2010\u2011\u2013&+#@_\\")
_REACH = 260  # how far a host or a path is followed to either side


class _Page:
    """A text with what is looked up in it for several candidates."""

    def __init__(self, text: str, folded: Folded) -> None:
        self.text = text
        self.folded = folded
        self._hidden: list[tuple[int, int]] | None = None
        self._run = (0, 0)
        self._has_joiners = "\u200c" in text

    def name(self, form: _Form, start: int, end: int) -> tuple[int, int] | None:
        """The original span if this is the name in its own right, else None."""
        if not (self._starts(start) and self._ends(end)):
            return None
        found = self.folded.original(start, end)
        if found is None:
            return None
        begin, stop = found[0], self._after_accents(found[1])
        if stop - begin > MAX_SPAN or self._is_hidden(begin, stop):
            return None
        if form.cased is not None and fold_keeping_case(self.text[begin:stop]) != form.cased:
            return None
        if form.tiny and not self._stands_alone(begin, stop, start, end):
            return None
        if (form.legal and self._follows_company(begin)) or self._is_within_host(begin, stop):
            return None
        return begin, stop

    def host(self, form: _Form, start: int, end: int) -> tuple[int, int] | None:
        """The span of the whole host if it is the brand's domain or a subdomain of it, else None."""
        found = self.folded.original(start, end)
        if found is None or self._is_hidden(*found):
            return None
        begin, stop = self._token(*found)
        word = self.text[begin:stop]
        if "@" in word or stop - begin > MAX_SPAN or self._is_within_path(begin):
            return None
        try:
            host = to_ascii(word)
        except UnicodeError:
            return None
        return (begin, stop) if covers(form.alias, host) else None

    def _starts(self, start: int) -> bool:
        return starts_word(self.folded.text, start) or (self._has_joiners and self._non_joined(start - 1, start))

    def _ends(self, end: int) -> bool:
        return ends_word(self.folded.text, end) or (self._has_joiners and self._non_joined(end - 1, end))

    def _non_joined(self, left: int, right: int) -> bool:
        """Are these two letters kept apart by a zero-width non-joiner, as Persian writes its suffixes?"""
        found = self.folded.original(left, left + 1), self.folded.original(right, right + 1)
        if found[0] is None or found[1] is None:
            return False
        between = self.text[found[0][1] : found[1][0]]
        return "\u200c" in between and script(self.folded.text[left]) == "ARABIC"

    def _after_accents(self, stop: int) -> int:
        while stop < len(self.text) and is_accent(self.text[stop]):
            stop += 1
        return stop

    def _is_hidden(self, begin: int, stop: int) -> bool:
        """Is this part of an address that a reader does not see as text?"""
        if self._hidden is None:
            worth_it = "://" in self.text or "](" in self.text
            self._hidden = [found.span() for found in _HIDDEN.finditer(self.text)] if worth_it else []
        before = bisect_left(self._hidden, (stop, 0)) - 1  # the last one that starts before this ends
        return before >= 0 and begin < self._hidden[before][1]

    def _stands_alone(self, begin: int, stop: int, start: int, end: int) -> bool:
        text, folded = self.text, self.folded.text
        if folded[start - 1 : start] == "&" or folded[end : end + 1] == "&":
            return False
        if begin and text[begin - 1] in _BLOCKS_LEFT:
            return False
        after = text[stop : stop + 1]
        if after in (".", "'", "\u2019") and after:
            following = text[stop + 1 : stop + 3]
            possessive = after != "." and following[:1] == "s" and not following[1:].isalnum()
            return possessive or not following[:1].isalnum()
        return after not in _BLOCKS_RIGHT or not after

    def _follows_company(self, begin: int) -> bool:
        """Is this the legal form of the company named before it, as in "Acme, Inc."?"""
        before = _WORD_BEFORE.search(self.text, max(0, begin - 60), begin)
        if before is None:
            return False
        word = before[1]
        return (word[0].isupper() or word[0].isdigit()) and word.lower() not in SENTENCE_STARTERS

    def _is_within_host(self, begin: int, stop: int) -> bool:
        """Is the name only a part of a host, an e-mail address or a path below a host?"""
        low, high = self._token(begin, stop)
        word = self.text[low:high]
        if "@" in word.lstrip("@"):
            return looks_like_host(word.rpartition("@")[2])
        if low < begin or stop < high:
            return looks_like_host(word) or self._is_within_path(low)
        return self._is_within_path(low)

    def _is_within_path(self, begin: int) -> bool:
        if begin == 0 or self.text[begin - 1] not in "/?=#&~":
            return False
        head = _HEAD.search(self.text, max(0, begin - _REACH), begin)
        return head is not None and looks_like_host(head[1].lower())

    def _token(self, begin: int, stop: int) -> tuple[int, int]:
        """The span grown over letters, digits, `.`, `-` and `@`, without the punctuation at its ends."""
        text = self.text
        low, high = begin, stop
        if low > 0 and _in_host(text[low - 1]):
            low = max(self._run_at(low - 1)[0], begin - _REACH)
        if high < len(text) and _in_host(text[high]):
            high = min(self._run_at(high)[1], stop + _REACH)
        while high > stop and text[high - 1] in ".-@_+":
            high -= 1
        while low < begin and text[low] in ".-_+":
            low += 1
        return low, high

    def _run_at(self, at: int) -> tuple[int, int]:
        """All characters of hosts around this one, which is one; followed once, however much is found in the run."""
        text = self.text
        low, high = self._run
        if not low <= at < high:
            low, high = at, at + 1
            while low > 0 and _in_host(text[low - 1]):
                low -= 1
            while high < len(text) and _in_host(text[high]):
                high += 1
            self._run = low, high
        return low, high


def _in_host(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character in ".-@_+"
    return character.isalnum() and not is_spaceless(character)
