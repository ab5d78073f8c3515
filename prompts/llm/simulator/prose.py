"""Turns a cast of brands and sources into Markdown that reads like a provider's answer."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from .exchange import Piece, Source
from .world import WorldBrand

Phrases = dict[str, list[str]]
SHORTEST, LONGEST = 120, 380  # words; the closing comes on top

# Each provider's habits: weights of bullets, numbered, table, prose, sections.
LAYOUTS = ("bullets", "numbered", "table", "prose", "sections")
HABITS = {
    "openai": (35, 20, 15, 12, 18),
    "anthropic": (22, 12, 10, 38, 18),
    "google": (38, 15, 25, 10, 12),
    "perplexity": (25, 12, 15, 40, 8),
}


@cache
def phrasebook() -> dict[str, Phrases]:
    loaded: dict[str, Phrases] = json.loads(Path(__file__).with_name("phrases.json").read_text(encoding="utf-8"))
    return loaded


@dataclass(frozen=True, slots=True)
class Cast:
    """Who appears in an answer. `homes` maps a brand's name to the index of its own site among the sources."""

    brands: tuple[WorldBrand, ...]
    sources: tuple[Source, ...]
    citable: tuple[int, ...]  # sources that may be cited for anything
    homes: dict[str, int] = field(default_factory=dict)


class Scribe:
    """Writes one answer; everything random comes from `dice`."""

    def __init__(self, dice: random.Random, *, language: str, topic: str, cast: Cast) -> None:
        self.dice = dice
        self.phrases = phrasebook()[language]
        self.gap = "" if language == "ja" else " "
        self.wide = language == "ja"
        self.topic = topic
        self.cast = cast
        self.pieces: list[Piece] = []
        self.words = 0.0
        self.goal = SHORTEST + (LONGEST - SHORTEST) * dice.random() ** 2.2
        self.used: set[str] = set()

    def write(self, provider: str) -> tuple[Piece, ...]:
        if not self.cast.brands:
            self._without_brands()
        else:
            layout = self.dice.choices(LAYOUTS, HABITS.get(provider, (1, 1, 1, 1, 1)))[0]
            layouts: dict[str, Callable[[], None]] = {
                "bullets": self._bullets,
                "numbered": self._numbered,
                "table": self._table,
                "prose": self._prose,
                "sections": self._sections,
            }
            self._intro()
            layouts[layout]()
            self._outro()
        return tuple(_tidy(self.pieces))

    def refuse(self) -> tuple[Piece, ...]:
        return (Piece(self.dice.choice(self.phrases["refusals"])),)

    def queries(self, year: int) -> tuple[str, ...]:
        count = self.dice.randint(1, 2)
        return tuple(query.format(topic=self.topic, year=year) for query in self.phrases["queries"][:count])

    # Parts of an answer

    def _intro(self) -> None:
        if self.dice.random() < 0.35:
            heading = self._fresh("headings").format(topic=self.topic[:1].upper() + self.topic[1:])
            self._raw(heading + "\n\n")
        self._say(self._fresh("intros").format(topic=self.topic), cites=self.dice.random() < 0.3)
        self._raw("\n\n")

    def _bullets(self) -> None:
        for brand in self.cast.brands:
            self._raw("- ")
            self._about(brand, bold=True, sentences=self.dice.randint(1, 3))
            self._raw("\n")
        self._raw("\n\n")

    def _numbered(self) -> None:
        for rank, brand in enumerate(self.cast.brands, start=1):
            self._raw(f"{rank}. **{self._name(brand)}**\n   ")
            self._about(brand, sentences=self.dice.randint(1, 3))
            self._raw("\n")
        self._raw("\n\n")

    def _table(self) -> None:
        header = self.phrases["table"]
        rows = [header, ["---"] * len(header)]
        for brand in self.cast.brands:
            trait, limit = self._fresh("traits"), self._fresh("limits")
            rows.append([f"**{self._name(brand)}**", trait[:1].upper() + trait[1:], limit[:1].upper() + limit[1:]])
        self._raw("".join(f"| {' | '.join(row)} |\n" for row in rows) + "\n")
        for brand in self.cast.brands[:2]:
            self._about(brand, sentences=2)
            self._raw(self.gap)
        self._raw("\n\n")

    def _prose(self) -> None:
        for place, brand in enumerate(self.cast.brands):
            self._about(brand, sentences=self.dice.randint(1, 3))
            self._raw("\n\n" if place % 2 or self.dice.random() < 0.4 else self.gap)
        self._raw("\n\n")

    def _sections(self) -> None:
        for brand in self.cast.brands[:5]:
            self._raw(f"### {self._name(brand)}\n")
            self._about(brand, sentences=self.dice.randint(2, 3))
            self._raw("\n\n")

    def _outro(self) -> None:
        if len(self.cast.brands) > 1 and self.dice.random() < 0.4:
            first, second = self.cast.brands[:2]
            self._say(self._fresh("versus").format(b=self._name(first), c=self._name(second)))
            self._raw(self.gap)
        if self.dice.random() < 0.5:
            self._say(self._fresh("hedges"))
            self._raw(self.gap)
        self._pad()
        named = self.dice.random() < 0.55
        closing = self._fresh("closings" if named else "closings_plain")
        self._raw("\n\n" if self.dice.random() < 0.6 else "")
        self._say(closing.format(b=self._name(self.cast.brands[0])))

    def _without_brands(self) -> None:
        self._say(self._fresh("absent").format(topic=self.topic), cites=True)
        self._raw("\n\n")
        self._pad()
        self._raw("\n\n")
        self._say(self._fresh("closings_plain"))

    # Sentences

    def _about(self, brand: WorldBrand, *, bold: bool = False, sentences: int) -> None:
        for place in range(sentences):
            if place and (self.dice.random() < 0.45 or self.words > LONGEST):
                self._raw(self.gap)
                self._say(self._fresh("more"), cites=self.dice.random() < 0.3)
                continue
            kinds = ("possessive",) if place else self.dice.choices(("good", "mixed", "bad"), brand.tone)
            name = f"**{self._name(brand)}**" if bold and not place else self._name(brand)
            if not bold and brand.domain and self.dice.random() < 0.04:
                name = f"{brand.name} ({brand.domain})"
            fill = {"b": name, "trait": self._fresh("traits"), "limit": self._fresh("limits")}
            self._raw(self.gap if place else "")
            self._say(self._fresh(kinds[0]).format(**fill), cites=not place and self.dice.random() < 0.8, brand=brand)

    def _pad(self) -> None:
        for _ in self.phrases["advice"]:
            if self.words >= self.goal:
                return
            self._say(self._fresh("advice"), cites=self.dice.random() < 0.25)
            self._raw("\n\n" if self.dice.random() < 0.25 else self.gap)

    def _name(self, brand: WorldBrand) -> str:
        if brand.aliases and self.dice.random() < 0.22:
            return self.dice.choice(brand.aliases)
        return brand.name

    def _fresh(self, kind: str) -> str:
        """A phrase that this answer has not used yet, as long as a few throws find one."""
        pool = self.phrases[kind]
        chosen = ""
        for _ in range(6):
            chosen = pool[int(self.dice.random() * len(pool))]
            if chosen not in self.used:
                break
        self.used.add(chosen)
        return chosen

    def _say(self, text: str, *, cites: bool = False, brand: WorldBrand | None = None) -> None:
        # Japanese has no spaces: two and a half characters count as a word.
        self.words += len(text) / 2.5 if self.wide else text.count(" ") + 1
        self.pieces.append(Piece(text, self._cites(brand) if cites else ()))

    def _cites(self, brand: WorldBrand | None) -> tuple[int, ...]:
        found = []
        if brand and brand.name in self.cast.homes:
            found.append(self.cast.homes[brand.name])
        if self.cast.citable and (not found or self.dice.random() < 0.5):
            found.append(self.dice.choice(self.cast.citable))
        return tuple(dict.fromkeys(found))

    def _raw(self, text: str) -> None:
        if text:
            self.pieces.append(Piece(text))


def _tidy(pieces: list[Piece]) -> list[Piece]:
    """One break between blocks: of neighbouring runs of white space the one with most line ends stays."""
    tidy: list[Piece] = []
    for piece in pieces:
        blank = piece.text.isspace()
        if blank and tidy and tidy[-1].text.isspace():
            if piece.text.count("\n") > tidy[-1].text.count("\n"):
                tidy[-1] = piece
        else:
            tidy.append(piece)
    while tidy and tidy[-1].text.isspace():
        tidy.pop()
    return tidy
