"""Findings as sentences."""

from dataclasses import dataclass

import pytest

from scans.tallies import Estimate
from scans.verdicts import on_brands, on_domains, on_engines, on_visibility


@dataclass(frozen=True)
class Row:
    name: str
    answers: int
    own: bool = False


@dataclass(frozen=True)
class Engine:
    label: str
    visibility: Estimate


def estimate(hits: int, n: int, *, spread: float = 0.0) -> Estimate:
    value = hits / n if n else None
    bounds = (None, None) if value is None else (value - spread, value + spread)
    return Estimate(value=value, low=bounds[0], high=bounds[1], n=n, hits=hits)


FIVE = [Row("A", 9), Row("B", 8), Row("Own", 7, own=True), Row("C", 7), Row("D", 0)]


@pytest.mark.parametrize(
    ("brands", "visibility", "sentence"),
    [
        (FIVE, estimate(42, 100), "Assistants name Own in 42% of answers, joint third of five brands."),
        ([Row("Own", 1, own=True)], estimate(1, 1_000), "Assistants name Own in less than 1% of answers."),
        ([Row("A", 3), Row("Own", 0, own=True)], estimate(0, 9), "Assistants name Own in none of 9 answers."),
        ([Row("A", 3)], None, "Say which brand is yours to see how often assistants name it."),
        ([Row("Own", 0, own=True)], estimate(0, 0), "No answer came in, so nothing can be said yet."),
        (
            [*(Row(f"B{n}", 20 - n) for n in range(11)), Row("Own", 1, own=True)],
            estimate(1, 4),
            "Assistants name Own in 25% of answers, 12th of 12 brands.",
        ),
    ],
)
def test_visibility(brands: list[Row], visibility: Estimate | None, sentence: str) -> None:
    assert on_visibility(brands, visibility) == sentence


@pytest.mark.parametrize(
    ("engines", "sentence"),
    [
        ([], "No engine has answered yet."),
        ([Engine("One", estimate(1, 2))], "One names Own in 50% of its answers."),
        ([Engine("One", estimate(1, 2)), Engine("Two", estimate(2, 4))], "All engines name Own equally often."),
        ([Engine("One", estimate(1, 9)), Engine("Two", estimate(8, 9))], "Two names Own most, One least."),
        (
            [Engine("One", estimate(1, 2, spread=0.3)), Engine("Two", estimate(2, 3, spread=0.3))],
            "Two names Own most, One least; their intervals overlap.",
        ),
        ([Engine("One", estimate(0, 0)), Engine("Two", estimate(1, 1))], "Two names Own in 100% of its answers."),
    ],
)
def test_engines(engines: list[Engine], sentence: str) -> None:
    assert on_engines(engines, "Own") == sentence


@pytest.mark.parametrize(
    ("brands", "sentence"),
    [
        ([], "No tracked brand is named."),
        ([Row("Own", 0, own=True)], "No tracked brand is named."),
        (FIVE, "A is named most, Own joint third of five brands."),
        ([Row("Own", 3, own=True), Row("A", 2)], "Own is named more than anyone else."),
        ([Row("Own", 3, own=True), Row("A", 3)], "Own and A are named most."),
        ([Row("A", 3), Row("B", 1)], "A is named most."),
        ([Row("A", 3)], "A is the only brand that is tracked."),
    ],
)
def test_brands(brands: list[Row], sentence: str) -> None:
    assert on_brands(brands) == sentence


def test_domains() -> None:
    assert on_domains("a.example", 0.4, 0.05) == "a.example is cited most, in 40% of answers; your own sites in 5%."
    assert on_domains("", 0.0, 0.0) == "No source is cited."
