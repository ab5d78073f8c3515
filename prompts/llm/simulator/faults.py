"""Planted failures: rules that say which requests go wrong, how, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from .dice import seeded
from .exchange import Ask, Finish, Trouble


class Fault(StrEnum):
    """Everything beyond a plain error status; those are `Trouble`."""

    SLOW = "slow"  # `delay` seconds more, then the usual answer
    TRICKLE = "trickle"  # the body in crumbs, `delay` seconds apart
    CUT = "cut"  # half the body, then the connection is closed
    CUT_CLEAN = "cut_clean"  # a stream that ends well on the wire but without its last events
    STREAM_ERROR = "stream_error"  # an error event in the middle of a stream
    HTML = "html"  # a proxy's page instead of JSON
    GARBLED = "garbled"  # JSON that breaks off, in a complete HTTP response
    EMPTY = "empty"
    TRUNCATE = "truncate"
    REFUSAL = "refusal"
    FILTER = "filter"
    HANG = "hang"  # no answer for `delay` seconds (default: an hour), or until the client leaves
    DISCONNECT = "disconnect"  # the connection breaks before any answer


ENDINGS = {
    Fault.EMPTY: Finish.EMPTY,
    Fault.TRUNCATE: Finish.LENGTH,
    Fault.REFUSAL: Finish.REFUSAL,
    Fault.FILTER: Finish.FILTER,
}
MATCHES = frozenset({"provider", "model", "prompt_contains", "key", "operation", "batched"})


class BadRule(ValueError):
    """A fault rule that makes no sense."""


def kind_named(name: object) -> Fault | Trouble:
    for kinds in (Trouble, Fault):
        if name in [kind.value for kind in kinds]:
            return kinds(name)
    known = ", ".join([*Trouble, *Fault])
    raise BadRule(f"unknown fault {name!r}; known: {known}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`times` is how often it may still strike (None: always), `probability` its chance each time."""

    kind: Fault | Trouble
    match: dict[str, str | bool] = field(default_factory=dict)
    times: int | None = None
    probability: float = 1.0
    retry_after: float | None = None
    delay: float | None = None
    status: int | None = None

    @classmethod
    def parse(cls, raw: Any) -> Rule:
        if not isinstance(raw, dict):
            raise BadRule("a rule is an object with `fault`, and perhaps `match`, `times`, `probability`")
        unknown = set(raw) - {"fault", "match", "times", "probability", "retry_after", "delay", "status"}
        match = raw.get("match") or {}
        unknown |= set(match) - MATCHES
        if unknown:
            raise BadRule(f"unknown fields: {', '.join(sorted(unknown))}")
        options = {name: raw[name] for name in raw.keys() - {"fault", "match"}}
        if not all(value is None or isinstance(value, int | float) for value in options.values()):
            raise BadRule("times, probability, retry_after, delay and status are numbers")
        return cls(kind=kind_named(str(raw.get("fault"))), match=match, **options)

    def matches(self, ask: Ask) -> bool:
        match = self.match
        return (
            match.get("provider", ask.provider) == ask.provider
            and match.get("model", ask.model) == ask.model
            and match.get("key", ask.key) == ask.key
            and match.get("operation", ask.operation) == ask.operation
            and match.get("batched", ask.batched) == ask.batched
            and str(match.get("prompt_contains", "")) in ask.prompt
        )


class Faults:
    """The rules in force; the first that matches and strikes wins."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.reset()

    def reset(self) -> None:
        self.rules: list[Rule] = []
        self.dice = seeded(self.seed)

    def add(self, rules: list[Any]) -> None:
        parsed = [Rule.parse(raw) for raw in rules]
        self.rules.extend(parsed)

    def draw(self, ask: Ask) -> Rule | None:
        for index, rule in enumerate(self.rules):
            if rule.times == 0 or not rule.matches(ask):
                continue
            if rule.probability < 1.0 and self.dice.random() >= rule.probability:
                continue
            if rule.times is not None:
                self.rules[index] = replace(rule, times=rule.times - 1)
            return rule
        return None
