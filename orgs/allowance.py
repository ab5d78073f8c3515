"""How many invitations a person may send in a day over all of their organizations, and how many reach one address."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from django.conf import settings
from django.core.cache import cache

DAY = 24 * 3600  # seconds, from the first one on
PER_ADDRESS = 5


class TooMany(Exception):
    """The organization, or whoever invites, has sent as many invitations today as they may and could send `left` more;
    or the addresses in `full` have had as many as anybody gets."""

    def __init__(self, left: int, *, full: Iterable[str] = ()) -> None:
        self.left, self.full = left, list(full)
        super().__init__(f"{left} more invitations may be sent today")


def spend(sender_id: int, emails: Iterable[str]) -> None:
    """Count these as sent. Raises `TooMany`, and then counts nothing."""
    wanted = list(emails)
    before = _add(_of_sender(sender_id), len(wanted)) - len(wanted)
    if before + len(wanted) > settings.INVITATIONS_PER_DAY:
        _add(_of_sender(sender_id), -len(wanted))
        raise TooMany(max(settings.INVITATIONS_PER_DAY - before, 0))
    full = [email for email in wanted if _add(_of_address(email), 1) > PER_ADDRESS]
    if full:
        _add(_of_sender(sender_id), -len(wanted))
        for email in wanted:
            _add(_of_address(email), -1)
        raise TooMany(0, full=full)


def _add(key: str, count: int) -> int:
    """Whoever counts at the same time counts on from here. A counter that runs out meanwhile begins anew."""
    cache.add(key, 0, timeout=DAY)
    try:
        return cache.incr(key, count)
    except ValueError:
        cache.add(key, 0, timeout=DAY)
        return cache.incr(key, count)


def _of_sender(sender_id: int) -> str:
    return f"orgs:invited-by:{sender_id}"


def _of_address(email: str) -> str:
    """Not the address itself: the cache is no place for those."""
    return f"orgs:invited:{hashlib.sha256(email.lower().encode()).hexdigest()}"
