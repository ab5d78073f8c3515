"""What the bell hears: how many notifications are unread, and scans that have just ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import translation

from accounts.models import User
from orgs.inbox import inbox_of, unread_of
from orgs.live import NOTIFIED, Told
from orgs.models import Membership
from orgs.roles import Permission
from orgs.scoping import org_scope
from orgs.sentences import link_of, sentence_of
from orgs.streams import OrgStream, Sent, org_stream, release_connection

TOASTS = ("scan.",)  # topics that are said at once, and not only counted


@org_stream(Permission.PROJECTS_VIEW)
async def notifications(stream: OrgStream) -> AsyncIterator[Sent]:
    known: int | None = None
    told: Told | None = None
    while True:
        unread, toast = await sync_to_async(_news)(stream.membership, told)
        if unread != known:
            yield Sent(event="unread", data={"unread": unread})
        if toast:
            yield Sent(event="toast", data=toast)
        known, told = unread, await stream.told()


def _news(membership: Membership, told: Told | None) -> tuple[int, dict[str, str] | None]:
    try:
        with org_scope(membership.org_id):
            pk = told.notification_id if told and told.what == NOTIFIED else None
            toast = _toast(membership, pk) if pk else None
            return unread_of(membership), toast
    finally:
        release_connection()


def _toast(membership: Membership, pk: int) -> dict[str, str] | None:
    """In the reader's language, which a stream's request does not know."""
    rows = inbox_of(membership).select_related("event__actor", "event__impersonator", "user")
    row: Any = rows.filter(pk=pk).first()
    if row is None or not row.kind.startswith(TOASTS):
        return None
    reader: User = row.user
    with translation.override(reader.language or settings.LANGUAGE_CODE):
        return {"text": sentence_of(row.event, to=reader.pk), "url": link_of(row.event, membership.org.slug)}
