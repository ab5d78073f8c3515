"""Where somebody is signed in, when each place was used last, and how to end it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from allauth.account.signals import user_logged_in
from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db.models import Exists, OuterRef
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from accounts.models import User
from accounts.presence import origin_of

NOTED_EVERY = 10 * 60  # seconds: what a page is worth writing for


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One browser that is signed in."""

    id: int
    browser: str
    address: str
    started_at: datetime
    used_at: datetime
    is_current: bool


class LastUse:
    """Middleware, after authentication: notes a session's last use, at most once in ten minutes."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if _is_worth_noting(request):
            _note_use(request, request._cached_user)  # type: ignore[attr-defined]  # the API may have refused it since
        return response


@receiver(user_logged_in, dispatch_uid="accounts.sessions.signed_in")
def _signed_in(*, request: HttpRequest, user: User, **_: Any) -> None:
    """In place of allauth's own receiver, which looks at every session of the user one by one."""
    places_of(user, current_key=None)
    _note_use(request, user)


def _is_worth_noting(request: HttpRequest) -> bool:
    """Only of pages that asked for the user anyway. An operator who acts as somebody leaves no trace here."""
    user = getattr(request, "_cached_user", None)
    if user is None or not user.is_authenticated or not request.session.session_key:
        return False
    if request.session.get("hijack_history"):
        return False
    digest = sha256(request.session.session_key.encode()).hexdigest()
    try:
        return cache.add(f"accounts:session-used:{digest}", 1, timeout=NOTED_EVERY)
    except RedisError:  # no page breaks because the cache is away, and none writes because nobody counts
        return False


def _note_use(request: HttpRequest, user: User) -> None:
    came_from = origin_of(request)
    if came_from.address is None:
        return
    noted = UserSession(
        user_id=user.pk,
        session_key=request.session.session_key,
        ip=came_from.address,
        user_agent=came_from.user_agent,
        last_seen_at=timezone.now(),
    )
    UserSession.objects.bulk_create(
        [noted],
        update_conflicts=True,
        unique_fields=["session_key"],
        update_fields=["user_id", "ip", "user_agent", "last_seen_at"],
    )


def places_of(user: User, *, current_key: str | None) -> list[Place]:
    """Most recently used first. What is over (expired, signed out, older than the password) is forgotten on the way."""
    noted = list(UserSession.objects.filter(user_id=user.pk).order_by("-last_seen_at", "-pk"))
    open_keys = _open_keys(user, [session.session_key for session in noted])
    over = [session.pk for session in noted if session.session_key not in open_keys]
    if over:
        UserSession.objects.filter(pk__in=over).delete()
    return [
        Place(
            id=session.pk,
            browser=browser_of(session.user_agent),
            address=session.ip,
            started_at=session.created_at,
            used_at=session.last_seen_at,
            is_current=session.session_key == current_key,
        )
        for session in noted
        if session.session_key in open_keys
    ]


def _open_keys(user: User, keys: list[str]) -> set[str]:
    found = set()
    for session in Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now()):
        data = session.get_decoded()
        ours = data.get(SESSION_KEY) == str(user.pk)
        if ours and constant_time_compare(data.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
            found.add(session.session_key)
    return found


def forget_expired() -> int:
    """Sessions that nobody can use any more, and the notes of where they were. How many sessions."""
    forgotten, _rows = Session.objects.filter(expire_date__lt=timezone.now()).delete()
    known = Session.objects.filter(session_key=OuterRef("session_key"))
    # A note of today may be of a session that is being started.
    UserSession.objects.filter(~Exists(known), last_seen_at__lt=timezone.now() - timedelta(days=1)).delete()
    return forgotten


def end_place(user: User, place_id: int) -> bool:
    """False where that is not a session of theirs, or no longer one."""
    session = UserSession.objects.filter(user_id=user.pk, pk=place_id).first()
    if session is None:
        return False
    Session.objects.filter(session_key=session.session_key).delete()
    session.delete()
    return True


def end_other_places(user: User, *, current_key: str | None) -> int:
    others = UserSession.objects.filter(user_id=user.pk).exclude(session_key=current_key)
    ended, _rows = Session.objects.filter(session_key__in=list(others.values_list("session_key", flat=True))).delete()
    others.delete()
    return ended


_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def browser_of(user_agent: str) -> str:
    """`Firefox on Windows`; what it says of itself where that is nothing known."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or user_agent.split("/")[0][:40] or _("Unknown browser")
