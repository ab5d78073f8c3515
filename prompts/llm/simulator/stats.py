"""Counters that tests and benchmarks read: who was asked what, how often, and how it ended."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass

from .exchange import Ask, Json


@dataclass(slots=True)
class Tally:
    """One provider and model. `violations` are requests over our own limits; `faults` were planted."""

    requests: int = 0
    answers: int = 0
    violations: int = 0
    faults: int = 0
    batched: int = 0  # taken in with batches
    rejected: int = 0  # the request itself was wrong: key, model, body
    input_tokens: int = 0
    output_tokens: int = 0
    in_flight: int = 0
    in_flight_max: int = 0


@dataclass(slots=True)
class PromptTally:
    prompt: str
    asked: int = 0
    answered: int = 0


class Stats:
    """Counts since the last reset."""

    def __init__(self) -> None:
        self.tallies: dict[tuple[str, str], Tally] = {}
        self.prompts: dict[tuple[str, str, str], PromptTally] = {}
        self.in_flight = 0
        self.in_flight_max = 0

    def tally(self, provider: str, model: str) -> Tally:
        return self.tallies.setdefault((provider, model), Tally())

    def prompt(self, ask: Ask) -> PromptTally:
        digest = hashlib.sha256(ask.prompt.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        key = (ask.provider, ask.model, digest)
        found = self.prompts.get(key)
        if found is None:
            found = self.prompts[key] = PromptTally(ask.prompt[:80])
        return found

    def begin(self, ask: Ask) -> Tally:
        tally = self.tally(ask.provider, ask.model)
        tally.requests += 1
        tally.in_flight += 1
        tally.in_flight_max = max(tally.in_flight_max, tally.in_flight)
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self.in_flight)
        return tally

    def end(self, tally: Tally) -> None:
        tally.in_flight -= 1
        self.in_flight -= 1

    def report(self) -> Json:
        lanes = [{"provider": p, "model": m, **asdict(tally)} for (p, m), tally in self.tallies.items()]
        prompts = [
            {"provider": p, "model": m, "hash": digest, **asdict(tally)}
            for (p, m, digest), tally in self.prompts.items()
        ]
        totals = {name: sum(lane[name] for lane in lanes) for name in ("requests", "answers", "violations", "faults")}
        totals |= {"in_flight": self.in_flight, "in_flight_max": self.in_flight_max}
        return {"totals": totals, "lanes": lanes, "prompts": prompts}
