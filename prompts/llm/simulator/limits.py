"""The simulator's own rate limits: requests and tokens in a sliding window, per provider, key and model."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from .exchange import Allowance, Ask, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """`requests` and `tokens` per `window` seconds; None is unlimited."""

    requests: int | None = None
    tokens: int | None = None
    window: float = 60.0


GENEROUS = {
    "openai": Limit(requests=30_000, tokens=150_000_000),
    "anthropic": Limit(requests=30_000, tokens=150_000_000),
    "google": Limit(requests=30_000, tokens=150_000_000),
    "perplexity": Limit(requests=30_000),
    "compatible": Limit(),
}


@dataclass(slots=True)
class Window:
    """Admissions of the last `window` seconds as (time, tokens)."""

    limit: Limit
    admitted: deque[tuple[float, int]] = field(default_factory=deque)
    tokens: int = 0

    def forget(self, now: float) -> None:
        horizon = now - self.limit.window
        while self.admitted and self.admitted[0][0] <= horizon:
            self.tokens -= self.admitted.popleft()[1]

    def exceeded(self, wanted: int) -> str:
        limit = self.limit
        if limit.requests is not None and len(self.admitted) + 1 > limit.requests:
            return "requests"
        # A request larger than the whole window is let into an empty one, or it could never be answered.
        if limit.tokens is not None and self.admitted and self.tokens + wanted > limit.tokens:
            return "tokens"
        return ""

    def wait(self, exceeded: str, wanted: int, now: float) -> float:
        """Seconds until enough of the window has passed for `wanted` tokens."""
        if exceeded == "requests":
            return self._wait_for_requests(now)
        missing = self.tokens + wanted - (self.limit.tokens or 0)
        for at, tokens in self.admitted:
            missing -= tokens
            if missing <= 0:
                return max(0.0, at + self.limit.window - now)
        return self.limit.window

    def _wait_for_requests(self, now: float) -> float:
        """More than one may have to leave: the limit may have been lowered since they were let in."""
        if not self.limit.requests:
            return self.limit.window
        last, _ = self.admitted[len(self.admitted) - self.limit.requests]
        return max(0.0, last + self.limit.window - now)

    def state(self, now: float) -> Allowance:
        reset = max(0.0, self.admitted[-1][0] + self.limit.window - now) if self.admitted else 0.0
        requests, tokens = self.limit.requests, self.limit.tokens
        return Allowance(
            requests=None if requests is None else Level(requests, max(0, requests - len(self.admitted)), reset),
            tokens=None if tokens is None else Level(tokens, max(0, tokens - self.tokens), reset),
        )


class Limits:
    """Every window that has been used so far."""

    def __init__(self, limits: dict[str, Limit]) -> None:
        self.limits = limits
        self.windows: dict[tuple[str, str, str], Window] = {}

    def change(self, limits: dict[str, Limit]) -> None:
        """Other limits from now on; what was admitted in the last window still counts."""
        self.limits = limits
        for (provider, _, _), window in self.windows.items():
            window.limit = limits.get(provider, Limit())

    def admit(self, ask: Ask) -> tuple[Window, Allowance | None]:
        """The window, and None, or the state that says how long to wait."""
        key = (ask.provider, ask.key, ask.model)
        window = self.windows.get(key)
        if window is None:
            window = self.windows[key] = Window(self.limits.get(ask.provider, Limit()))
        now = time.monotonic()
        window.forget(now)
        exceeded = window.exceeded(ask.input_tokens)
        if not exceeded:
            window.admitted.append((now, ask.input_tokens))
            window.tokens += ask.input_tokens
            return window, None
        state = window.state(now)
        wait = window.wait(exceeded, ask.input_tokens, now)
        return window, Allowance(requests=state.requests, tokens=state.tokens, exceeded=exceeded, retry_after=wait)

    def settle(self, window: Window, produced: int) -> Allowance:
        """Add the tokens that the newest admission produced; the state for the response's headers."""
        if window.admitted:
            at, tokens = window.admitted[-1]
            window.admitted[-1] = (at, tokens + produced)
            window.tokens += produced
        return window.state(time.monotonic())
