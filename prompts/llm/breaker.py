"""When a lane pauses: after five failures in a row nothing is sent for a minute, then one probe decides.

The states are `lua/breaker.lua`, which runs inside Redis, so that every process on every machine pauses together. A
provider that refuses a key, a request or its pace is answering: that closes a breaker, it never opens one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .errors import ErrorKind

LUA = Path(__file__).with_name("lua").joinpath("breaker.lua").read_text()

# The provider is not answering as it should, whatever we ask.
FAILURES = frozenset(
    {ErrorKind.SERVER, ErrorKind.OVERLOADED, ErrorKind.TIMEOUT, ErrorKind.CONNECTION, ErrorKind.BAD_RESPONSE}
)
# Decided on our side: nothing was sent.
UNSENT = frozenset({ErrorKind.QUOTA, ErrorKind.UNSUPPORTED, ErrorKind.BREAKER_OPEN})


class Verdict(StrEnum):
    """What a call told about its provider's health."""

    ANSWERED = "answered"
    FAILED = "failed"
    UNKNOWN = "unknown"  # cancelled or never sent


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRules:
    """Durations in seconds. A probe that never comes back counts as lost after `probe`."""

    threshold: int = 5
    cooldown: float = 60.0
    probe: float = 150.0


def verdict(kind: ErrorKind | None) -> Verdict:
    """The verdict of a call that ended in an error of this kind, or well (None)."""
    if kind is None:
        return Verdict.ANSWERED
    if kind in UNSENT:
        return Verdict.UNKNOWN
    return Verdict.FAILED if kind in FAILURES else Verdict.ANSWERED
