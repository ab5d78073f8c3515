"""Open streams of an organization: who may hold one, and how all of a user's end at once."""

from __future__ import annotations

from orgs.live import END, Told, tell


def end_streams(org_id: int, user_id: int | None = None) -> None:
    """End the streams that a user holds in an organization, or with no user everybody's, when the transaction commits.
    Call it wherever access ends or shrinks."""
    tell(Told(what=END, org_id=org_id, user_id=user_id))
