"""What may be set when the simulator starts, and changed while it runs."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, fields, replace
from typing import Any

from .exchange import Json
from .limits import GENEROUS, Limit


class BadOption(ValueError):
    """An option that does not exist or has no sensible value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`latency` is seconds to a whole answer, for all or by provider; with `latency_jitter` > 0 it is the median of
    a lognormal of that sigma. `day` counts from the world's epoch; None takes today's. `brands` are extra ones that
    answers outside the world's topics may name: `[{"name", "rate", "domain"}]`. A batch takes `batch_seconds`, and
    what is not answered after `batch_expires` seconds never is; `batch_noise` puts lines among its results that do not
    belong there, without `batch_metadata` Google forgets which response is whose."""

    seed: int = 7
    day: int | None = None
    latency: float | dict[str, float] = 0.0
    latency_jitter: float = 0.0
    limits: dict[str, Limit] = field(default_factory=lambda: dict(GENEROUS))
    brands: tuple[Json, ...] = ()
    refusal_rate: float | None = None  # None: as the world says
    batch_seconds: float = 0.0
    batch_expires: float | None = None
    batch_noise: bool = False
    batch_metadata: bool = True
    grounding_redirects: bool = True  # Google's citations point to its redirect service, as they really do

    def updated(self, raw: Json) -> Options:
        unknown = set(raw) - {known.name for known in fields(self)}
        if unknown:
            raise BadOption(f"unknown options: {', '.join(sorted(unknown))}")
        changes: dict[str, Any] = dict(raw)
        if "limits" in raw:
            changes["limits"] = self.limits | {name: parse_limit(value) for name, value in raw["limits"].items()}
        if "brands" in raw:
            changes["brands"] = tuple(raw["brands"])
        updated = replace(self, **changes)
        updated.check()
        return updated

    def check(self) -> None:
        latencies = self.latency.values() if isinstance(self.latency, dict) else [self.latency]
        if not all(_is_number(value) and value >= 0 for value in (*latencies, self.latency_jitter)):
            raise BadOption("latency and latency_jitter are seconds, zero or more")
        if not all(_is_number(value) and value >= 0 for value in (self.batch_seconds, self.batch_expires or 0)):
            raise BadOption("batch_seconds and batch_expires are seconds, zero or more")
        if not isinstance(self.seed, int) or not isinstance(self.day, int | None):
            raise BadOption("seed and day are whole numbers")
        if not all(isinstance(brand, dict) and brand.get("name") for brand in self.brands):
            raise BadOption("every brand needs a name")

    def delay(self, provider: str, dice: random.Random) -> float:
        median = self.latency.get(provider, 0.0) if isinstance(self.latency, dict) else self.latency
        if median <= 0 or self.latency_jitter <= 0:
            return max(0.0, median)
        return median * math.exp(dice.gauss(0.0, self.latency_jitter))


def parse_limit(raw: Any) -> Limit:
    if isinstance(raw, Limit):
        return raw
    if raw is None:
        return Limit()
    try:
        return Limit(**raw)
    except TypeError as error:
        raise BadOption("a limit has `requests`, `tokens` and `window` only") from error


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
