"""Open streams of an organization (server-sent events): who may hold one, for how long, and how they end at once.

No database connection is held while a stream is open: whoever it belongs to is looked up when it opens and once a
minute, and what it tells is read when something is said to have happened.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from allauth.usersessions.models import UserSession
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.signals import user_logged_out
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    StreamingHttpResponse,
)

from orgs import places
from orgs.access import membership_of
from orgs.hub import Hub, Inbox
from orgs.impersonation import is_over
from orgs.live import END, Told, session_digest, tell
from orgs.models import Membership
from orgs.roles import Permission

if TYPE_CHECKING:
    from accounts.models import User

HEARTBEAT = 15.0  # seconds
RECHECK = 60.0
LIFE = 15 * 60.0  # then the browser opens another, perhaps at a process that is less busy
_PATIENCE = 5.0

Source = Callable[["OrgStream"], AsyncIterator["Sent"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One server-sent event."""

    event: str
    data: Any

    def encode(self) -> bytes:
        return f"event: {self.event}\ndata: {json.dumps(self.data)}\n\n".encode()


@dataclass(slots=True, kw_only=True)
class OrgStream:
    """An open stream, as what it tells sees it. `membership` is as it was when last looked up."""

    request: HttpRequest
    membership: Membership
    inbox: Inbox

    async def told(self) -> Told:
        """The next message for this user; waits for it."""
        return await self.inbox.messages.get()


def end_streams(org_id: int, user_id: int | None = None) -> None:
    """End the streams that a user holds in an organization, or with no user everybody's, when the transaction commits.
    Call it wherever access ends or shrinks."""
    tell(Told(what=END, org_id=org_id, user_id=user_id))


def end_streams_of_session(session_key: str | None) -> None:
    """End what a browser holds, in every organization, when the transaction commits."""
    if session_key:
        tell(Told(what=END, session=session_digest(session_key)))


def org_stream(permission: Permission) -> Callable[[Source], Callable[..., Any]]:
    """Guard a stream of one organization as `org_view` does a page; its address must name `org_slug`. The source gets
    an `OrgStream` and yields what to send, and must read the database in short scopes of its own."""

    def decorate(source: Source) -> Callable[..., Any]:
        @wraps(source)
        async def guarded(request: HttpRequest, org_slug: str) -> HttpResponseBase:
            membership = await sync_to_async(_admitted)(request, org_slug, permission)
            if membership is None:
                return HttpResponse(status=401, headers={"Cache-Control": "no-store"})
            if request.method != "GET":
                return HttpResponseNotAllowed(["GET"])
            place = await places.take(membership.user_id)
            if place is None:
                return HttpResponse(status=429, headers={"Retry-After": str(int(RECHECK))})
            inbox = Inbox(
                org_id=membership.org_id,
                user_id=membership.user_id,
                session=session_digest(request.session.session_key),
            )
            stream = OrgStream(request=request, membership=membership, inbox=inbox)
            headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
            frames = _frames(stream, source, permission=permission, place=place)
            return StreamingHttpResponse(frames, content_type="text/event-stream", headers=headers)

        guarded.org_permission = permission  # type: ignore[attr-defined]
        guarded.is_stream = True  # type: ignore[attr-defined]
        return guarded

    return decorate


def _admitted(request: HttpRequest, org_slug: str, permission: Permission) -> Membership | None:
    """None where nobody is signed in, or where acting as them is over. Raises `Http404` and `PermissionDenied`."""
    try:
        if not request.user.is_authenticated or is_over(request.session):
            return None
        membership = membership_of(cast("User", request.user), org_slug)
        if not membership.allows(permission):
            raise PermissionDenied(f"Your role may not do this ({permission}).")
        return membership
    finally:
        release_connection()


def release_connection() -> None:
    """Nothing is held while a stream waits; a connection within somebody's transaction is theirs."""
    if not connection.in_atomic_block:
        connection.close()


async def _frames(stream: OrgStream, source: Source, *, permission: Permission, place: str) -> AsyncIterator[bytes]:
    """What goes over the wire: the source's events, a comment where it is silent, until the stream must end."""
    async with _open(stream, place), aclosing(cast(Any, _paced(stream, source, permission, place))) as frames:
        async for frame in frames:
            yield frame


@asynccontextmanager
async def _open(stream: OrgStream, place: str) -> AsyncIterator[None]:
    try:
        with Hub.here().listening(stream.inbox):
            # What is told from now on is heard, so that nothing is missed between the first look and the next.
            await Hub.here().subscribed(patience=_PATIENCE)
            yield
    finally:
        await places.leave(stream.membership.user_id, place)


async def _paced(stream: OrgStream, source: Source, permission: Permission, place: str) -> AsyncIterator[bytes]:
    if not await _still_admitted(stream, permission):
        return
    yield b"retry: 5000\n\n"
    loop = asyncio.get_running_loop()
    opened = checked = loop.time()
    ended = asyncio.create_task(stream.inbox.ended.wait())
    events = source(stream)
    following = asyncio.ensure_future(_next(events))
    try:
        while not ended.done() and loop.time() - opened < LIFE:
            await asyncio.wait({ended, following}, timeout=HEARTBEAT, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return
            due = loop.time() - checked >= RECHECK
            if due and not await _still_admitted(stream, permission):
                return
            checked = loop.time() if due else checked
            if not following.done():
                await places.keep(Hub.here().redis, stream.membership.user_id, place)
                yield b": still here\n\n"
                continue
            sent = following.result()
            if sent is None:
                return
            yield sent.encode()
            following = asyncio.ensure_future(_next(events))
    finally:
        ended.cancel()
        following.cancel()
        await asyncio.gather(ended, following, return_exceptions=True)
        await cast(Any, events).aclose()


async def _next(events: AsyncIterator[Sent]) -> Sent | None:
    return await anext(events, None)


async def _still_admitted(stream: OrgStream, permission: Permission) -> bool:
    """Signed in, in this session, by an unchanged password; a member, with the permission, of an open organization."""
    membership = await sync_to_async(_looked_up_again)(stream.request, stream.membership.org.slug, permission)
    if membership is None:
        return False
    stream.membership = membership
    return True


def _looked_up_again(request: HttpRequest, org_slug: str, permission: Permission) -> Membership | None:
    engine = import_module(settings.SESSION_ENGINE)
    request.session = engine.SessionStore(request.session.session_key)
    request.user = get_user(request)
    try:
        return _admitted(request, org_slug, permission)
    except (Http404, PermissionDenied):
        return None


@receiver(user_logged_out, dispatch_uid="orgs.streams")
def _signed_out(request: HttpRequest | None = None, **_: Any) -> None:
    if request is not None and hasattr(request, "session"):
        end_streams_of_session(request.session.session_key)


@receiver(post_delete, sender=UserSession, dispatch_uid="orgs.streams")
def _session_ended(instance: UserSession, **_: Any) -> None:
    end_streams_of_session(instance.session_key)
