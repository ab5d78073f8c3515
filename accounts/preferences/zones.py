"""The world's time zones, as a list that people choose from."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from itertools import groupby
from zoneinfo import ZoneInfo, available_timezones

from django.utils import timezone
from django.utils.translation import pgettext_lazy

AREAS = {
    "Africa": pgettext_lazy("region of time zones", "Africa"),
    "America": pgettext_lazy("region of time zones", "America"),
    "Antarctica": pgettext_lazy("region of time zones", "Antarctica"),
    "Arctic": pgettext_lazy("region of time zones", "Arctic"),
    "Asia": pgettext_lazy("region of time zones", "Asia"),
    "Atlantic": pgettext_lazy("region of time zones", "Atlantic"),
    "Australia": pgettext_lazy("region of time zones", "Australia"),
    "Europe": pgettext_lazy("region of time zones", "Europe"),
    "Indian": pgettext_lazy("region of time zones", "Indian Ocean"),
    "Pacific": pgettext_lazy("region of time zones", "Pacific"),
}

Group = tuple[str, list[tuple[str, str]]]


@cache
def _known() -> frozenset[str]:
    return frozenset(available_timezones())


def is_zone(name: str) -> bool:
    return name in _known()


@cache
def _listed() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(area, names); other names are old spellings of these."""
    names = sorted(name for name in _known() if name.partition("/")[0] in AREAS and "/" in name)
    return tuple((area, tuple(group)) for area, group in groupby(names, key=lambda name: name.partition("/")[0]))


def choices(*, besides: str = "") -> list[tuple[str, str] | Group]:
    """For a select, grouped by area; the offset is that of this moment. `besides` is listed even under an old name."""
    now = timezone.now()
    single = ["UTC", *([besides] if besides and not _is_listed(besides) else [])]
    groups: list[tuple[str, str] | Group] = [(name, _label(name, now)) for name in dict.fromkeys(single)]
    return [*groups, *((str(AREAS[area]), [(name, _label(name, now)) for name in names]) for area, names in _listed())]


def _is_listed(name: str) -> bool:
    return name == "UTC" or any(name in names for _, names in _listed())


def _label(name: str, at: datetime) -> str:
    """`Berlin (UTC+02:00)`."""
    place = (name.partition("/")[2] or name).replace("_", " ").replace("/", ", ")
    offset = at.astimezone(ZoneInfo(name)).strftime("%z")
    return place if name == "UTC" else f"{place} (UTC{offset[:3]}:{offset[3:5]})"
