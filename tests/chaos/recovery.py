"""How long it takes after a fault until answers are stored again, and until those that were held are asked again."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connection

from orgs.scoping import org_scope
from scans.models import Answer, Scan


@dataclass(kw_only=True)
class Watch:
    """Of one fault; seconds, None while it has not happened."""

    kind: str
    stored: int
    held: dict[int, UUID]
    began: float = field(default_factory=time.monotonic)
    stored_again: float | None = None
    asked_again: float | None = None

    def look(self, *, stored: int, claimed: dict[int, UUID], pending: set[int]) -> None:
        age = time.monotonic() - self.began
        if self.stored_again is None and stored > self.stored:
            self.stored_again = age
        waiting = [pk for pk, token in self.held.items() if claimed.get(pk) == token or pk in pending]
        if self.asked_again is None and not waiting:
            self.asked_again = age


class Recoveries:
    def __init__(self, scan: Scan) -> None:
        self._scan = scan
        self.watches: list[Watch] = []

    def begin(self, kind: str) -> None:
        """Right before the fault."""
        stored, claimed, _ = self._state()
        self.watches.append(Watch(kind=kind, stored=stored, held=claimed))

    def look(self) -> int:
        """Look at what is there now; how many answers are stored."""
        try:
            stored, claimed, pending = self._state()
        except (DatabaseError, InterfaceError):
            connection.close()
            return 0
        for watch in self.watches:
            watch.look(stored=stored, claimed=claimed, pending=pending)
        return stored

    def _state(self) -> tuple[int, dict[int, UUID], set[int]]:
        with org_scope(self._scan.org_id):
            rows = Answer.objects.for_org(self._scan.org_id).filter(scan=self._scan)
            still_open = list(rows.filter(status__in=Answer.OPEN).values_list("pk", "lease_token"))
        claimed = {pk: token for pk, token in still_open if token is not None}
        pending = {pk for pk, token in still_open if token is None}
        return self._scan.total - len(still_open), claimed, pending
