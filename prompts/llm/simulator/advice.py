"""Answers to requests for competitors or questions as JSON, out of the world that everything else is drawn from."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from .exchange import Ask, Json
from .language import detect
from .world import GENERIC, Topic, World, WorldBrand

_WANTED = re.compile(r'\{\s*"(competitors|prompts)"\s*:')
_COMPANY = re.compile(r"<company>(.*?)</company>", re.DOTALL)
_MOST = {"competitors": 8, "prompts": 16}
# How each provider wraps JSON, however plainly it is told not to.
_WRAPPINGS = {
    "anthropic": "Here is the list you asked for:\n\n```json\n{body}\n```",
    "google": "```json\n{body}\n```",
    "perplexity": "{body}\n\nThe list follows current comparisons [1][2].",
}


@cache
def _templates() -> dict[str, dict[str, list[Json]]]:
    loaded: dict[str, dict[str, list[Json]]] = json.loads(
        Path(__file__).with_name("advice.json").read_text(encoding="utf-8")
    )
    return loaded


def wanted(ask: Ask) -> str:
    """`competitors` or `prompts` where the request asks for a list of those as JSON, else empty."""
    found = _WANTED.search(ask.system) or _WANTED.search(ask.prompt)
    return found[1] if found else ""


def advise(world: World, ask: Ask, *, topic: Topic, day: int, dice: random.Random) -> str:
    company = _company(ask.prompt)
    rivals = _rivals(world, ask, topic, company, day=day, dice=dice)
    if wanted(ask) == "competitors":
        listed = [{"name": brand.name, "domain": brand.domain} for brand in rivals[: _MOST["competitors"]]]
        body = {"competitors": listed}
    else:
        body = {"prompts": _prompts(world, topic, company, rivals, dice=dice)}
    wrapping = _WRAPPINGS.get(ask.provider, "{body}")
    return wrapping.replace("{body}", json.dumps(body, ensure_ascii=False, indent=1))


def about(ask: Ask) -> str:
    """The words that tell what the company does."""
    company = _company(ask.prompt)
    words = " ".join(str(company.get(name) or "") for name in ("title", "description"))
    return words.strip() or str(company.get("name") or ask.prompt)


def _company(prompt: str) -> Json:
    found = _COMPANY.search(prompt)
    try:
        company = json.loads(found[1]) if found else {}
    except ValueError:
        company = {}
    return company if isinstance(company, dict) else {}


def _rivals(world: World, ask: Ask, topic: Topic, company: Json, *, day: int, dice: random.Random) -> list[WorldBrand]:
    """Known ones first; the likeliest of the topic, or invented ones where the world knows nothing of it."""
    own = world.named_in(str(company.get("name") or "").casefold())
    tracked = {name.casefold() for name in _names(company, "competitors")}
    found = [brand for brand in world.brands.values() if brand.name.casefold() in tracked]
    if topic.brands:
        chances = world.brand_chances(topic, provider=ask.provider, day=day)
        ranked = sorted(chances, key=lambda key: chances[key] + dice.gauss(0.0, 0.05), reverse=True)
        others = [world.brands[key] for key in ranked if key not in own]
    else:
        names = dice.sample(world.invented, k=min(6, len(world.invented)))
        others = [WorldBrand(name, domain=f"{re.sub(r'[^a-z0-9]+', '', name.lower())}.example") for name in names]
    return found + [brand for brand in others if brand not in found]


def _prompts(
    world: World, topic: Topic, company: Json, rivals: Sequence[WorldBrand], *, dice: random.Random
) -> list[Json]:
    language = _language(company)
    topics = _topics(world, topic, dice)
    tracked = _names(company, "competitors") or [brand.name for brand in rivals] or ["others"]
    fill = {"brand": str(company.get("name") or "us"), "rival": tracked[0], "other": (tracked[1:] or tracked)[0]}
    written: list[Json] = []
    for stage, templates in _templates()[language].items():
        for template in templates:
            label = topics[len(written) % len(topics)].label(language)
            text = template["text"].format(topic=label, **fill)
            branded = "{brand}" in template["text"]
            prompt = {"text": text[:1].upper() + text[1:], "stage": stage, "tags": template["tags"]}
            written.append({**prompt, "language": language, "branded": branded})
    left = dice.sample(range(len(written)), k=min(len(written), _MOST["prompts"]))
    return [written[place] for place in sorted(left)]


def _topics(world: World, topic: Topic, dice: random.Random) -> list[Topic]:
    """The topic itself, and others that the same brands are named for."""
    if topic.key == GENERIC or not topic.brands:
        return [topic]
    others = [other for other in world.topics if other is not topic]
    return [topic, *dice.sample(others, k=min(3, len(others)))]


def _language(company: Json) -> str:
    language = str(company.get("language") or "").partition("-")[0].lower()
    return language if language in _templates() else detect(str(company.get("description") or ""))


def _names(company: Json, key: str) -> list[str]:
    listed: Any = company.get(key)
    return [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
