"""What retries may add to the load of a provider that is failing: a budget of each scan in each lane.

The first calls earn it: a retry for every five of them, a few at once, and one every second or two however slowly the
scan goes (the retry budgets of Finagle and gRPC, RFC A6). What the budget has no room for yet waits its turn; what
would wait too long is given up with a reason that says so. Each process keeps its own account, as their clients do:
all of them together retry a fifth of what they call together.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext_noop

SHARE = 0.2  # retries a call earns
AT_ONCE = 10.0  # that nobody has to earn
A_SECOND = 0.5
LONGEST = 600.0  # seconds that a retry waits for its turn
KEPT = 1_000  # accounts; the one that was used longest ago goes first

RETRY_BUDGET = "retry_budget"  # the error_kind of an answer that was given up for want of one
TOO_MANY = gettext_noop("Too many calls failed, so this one was not made again. The last one said: %(last)s")


@dataclass(slots=True)
class Account:
    """`room` is how many retries may be made now; below 0, those that wait have taken it in advance."""

    room: float
    at: float


class RetryBudgets:
    """`clock` is in seconds and never goes back."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._accounts: OrderedDict[tuple[int, str], Account] = OrderedDict()

    def called(self, scan_id: int, lane: str) -> None:
        """A call was made that was no retry."""
        self._account(scan_id, lane).room += SHARE

    def wait(self, scan_id: int, lane: str) -> float | None:
        """Take room for one retry: seconds until it may be made; None, and nothing is taken, when that is too long."""
        account = self._account(scan_id, lane)
        wait = round(max(0.0, (1.0 - account.room) / A_SECOND), 3)
        if wait > LONGEST:
            return None
        account.room -= 1.0
        return wait

    def _account(self, scan_id: int, lane: str) -> Account:
        now, key = self._clock(), (scan_id, lane)
        account = self._accounts.pop(key, None) or Account(room=AT_ONCE, at=now)
        # Time fills it up to what nobody has to earn, and no further.
        account.room = max(account.room, min(AT_ONCE, account.room + (now - account.at) * A_SECOND))
        account.at = now
        self._accounts[key] = account
        while len(self._accounts) > KEPT:
            self._accounts.popitem(last=False)
        return account
