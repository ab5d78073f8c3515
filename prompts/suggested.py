"""What a model suggested, out of its answer: strict about what is taken, lenient about what stands around it. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from prompts.brand_names import BrandError, clean_domain, clean_name, spellings_of
from prompts.prompt_text import (
    PromptTextError,
    clean_language,
    clean_tags,
    clean_text,
    normalised_text,
    prompt_key,
)

MAX_COMPETITORS = 12
MAX_PROMPTS = 24
MAX_PROMPT = 300  # characters: a question that somebody would type
MAX_OWN_TAGS = 3
STAGES = ("awareness", "consideration", "decision", "loyalty")

_MAX_ANSWER = 60_000
_STARTS = 400  # brackets tried as the beginning of the JSON
_MARKUP = re.compile(r"<[a-z/!][^>]{0,200}>?|https?:|www\.|javascript:|\]\(", re.IGNORECASE)
_BRACKET = re.compile(r"[\[{]")
_decoder = json.JSONDecoder(parse_constant=lambda name: None)


class Unusable(ValueError):
    """The answer has no suggestion in it that could be offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedBrand:
    name: str
    domain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedPrompt:
    text: str
    tags: tuple[str, ...] = ()
    language: str = ""
    is_branded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is there already: names and domains of brands, of which `own` is the project's, and questions' keys."""

    own: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    keys: frozenset[str] = frozenset()
    country: str = ""
    language: str = ""


def competitors_in(answer: str, known: Known) -> list[SuggestedBrand]:
    """New brands, each once, by the rules by which brands are told apart. Raises `Unusable`."""
    spellings = {spelling for name in (*known.own, *known.names) for spelling in spellings_of(name)}
    domains = set(known.domains)
    found: list[SuggestedBrand] = []
    for item in _items(answer, key="competitors", text="name"):
        brand = _brand(item)
        if brand is None or spellings & spellings_of(brand.name) or (brand.domain and brand.domain in domains):
            continue
        spellings |= spellings_of(brand.name)
        domains.add(brand.domain)
        found.append(brand)
    return _some(found[:MAX_COMPETITORS])


def prompts_in(answer: str, known: Known) -> list[SuggestedPrompt]:
    """New questions, each once; whether one is branded is read from its words. Raises `Unusable`."""
    keys = set(known.keys)
    found: list[SuggestedPrompt] = []
    for item in _items(answer, key="prompts", text="text"):
        prompt = _prompt(item, known)
        if prompt is None:
            continue
        key = prompt_key(prompt.text, known.country, prompt.language)
        if key not in keys:
            keys.add(key)
            found.append(prompt)
    return _some(found[:MAX_PROMPTS])


def as_values(found: Iterable[SuggestedBrand] | Iterable[SuggestedPrompt]) -> list[dict[str, Any]]:
    """As they are stored until somebody agrees to them."""
    return [asdict(one) for one in found]


def _some(found: list[Any]) -> list[Any]:
    if not found:
        raise Unusable
    return found


def _brand(item: Mapping[str, Any]) -> SuggestedBrand | None:
    name = _cleaned(clean_name, item.get("name"))
    if not name or _MARKUP.search(name):
        return None
    return SuggestedBrand(name=name, domain=_cleaned(clean_domain, item.get("domain")) or "")


def _prompt(item: Mapping[str, Any], known: Known) -> SuggestedPrompt | None:
    text = _cleaned(clean_text, item.get("text"))
    if not text or len(text) > MAX_PROMPT or "\n" in text or _MARKUP.search(text):
        return None
    language = _cleaned(clean_language, item.get("language")) or known.language
    if known.language and language.partition("-")[0] == known.language.partition("-")[0]:
        language = known.language
    return SuggestedPrompt(
        text=text, tags=_tags(item), language=language, is_branded=names_any(text, known.own) or _claims(item, known)
    )


def names_any(text: str, names: Iterable[str]) -> bool:
    """Whether a question names one of these, as a word of its own."""
    folded = normalised_text(text)
    return any(re.search(rf"(?<!\w){re.escape(normalised_text(name))}(?!\w)", folded) for name in names if name)


def _claims(item: Mapping[str, Any], known: Known) -> bool:
    """The model's word counts only where nobody knows the brand's name."""
    return not known.own and item.get("branded") is True


def _tags(item: Mapping[str, Any]) -> tuple[str, ...]:
    """The stage of the funnel first."""
    given = item.get("tags")
    listed = given if isinstance(given, list) else [given]
    kept: dict[str, str] = {}
    for value in [item.get("stage"), *listed[:10]]:
        for tag in _cleaned(clean_tags, value) or ():
            if not _MARKUP.search(tag):
                kept.setdefault(tag.casefold(), tag.lower() if tag.lower() in STAGES else tag)
    return tuple(kept.values())[: 1 + MAX_OWN_TAGS]


def _cleaned(clean: Callable[[str], Any], value: object) -> Any:
    if not isinstance(value, str):
        return None
    try:
        return clean(value[:2_000])
    except (BrandError, PromptTextError):
        return None


def _items(answer: str, *, key: str, text: str) -> Iterator[Mapping[str, Any]]:
    """The objects that were asked for: the list under `key`, a bare list, or, of an answer that breaks off, whatever
    came whole. Strings stand for objects with nothing but `text`."""
    answer = answer[:_MAX_ANSWER]
    values = list(_values(answer))
    listed = next((found for value in values if (found := _list_in(value, key))), None)
    for item in values if listed is None else listed:
        if isinstance(item, str):
            yield {text: item}
        elif isinstance(item, dict):
            yield item


def _list_in(value: object, key: str) -> list[Any] | None:
    """An answer's `[1]` is a citation and an object's tags are no suggestions: other lists count by what they hold."""
    if isinstance(value, dict):
        if isinstance(named := value.get(key), list):
            return named
        return next((found for found in value.values() if isinstance(found, list) and _holds(found, dict)), None)
    return value if isinstance(value, list) and _holds(value, dict, str) else None


def _holds(found: list[Any], *kinds: type) -> bool:
    return any(isinstance(item, kinds) for item in found)


def _values(answer: str) -> Iterator[object]:
    """Every JSON value that begins with a bracket and comes whole, from left to right, none inside another."""
    place = 0
    for _ in range(_STARTS):
        start = _BRACKET.search(answer, place)
        if start is None:
            return
        try:
            value, place = _decoder.raw_decode(answer, start.start())
        except (ValueError, RecursionError):
            place = start.start() + 1
            continue
        yield value
