"""Findings as sentences: the titles of charts and pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from django.contrib.humanize.templatetags.humanize import ordinal
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext_lazy

from accounts import formats
from scans.tallies import Estimate

_NUMBERS = (
    pgettext_lazy("how many brands", "no"),
    pgettext_lazy("how many brands", "one"),
    pgettext_lazy("how many brands", "two"),
    pgettext_lazy("how many brands", "three"),
    pgettext_lazy("how many brands", "four"),
    pgettext_lazy("how many brands", "five"),
    pgettext_lazy("how many brands", "six"),
    pgettext_lazy("how many brands", "seven"),
    pgettext_lazy("how many brands", "eight"),
    pgettext_lazy("how many brands", "nine"),
    pgettext_lazy("how many brands", "ten"),
)
_PLACES = (
    pgettext_lazy("place among brands", "first"),
    pgettext_lazy("place among brands", "second"),
    pgettext_lazy("place among brands", "third"),
    pgettext_lazy("place among brands", "fourth"),
    pgettext_lazy("place among brands", "fifth"),
    pgettext_lazy("place among brands", "sixth"),
    pgettext_lazy("place among brands", "seventh"),
    pgettext_lazy("place among brands", "eighth"),
    pgettext_lazy("place among brands", "ninth"),
    pgettext_lazy("place among brands", "tenth"),
)


class Measured(Protocol):
    """An engine and how often it names the own brand."""

    @property
    def label(self) -> str: ...
    @property
    def visibility(self) -> Estimate: ...


class Tracked(Protocol):
    """A brand and how many answers name it."""

    @property
    def name(self) -> str: ...
    @property
    def own(self) -> bool: ...
    @property
    def answers(self) -> int: ...


def on_visibility(brands: Sequence[Tracked], visibility: Estimate | None) -> str:
    """`brands` biggest first."""
    own = next((brand for brand in brands if brand.own), None)
    if own is None or visibility is None:
        return _("Say which brand is yours to see how often assistants name it.")
    if visibility.value is None:
        return _("No answer came in, so nothing can be said yet.")
    if not own.answers:
        none = ngettext(
            "Assistants name %(brand)s in none of %(number)s answer.",
            "Assistants name %(brand)s in none of %(number)s answers.",
            visibility.n,
        )
        return none % {"brand": formats.isolated(own.name), "number": formats.number(visibility.n)}
    known = {"brand": formats.isolated(own.name), "share": percent(visibility.value), "place": place(brands, own)}
    if len(brands) > 1:
        return _("Assistants name %(brand)s in %(share)s of answers, %(place)s.") % known
    return _("Assistants name %(brand)s in %(share)s of answers.") % known


def on_engines(engines: Sequence[Measured], brand: str) -> str:
    known = sorted((e for e in engines if e.visibility.value is not None), key=lambda e: -(e.visibility.value or 0))
    if not brand or not known:
        return _("No engine has answered yet.") if brand else _("Visibility by engine")
    most, least = known[0], known[-1]
    names = {
        "brand": formats.isolated(brand),
        "most": most.label,
        "least": least.label,
        "share": percent(most.visibility.value or 0),
    }
    if len(known) == 1:
        return _("%(most)s names %(brand)s in %(share)s of its answers.") % names
    if most.visibility.value == least.visibility.value:
        return _("All engines name %(brand)s equally often.") % names
    if (most.visibility.low or 0) <= (least.visibility.high or 0):
        return _("%(most)s names %(brand)s most, %(least)s least; their intervals overlap.") % names
    return _("%(most)s names %(brand)s most, %(least)s least.") % names


def on_brands(brands: Sequence[Tracked]) -> str:
    """`brands` biggest first."""
    if not brands or not brands[0].answers:
        return _("No tracked brand is named.")
    first, own = brands[0], next((brand for brand in brands if brand.own), None)
    if len(brands) == 1:
        return _("%(brand)s is the only brand that is tracked.") % {"brand": formats.isolated(first.name)}
    leaders = [brand.name for brand in brands if brand.answers == first.answers and brand is not own]
    if own is not None and own.answers == first.answers:
        if not leaders:
            return _("%(brand)s is named more than anyone else.") % {"brand": formats.isolated(own.name)}
        return _("%(brands)s are named most.") % {
            "brands": get_text_list([formats.isolated(name) for name in (own.name, *leaders)], _("and"))
        }
    if own is None:
        return _("%(brand)s is named most.") % {"brand": formats.isolated(first.name)}
    return _("%(first)s is named most, %(own)s %(place)s.") % {
        "first": formats.isolated(first.name),
        "own": formats.isolated(own.name),
        "place": place(brands, own),
    }


def on_course(known: Sequence[Estimate], brand: str) -> str:
    """Where visibility lay over some scans: what was seen, never that it moved."""
    shares = [estimate.value for estimate in known if estimate.value is not None]
    names = {
        "brand": formats.isolated(brand),
        "number": formats.number(len(shares)),
        "low": percent(min(shares)),
        "high": percent(max(shares)),
    }
    if names["low"] == names["high"]:
        return _("In the last %(number)s scans %(low)s of answers named %(brand)s.") % names
    return _("In the last %(number)s scans %(low)s to %(high)s of answers named %(brand)s.") % names


def on_domains(most_cited: str, share: float, own_share: float) -> str:
    if not most_cited:
        return _("No source is cited.")
    known = {"domain": most_cited, "share": percent(share), "own": percent(own_share)}
    if not own_share:
        return _("%(domain)s is cited most, in %(share)s of answers; your own sites in none.") % known
    return _("%(domain)s is cited most, in %(share)s of answers; your own sites in %(own)s.") % known


def place(brands: Sequence[Tracked], own: Tracked) -> str:
    """`third of five brands`; brands with as many answers share a place."""
    ahead = sum(brand.answers > own.answers for brand in brands)
    shared = sum(brand.answers == own.answers for brand in brands) > 1
    known = {
        "place": _PLACES[ahead] if ahead < len(_PLACES) else ordinal(ahead + 1),
        "number": _NUMBERS[len(brands)] if len(brands) < len(_NUMBERS) else formats.number(len(brands)),
    }
    return (_("joint %(place)s of %(number)s brands") if shared else _("%(place)s of %(number)s brands")) % known


def percent(share: float) -> str:
    if 0 < share < 0.005:
        return _("less than %(share)s") % {"share": formats.per_cent("1")}
    return formats.per_cent(f"{100 * share:.0f}")
