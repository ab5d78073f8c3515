"""Decides what an answer says: its language, brands, sources, length and ending. Deterministic by seed."""

from __future__ import annotations

import hashlib
import random
import re
import time
import zlib
from dataclasses import replace

from . import advice
from .dice import seeded
from .exchange import Answer, Ask, Finish, Piece, Source, count_tokens
from .language import detect
from .options import Options
from .prose import Cast, Scribe, phrasebook
from .world import GENERIC, Topic, World, WorldBrand

NAME = re.compile(r"(?<=[\w,;:] )[A-Z][\w.&'-]*(?: (?:& )?[A-Z][\w.&'-]*)*")
CONTENT_WORD = re.compile(r"[^\W\d_][\w-]{3,}")
FILLERS = frozenset(
    ("what", "which", "best", "good", "with", "from", "does", "should", "would", "that", "this", "there", "most")
)
MOST_BRANDS = 6


class Author:
    """Writes answers for a world; forgets nothing and remembers nothing, so that only its inputs decide."""

    def __init__(self, world: World) -> None:
        self.world = world

    def write(self, ask: Ask, *, options: Options, ordinal: int, ending: Finish | None = None) -> Answer:
        """The `ordinal`-th answer to this very question. `ending` forces how it finishes."""
        day = self.world.today() if options.day is None else options.day
        dice, token = _dice(options.seed, day, ask, ordinal)
        if advice.wanted(ask):
            return self._advice(ask, dice=dice, token=token, day=day, ending=ending)
        language = detect(ask.prompt or ask.system, ask.country)
        topic = self.topic(ask.prompt, language)
        cast = self._cast(ask, topic, dice=dice, options=options, day=day, language=language)
        scribe = Scribe(dice, language=language, topic=topic.label(language), cast=cast)
        finish = ending or self._ending(dice, options)
        pieces = scribe.refuse() if finish is Finish.REFUSAL else scribe.write(ask.provider)
        draft = Answer(
            token=token,
            model=self.world.snapshot(ask.provider, ask.model, day),
            finish=finish,
            pieces=() if finish is Finish.EMPTY else pieces,
            sources=cast.sources if finish is not Finish.REFUSAL else (),
            queries=scribe.queries(self.world.year(day)) if ask.web_search else (),
            created=int(time.time()),
        )
        return self._measured(draft, ask, dice)

    def _advice(self, ask: Ask, *, dice: random.Random, token: str, day: int, ending: Finish | None) -> Answer:
        """A list as JSON. It is never refused by chance: nobody would learn anything from that."""
        words = advice.about(ask)
        topic = self.topic(words, detect(words, ask.country))
        text = advice.advise(self.world, ask, topic=topic, day=day, dice=dice)
        if ending is Finish.REFUSAL:
            text = dice.choice(phrasebook()["en"]["refusals"])
        draft = Answer(
            token=token,
            model=self.world.snapshot(ask.provider, ask.model, day),
            finish=ending or Finish.STOP,
            pieces=() if ending is Finish.EMPTY else (Piece(text),),
            created=int(time.time()),
        )
        return self._measured(draft, ask, dice)

    def _ending(self, dice: random.Random, options: Options) -> Finish:
        rate = self.world.refusal_rate if options.refusal_rate is None else options.refusal_rate
        return Finish.REFUSAL if dice.random() < rate else Finish.STOP

    def _measured(self, draft: Answer, ask: Ask, dice: random.Random) -> Answer:
        """Cut to the token limit, and counted."""
        reasoning = dice.randint(40, 320) if self.world.reasons(ask.provider, ask.model) else 0
        limit = ask.max_tokens
        if limit is not None:
            reasoning = min(reasoning, limit // 2)
        length = count_tokens(draft.text)
        room = length if limit is None else limit - reasoning
        if draft.finish is Finish.LENGTH:
            room = min(room, length // 3)
        elif draft.finish is Finish.FILTER:
            room = length // 4
        pieces, finish, said = draft.pieces, draft.finish, length
        if room < length:
            pieces = _cut(pieces, room)
            finish = Finish.LENGTH if finish is Finish.STOP else finish
            said = min(room, count_tokens("".join(piece.text for piece in pieces)))
        # Search results are read by the model and billed as input by OpenAI and Anthropic.
        read = 900 * len(draft.sources) if ask.web_search and ask.provider in ("openai", "anthropic") else 0
        return replace(
            draft,
            pieces=pieces,
            finish=finish,
            input_tokens=ask.input_tokens + read,
            output_tokens=said + reasoning,
            reasoning_tokens=reasoning,
        )

    def topic(self, prompt: str, language: str) -> Topic:
        """What the prompt is about; a topic made from its own words where the world has none."""
        topic = self.world.topic(prompt)
        if topic.key != GENERIC:
            return topic
        label = _label(prompt, language) or phrasebook()[language]["unclear"][0]
        slug = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-") or f"{zlib.crc32(prompt.encode()):08x}"
        return replace(topic, key=slug, labels={"en": label, language: label})

    def _cast(self, ask: Ask, topic: Topic, *, dice: random.Random, options: Options, day: int, language: str) -> Cast:
        brands = self._brands(ask, topic, dice=dice, options=options, day=day, language=language)
        if dice.random() < self.world.absence_rate:
            brands = ()
        if not ask.web_search:
            return Cast(brands, (), ())
        chances = self.world.source_chances(topic, provider=ask.provider, day=day, language=language)
        chosen = [key for key, chance in chances.items() if dice.random() < chance]
        chosen = chosen or sorted(chances, key=chances.__getitem__)[-1:]
        dice.shuffle(chosen)
        year = self.world.year(day)
        sources = [
            self.world.sources[key].page(dice.randint(0, 3), topic=topic, language=language, year=year)
            for key in chosen
        ]
        citable = tuple(range(len(sources)))[: max(1, len(sources) - dice.randint(0, 2))]
        homes: dict[str, int] = {}
        for brand in brands:
            if brand.domain and dice.random() < self.world.own_site_chance(ask.provider):
                homes[brand.name] = len(sources)
                sources.append(_home(brand, topic, dice, language))
        return Cast(brands, tuple(sources), citable, homes)

    def _brands(
        self, ask: Ask, topic: Topic, *, dice: random.Random, options: Options, day: int, language: str
    ) -> tuple[WorldBrand, ...]:
        chances = self._candidates(ask, topic, options=options, day=day, language=language)
        shift = 0.0 if ask.web_search else -0.05
        named = [(brand, chance) for brand, chance in chances if dice.random() < chance + shift]
        ranked = sorted(named, key=lambda pair: pair[1] + dice.gauss(0.0, 0.22), reverse=True)
        return tuple(brand for brand, _ in ranked[:MOST_BRANDS])

    def _candidates(
        self, ask: Ask, topic: Topic, *, options: Options, day: int, language: str
    ) -> list[tuple[WorldBrand, float]]:
        asked_for = self.world.named_in(ask.prompt.casefold())
        chances = self.world.brand_chances(topic, provider=ask.provider, day=day)
        chances |= dict.fromkeys(asked_for, 0.99)
        found = [(self.world.brands[key], chance) for key, chance in chances.items()]
        found += [
            (WorldBrand(raw["name"], domain=raw.get("domain", "")), float(raw.get("rate", 0.5)))
            for raw in options.brands
        ]
        return found if topic.brands else found + self._strangers(ask.prompt, language, known=asked_for)

    def _strangers(self, prompt: str, language: str, *, known: set[str]) -> list[tuple[WorldBrand, float]]:
        """Brands for a question that the world knows nothing about: those it names, and invented ones."""
        names = [] if language == "de" or known else [name for name in NAME.findall(prompt) if not name.isupper()][:4]
        found = [(WorldBrand(name), 0.95) for name in dict.fromkeys(names)]
        pick = seeded(prompt.casefold()).sample(self.world.invented, k=min(4, len(self.world.invented)))
        found += [(WorldBrand(name, domain=_domain(name)), 0.7 - 0.13 * place) for place, name in enumerate(pick)]
        return found


def _dice(seed: int, day: int, ask: Ask, ordinal: int) -> tuple[random.Random, str]:
    parts = (seed, day, ask.provider, ask.model, ask.web_search, ask.country, ask.prompt, ask.system, ordinal)
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=24).hexdigest()
    return seeded(int(digest, 16)), digest


def _cut(pieces: tuple[Piece, ...], room: int) -> tuple[Piece, ...]:
    """The first `room` tokens; the last piece breaks off in the middle and loses its citations."""
    kept: list[Piece] = []
    for piece in pieces:
        cost = count_tokens(piece.text)
        if cost > room:
            if room > 0:
                kept.append(Piece(piece.text[: len(piece.text) * room // cost]))
            break
        kept.append(piece)
        room -= cost
    return tuple(kept)


def _label(prompt: str, language: str) -> str:
    if language == "ja":
        return re.split(r"[は、。？?]", prompt[:40])[0][:20]
    words = [word for word in CONTENT_WORD.findall(prompt[:400].replace("\x00", " ")) if word.lower() not in FILLERS]
    return " ".join(words[:4]).lower() if language != "de" else " ".join(words[:3])


def _home(brand: WorldBrand, topic: Topic, dice: random.Random, language: str) -> Source:
    path, title = dice.choice(
        (("/", ""), ("/pricing", "Pricing"), (f"/blog/{topic.key}", topic.label(language)), ("/features", "Features"))
    )
    return Source(f"https://{brand.domain}{path}", f"{brand.name} | {title}" if title else brand.name, brand.domain)


def _domain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.lower()) + ".example"
