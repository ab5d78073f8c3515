"""The world that answers are drawn from: topics, brands, sources, and how much each provider likes them on a day."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from .exchange import Json, Source

DEFAULT_PATH = Path(__file__).with_name("world.json")
GENERIC = "generic"


@dataclass(frozen=True, slots=True)
class WorldBrand:
    """`tone` is the chance of a good, a mixed and a bad word about it."""

    name: str
    aliases: tuple[str, ...] = ()
    domain: str = ""
    tone: tuple[float, float, float] = (0.5, 0.35, 0.15)

    @property
    def forms(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)


@dataclass(frozen=True, slots=True)
class WorldSource:
    name: str
    domain: str
    pages: tuple[tuple[str, str], ...]  # path and title, both templates
    languages: tuple[str, ...] = ()

    def page(self, index: int, *, topic: Topic, language: str, year: int) -> Source:
        path, title = self.pages[index % len(self.pages)]
        label = topic.label(language)
        fill = {"slug": topic.key, "label": label[:1].upper() + label[1:], "year": year}
        return Source(f"https://{self.domain}{path.format(**fill)}", title.format(**fill), self.domain)


@dataclass(frozen=True, slots=True)
class Topic:
    """`brands` and `sources` map keys to the base probability of being named."""

    key: str
    keywords: tuple[str, ...]
    labels: dict[str, str]
    brands: dict[str, float]
    sources: dict[str, float]
    weight: float = 1.0

    def label(self, language: str) -> str:
        return self.labels.get(language) or self.labels["en"]

    def relevance(self, prompt: str) -> float:
        return self.weight * sum(len(word) for word in self.keywords if word in prompt)


@dataclass(frozen=True, slots=True)
class Drift:
    """A slow change of one probability: `by` in all, evenly spread from day `start` to day `end`."""

    kind: str  # "brand" or "source"
    key: str
    start: int
    end: int
    by: float
    provider: str = ""
    topic: str = ""

    def at(self, day: int) -> float:
        return self.by * min(1.0, max(0.0, (day - self.start) / max(1, self.end - self.start)))


@dataclass(frozen=True, slots=True)
class Models:
    known: tuple[re.Pattern[str], ...]
    snapshots: dict[str, tuple[tuple[int, str], ...]]
    reasoning: re.Pattern[str] | None


class World:
    """Built from a parsed world file; read-only."""

    def __init__(self, raw: Json) -> None:
        self.epoch = dt.date.fromisoformat(raw["epoch"])
        self.refusal_rate = float(raw.get("refusal_rate", 0.0))
        self.absence_rate = float(raw.get("absence_rate", 0.0))  # answers that name no brand at all
        self.brands = {key: _brand(value) for key, value in raw["brands"].items()}
        self.folded_forms = {key: [form.casefold() for form in brand.forms] for key, brand in self.brands.items()}
        self.sources = {key: _source(value) for key, value in raw["sources"].items()}
        self.topics = tuple(_topic(value) for value in raw["topics"])
        # Where questions belong that name a brand of this world and nothing else.
        self.home = next((topic for topic in self.topics if topic.key == raw.get("home")), None)
        self.generic = Topic(GENERIC, (), {"en": GENERIC}, {}, raw["generic"]["sources"])
        self.invented = tuple(raw["generic"]["invented"])
        self.providers: dict[str, Json] = raw["providers"]
        self.drifts = tuple(_drift(value) for value in raw.get("drift", []))
        self.models = {provider: _models(value) for provider, value in raw["models"].items()}
        self.demo: Json = raw.get("demo", {})

    @classmethod
    def load(cls, path: Path | str | None = None) -> World:
        return cls(json.loads(Path(path or DEFAULT_PATH).read_text(encoding="utf-8")))

    def today(self) -> int:
        return (dt.datetime.now(dt.UTC).date() - self.epoch).days

    def year(self, day: int) -> int:
        return (self.epoch + dt.timedelta(days=day)).year

    def topic(self, prompt: str) -> Topic:
        """The topic whose keywords the prompt contains most of; the generic one where there are none."""
        folded = prompt.casefold()
        best = max(self.topics, key=lambda topic: topic.relevance(folded), default=self.generic)
        if best.relevance(folded) > 0:
            return best
        return self.home if self.home and self.named_in(folded) else self.generic

    def named_in(self, folded: str) -> set[str]:
        """Keys of the brands that a casefolded text names."""
        return {key for key, forms in self.folded_forms.items() if any(form in folded for form in forms)}

    def brand_chances(self, topic: Topic, *, provider: str, day: int) -> dict[str, float]:
        lean = self.providers.get(provider, {}).get("brands", {})
        return self._chances("brand", topic.brands, lean, topic=topic, provider=provider, day=day)

    def source_chances(self, topic: Topic, *, provider: str, day: int, language: str) -> dict[str, float]:
        lean = self.providers.get(provider, {}).get("sources", {})
        base = {key: chance for key, chance in topic.sources.items() if not self.sources[key].languages}
        if topic is not self.generic:
            base |= {key: 0.8 for key, source in self.sources.items() if language in source.languages}
        return self._chances("source", base, lean, topic=topic, provider=provider, day=day)

    def _chances(
        self, kind: str, base: dict[str, float], lean: dict[str, float], *, topic: Topic, provider: str, day: int
    ) -> dict[str, float]:
        chances = {key: chance + lean.get(key, 0.0) + _wobble(key, provider, day) for key, chance in base.items()}
        for drift in self.drifts:
            if drift.kind != kind or drift.key not in chances:
                continue
            if drift.provider in ("", provider) and drift.topic in ("", topic.key):
                chances[drift.key] += drift.at(day)
        return {key: min(0.97, max(0.02, chance)) for key, chance in chances.items()}

    def own_site_chance(self, provider: str) -> float:
        return float(self.providers.get(provider, {}).get("own_site", 0.3))

    def knows_model(self, provider: str, model: str) -> bool:
        return any(pattern.fullmatch(model) for pattern in self.models[provider].known)

    def reasons(self, provider: str, model: str) -> bool:
        pattern = self.models[provider].reasoning
        return bool(pattern and pattern.fullmatch(model))

    def snapshot(self, provider: str, model: str, day: int) -> str:
        """The dated model id that answers on that day."""
        current = model
        for since, name in self.models[provider].snapshots.get(model, ()):
            if day >= since:
                current = name
        return current


@cache
def default_world() -> World:
    return World.load()


@lru_cache(maxsize=65536)
def _wobble(key: str, provider: str, day: int) -> float:
    """A few points up and down over about a month, different for each key and provider."""
    phase = sum(ord(letter) * place for place, letter in enumerate(key + provider, start=1))
    return 0.03 * math.sin(day / 4.7 + phase)


def _brand(raw: Json) -> WorldBrand:
    good, mixed, bad = raw.get("tone", (0.5, 0.35, 0.15))
    return WorldBrand(raw["name"], tuple(raw.get("aliases", ())), raw.get("domain", ""), (good, mixed, bad))


def _source(raw: Json) -> WorldSource:
    pages = tuple((path, title) for path, title in raw["pages"])
    return WorldSource(raw["name"], raw["domain"], pages, tuple(raw.get("languages", ())))


def _topic(raw: Json) -> Topic:
    keywords = tuple(word.casefold() for word in raw["keywords"])
    return Topic(raw["key"], keywords, raw["labels"], raw["brands"], raw["sources"], float(raw.get("weight", 1.0)))


def _drift(raw: Json) -> Drift:
    kind = "brand" if "brand" in raw else "source"
    places: dict[str, Any] = {"provider": raw.get("provider", ""), "topic": raw.get("topic", "")}
    return Drift(kind, raw[kind], raw["from"], raw["to"], raw["by"], **places)


def _models(raw: Json) -> Models:
    known = tuple(re.compile(pattern) for pattern in raw["known"])
    snapshots = {model: tuple((day, name) for day, name in steps) for model, steps in raw["snapshots"].items()}
    return Models(known, snapshots, re.compile(raw["reasoning"]) if raw.get("reasoning") else None)
