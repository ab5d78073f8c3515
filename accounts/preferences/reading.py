"""One person's way of reading, and putting it into force around a page or a mail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils import timezone, translation

from accounts import formats
from accounts.preferences.zones import is_zone

if TYPE_CHECKING:
    from accounts.models import User

ZONE_COOKIE = "time_zone"  # written by static/zone.js
_NOBODY = -1
_FOR_PROGRAMS = "/api/"

# Whose request this is: a user's id, None for a visitor, `_NOBODY` outside requests.
_present: ContextVar[int | None] = ContextVar("reader", default=_NOBODY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """`numbers` empty: as the language writes them."""

    language: str
    zone: str
    numbers: str = ""

    @contextmanager
    def active(self) -> Iterator[None]:
        with (
            translation.override(self.language),
            timezone.override(ZoneInfo(self.zone)),
            formats.number_format(self.numbers),
        ):
            yield


@cache
def _languages() -> frozenset[str]:
    return frozenset(code for code, _ in settings.LANGUAGES)


def reading_of(request: HttpRequest) -> Reading:
    """What the user chose; where nothing was chosen, what the browser asks for. Programs get the site's own zone and
    plain numbers, whoever's they are."""
    if request.path.startswith(_FOR_PROGRAMS):
        return Reading(language=translation.get_language_from_request(request), zone=settings.TIME_ZONE)
    user: User | AnonymousUser = request.user  # type: ignore[assignment]
    cookie = request.COOKIES.get(ZONE_COOKIE, "")
    language, zone, numbers = _chosen(user)
    return Reading(
        language=language or translation.get_language_from_request(request),
        zone=zone or (cookie if is_zone(cookie) else settings.TIME_ZONE),
        numbers=numbers,
    )


@contextmanager
def present(request: HttpRequest) -> Iterator[Reading]:
    """The request's reading is in force inside."""
    reading = reading_of(request)
    token = _present.set(request.user.pk)
    try:
        with reading.active():
            yield reading
    finally:
        _present.reset(token)


@contextmanager
def as_read_by(reader: User | str | None, *, language: str = "") -> Iterator[Reading]:
    """Texts, times and numbers inside are written for `reader`: a user, or an address that has no account. What they
    left open is taken from the present request where it is theirs or a visitor's, else from the site's defaults.
    `language` is for a reader who must have that one."""
    chosen, zone, numbers = ("", "", "") if reader is None or isinstance(reader, str) else _chosen(reader)
    known = reader is None or isinstance(reader, str) or _present.get() in (None, reader.pk)
    reading = Reading(
        language=language or chosen or (known and translation.get_language()) or settings.LANGUAGE_CODE,
        zone=zone or (timezone.get_current_timezone_name() if known else settings.TIME_ZONE),
        numbers=numbers,
    )
    with reading.active():
        yield reading


def _chosen(user: User | AnonymousUser) -> tuple[str, str, str]:
    """Language, zone and numbers; empty where nothing valid was chosen."""
    if isinstance(user, AnonymousUser):
        return "", "", ""
    language = user.language if user.language in _languages() else ""
    return language, user.time_zone if is_zone(user.time_zone) else "", user.number_format
