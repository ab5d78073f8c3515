"""Findings as sentences: the titles of charts and pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from scans.tallies import Estimate

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_PLACES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


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
        return "Say which brand is yours to see how often assistants name it."
    if visibility.value is None:
        return "No answer came in, so nothing can be said yet."
    if not own.answers:
        return f"Assistants name {own.name} in none of {visibility.n:,} answer{'' if visibility.n == 1 else 's'}."
    share = f"Assistants name {own.name} in {percent(visibility.value)} of answers"
    return f"{share}, {place(brands, own)}." if len(brands) > 1 else f"{share}."


def on_engines(engines: Sequence[Measured], brand: str) -> str:
    known = sorted((e for e in engines if e.visibility.value is not None), key=lambda e: -(e.visibility.value or 0))
    if not brand or not known:
        return "No engine has answered yet." if brand else "Visibility by engine"
    most, least = known[0], known[-1]
    if len(known) == 1:
        return f"{most.label} names {brand} in {percent(most.visibility.value or 0)} of its answers."
    if most.visibility.value == least.visibility.value:
        return f"All engines name {brand} equally often."
    if (most.visibility.low or 0) <= (least.visibility.high or 0):
        return f"{most.label} names {brand} most, {least.label} least; their intervals overlap."
    return f"{most.label} names {brand} most, {least.label} least."


def on_brands(brands: Sequence[Tracked]) -> str:
    """`brands` biggest first."""
    if not brands or not brands[0].answers:
        return "No tracked brand is named."
    first, own = brands[0], next((brand for brand in brands if brand.own), None)
    if len(brands) == 1:
        return f"{first.name} is the only brand that is tracked."
    leaders = [brand for brand in brands if brand.answers == first.answers]
    if own in leaders:
        others = " and ".join(brand.name for brand in leaders if brand is not own)
        return f"{own.name} and {others} are named most." if others else f"{own.name} is named more than anyone else."
    if own is None:
        return f"{first.name} is named most."
    return f"{first.name} is named most, {own.name} {place(brands, own)}."


def on_domains(most_cited: str, share: float, own_share: float) -> str:
    if not most_cited:
        return "No source is cited."
    own = f"your own sites in {percent(own_share)}" if own_share else "your own sites in none"
    return f"{most_cited} is cited most, in {percent(share)} of answers; {own}."


def place(brands: Sequence[Tracked], own: Tracked) -> str:
    """`third of five brands`; brands with as many answers share a place."""
    ahead = sum(brand.answers > own.answers for brand in brands)
    shared = sum(brand.answers == own.answers for brand in brands) > 1
    ordinal = _PLACES[ahead] if ahead < len(_PLACES) else f"{ahead + 1}th"
    number = _NUMBERS[len(brands)] if len(brands) < len(_NUMBERS) else str(len(brands))
    return f"{'joint ' if shared else ''}{ordinal} of {number} brands"


def percent(share: float) -> str:
    if 0 < share < 0.005:
        return "less than 1%"
    return f"{100 * share:.0f}%"
