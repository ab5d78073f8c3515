"""Finding 1,000 brands in 450-word answers, beside one `re` alternation and plain loops."""

from __future__ import annotations

import argparse
import random
import re
import statistics
import time
from collections.abc import Callable

from scans.folding import fold
from scans.mentions import BrandSpec, MentionExtractor
from tests.benchmarks.report import Goal, Report

BRANDS, ANSWERS, WORDS, ROUNDS = 1_000, 40, 450, 5
GOALS = {
    "extract_us": Goal(at_most=1_000),
    "times_faster_than_alternation": Goal(at_least=5),
    "times_faster_than_loop": Goal(at_least=2),
}

_SYLLABLES = re.findall("..", "kalumentaskorbitzenvoraminopeltriquandersolfiberdangoheljo")
_PROSE = re.findall(
    r"\w+",
    "the best tool for a team is often one that people like because it costs little and does much when many of them "
    "work on the same plan and need to see what comes next without a meeting so compare price support and export first",
)


def brand_names(rng: random.Random) -> list[str]:
    names: set[str] = set()
    while len(names) < BRANDS:
        names.add("".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4))).title())
    return sorted(names)


def answer(rng: random.Random, names: list[str]) -> str:
    """Markdown prose with about 3 % brand names, some inside longer words, some emphasised, some in list items."""
    words = []
    for _ in range(WORDS):
        word = rng.choice(names) if rng.random() < 0.03 else rng.choice(_PROSE)
        if rng.random() < 0.05:
            word = rng.choice([f"**{word}**", f"{word}s", f"{word}-like", f"{word}é"])
        words.append(word + (".\n\n- " if rng.random() < 0.03 else " "))
    return "".join(words)


def alternation(names: list[str]) -> Callable[[str], int]:
    """One pattern of all names, longest first, between word boundaries: nothing folded but case."""
    ordered = sorted(names, key=len, reverse=True)
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, ordered))})\b", re.IGNORECASE)
    return lambda text: sum(1 for _ in pattern.finditer(text))


def loop(names: list[str]) -> Callable[[str], int]:
    """`in` for each name, which also finds names inside longer words."""
    lowered = [name.lower() for name in names]

    def run(text: str) -> int:
        low = text.lower()
        return sum(name in low for name in lowered)

    return run


def regex_loop(names: list[str]) -> Callable[[str], int]:
    """One compiled pattern for each name, tried one after the other."""
    patterns = [re.compile(rf"\b{re.escape(name)}\b", re.IGNORECASE) for name in names]
    return lambda text: sum(1 for pattern in patterns for _ in pattern.finditer(text))


def microseconds(run: Callable[[str], object], texts: list[str], rounds: int) -> float:
    """Median time of one text over all texts and rounds."""
    times = []
    for text in texts * rounds:
        start = time.perf_counter()
        run(text)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def measure() -> dict[str, float]:
    rng = random.Random(1)
    names = brand_names(rng)
    texts = [answer(rng, names) for _ in range(ANSWERS)]
    start = time.perf_counter()
    extractor = MentionExtractor(BrandSpec(id=number, name=name) for number, name in enumerate(names))
    figures = {"compile_ms": (time.perf_counter() - start) * 1e3}
    extractor.extract(texts[0])  # fills the folding table
    figures["fold_us"] = microseconds(fold, texts, ROUNDS)
    figures["extract_us"] = microseconds(extractor.extract, texts, ROUNDS)
    figures["loop_us"] = microseconds(loop(names), texts, ROUNDS)
    figures["alternation_us"] = microseconds(alternation(names), texts[:10], 2)
    figures["regex_loop_us"] = microseconds(regex_loop(names), texts[:10], 2)
    figures["mentions_per_answer"] = statistics.mean(len(extractor.extract(text)) for text in texts)
    figures["naive_hits_per_answer"] = statistics.mean(loop(names)(text) for text in texts)
    figures["times_faster_than_alternation"] = figures["alternation_us"] / figures["extract_us"]
    figures["times_faster_than_loop"] = figures["loop_us"] / figures["extract_us"]
    return {name: round(value, 2) for name, value in figures.items()}


def bench(arguments: list[str]) -> Report:
    argparse.ArgumentParser(prog="make bench B=matching").parse_args(arguments)
    figures = measure()
    rows = [
        ("MentionExtractor (folding, boundaries, offsets)", "extract_us"),
        ("of which folding", "fold_us"),
        ("`in` for each name, no boundaries", "loop_us"),
        ("one `re` alternation", "alternation_us"),
        ("one `re` pattern for each name", "regex_loop_us"),
    ]
    return Report(
        bench="matching",
        title=f"Finding {BRANDS:,} brands in an answer of {WORDS} words",
        columns=["matcher", "microseconds an answer", "beside ours"],
        rows=[(label, f"{figures[key]:,.0f}", f"{figures[key] / figures['extract_us']:.1f} x") for label, key in rows],
        figures=figures,
        goals=GOALS,
        notes=[f"Median of {ANSWERS} answers, {ROUNDS} rounds."],
    )
