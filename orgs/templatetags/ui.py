"""What every template may say: icons, bars with their intervals, and numbers written the way people read them."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Protocol
from uuid import uuid4

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from accounts import formats

register = template.Library()

_DASH = "\u2013"
_ICON_NAME = re.compile(r"[a-z0-9-]+")
_FLAG_ICONS = {"success": "circle-check", "error": "circle-alert", "warning": "triangle-alert", "info": "info"}


class Estimate(Protocol):
    """A share in 0..1 with its interval and its denominator; `value` is None where `n` is 0."""

    @property
    def value(self) -> float | None: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...
    @property
    def n(self) -> int: ...


@cache
def _icon_body(name: str) -> str:
    if not _ICON_NAME.fullmatch(name):
        raise ValueError(f"No icon is called {name!r}.")
    path = settings.BASE_DIR / "static" / "vendor" / "lucide" / f"{name}.svg"
    svg = path.read_text()
    body = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    return " ".join(body.split())


@register.simple_tag
def icon(name: str, classes: str = "size-4") -> SafeString:
    """A Lucide icon, inlined; decoration only, so the words beside it carry the meaning."""
    return format_html(
        '<svg class="icon {}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75"'
        ' stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">{}</svg>',
        classes,
        mark_safe(_icon_body(name)),  # noqa: S308 - a vendored file chosen by name
    )


@register.filter
def flag_icon(level: str) -> str:
    """The icon of a message's level."""
    return _FLAG_ICONS.get(level, "info")


@register.simple_tag
def interval_bar(estimate: Estimate | None, own: bool = True) -> SafeString:
    """A track from 0 to 100 %: the interval as a band, the estimate as a line. Words stand beside it."""
    if estimate is None or estimate.value is None:
        return mark_safe(
            '<svg class="ibar" aria-hidden="true"><rect class="ibar-track" width="100%" height="100%"/></svg>'
        )
    low = estimate.value if estimate.low is None else estimate.low
    high = estimate.value if estimate.high is None else estimate.high
    return format_html(
        '<svg class="ibar {}" role="img" aria-label="{}">'
        '<rect class="ibar-track" width="100%" height="6" y="7" rx="3"/>'
        '<rect class="ibar-value" width="{}%" height="6" y="7" rx="3"/>'
        '<rect class="ibar-range" x="{}%" width="{}%" height="12" y="4" rx="3"/>'
        '<line class="ibar-point" x1="{}%" x2="{}%" y1="2" y2="18"/></svg>',
        "is-own" if own else "is-other",
        sentence_of(estimate),
        *(
            f"{100 * number:.2f}"
            for number in (estimate.value, low, max(high - low, 0.0), estimate.value, estimate.value)
        ),
    )


def sentence_of(estimate: Estimate) -> str:
    known = {"share": percent(estimate.value), "n": count(estimate.n)}
    if estimate.low is None or estimate.high is None:
        return _("%(share)s, n = %(n)s") % known
    ends = {"low": percent(estimate.low), "high": percent(estimate.high)}
    return _("%(share)s, between %(low)s and %(high)s, n = %(n)s") % {**known, **ends}


@register.simple_tag
def share_bar(share: float | None, own: bool = False, of: float | None = None) -> SafeString:
    """A plain bar of `share` (0..1), drawn against `of` where the largest bar should fill the track."""
    width = 100 * (share or 0.0) / (of or 1.0)
    return format_html(
        '<svg class="sbar {}" aria-hidden="true"><rect class="sbar-track" width="100%" height="8" rx="2"/>'
        '<rect class="sbar-value" width="{}%" height="8" rx="2"/></svg>',
        "is-own" if own else "is-other",
        f"{min(max(width, 0.0), 100.0):.2f}",
    )


@register.simple_tag
def stacked_bar(done: int, failed: int, total: int) -> SafeString:
    """Progress towards `total`: answered, then failed, then what is left."""
    whole = max(total, 1)
    return format_html(
        '<svg class="pbar" aria-hidden="true"><rect class="pbar-track" width="100%" height="100%"/>'
        '<rect class="pbar-done" width="{}%" height="100%"/>'
        '<rect class="pbar-failed" x="{}%" width="{}%" height="100%"/></svg>',
        *(f"{100 * part / whole:.2f}" for part in (done, done, failed)),
    )


@register.simple_tag
def fresh_id(prefix: str) -> str:
    """An id that no other element of the page has."""
    return f"{prefix}-{uuid4().hex[:8]}"


def _missing(value: object) -> bool:
    """Django hands a filter the empty string where a name is not in the context."""
    return isinstance(value, str)


@register.filter
def percent(value: float | None) -> str:
    """A share in 0..1 as whole per cent; a dash where it is unknown, `<1%` where rounding would say none."""
    if value is None or _missing(value):
        return _DASH
    if 0 < value < 0.005:
        return formats.in_order(f"<{formats.per_cent('1')}")
    if 0.995 < value < 1:
        return formats.in_order(f">{formats.per_cent('99')}")
    return formats.per_cent(f"{100 * value:.0f}")


@register.filter
def interval(estimate: Estimate | None) -> str:
    """`33-51%`, or nothing where there is no interval."""
    if not estimate or estimate.low is None or estimate.high is None:
        return ""
    return formats.in_order(f"{100 * estimate.low:.0f}{_DASH}{percent(estimate.high)}")


@register.filter
def money(value: Decimal | float | None) -> str:
    """US dollars; more digits for less money, a dash where the price is unknown."""
    if value is None or _missing(value):
        return _DASH
    amount = Decimal(value)
    if 0 < amount < Decimal("0.0001"):
        return formats.in_order(f"<{formats.dollars(formats.number(Decimal('0.0001'), digits=4))}")
    fine = 0 < amount < Decimal("0.1") and not f"{amount:.4f}".endswith("00")
    return formats.dollars(formats.number(amount, digits=4 if fine else 2))


@register.filter
def amount(value: Decimal | float | None) -> str:
    """Without decimals where it is whole, else with two: for what has its currency beside it."""
    return _DASH if value is None or _missing(value) else formats.number(value, digits=0 if value == int(value) else 2)


@register.filter
def count(value: int | None) -> str:
    """A whole number with thousands separated."""
    return _DASH if value is None or _missing(value) else formats.number(int(value))


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds as people say them: `0.8 s`, `42 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds is None or _missing(seconds):
        return _DASH
    if seconds < 10:
        return _("%(seconds)s s") % {"seconds": formats.number(seconds, digits=1)}
    whole = round(seconds)
    if whole < 60:
        return _("%(seconds)s s") % {"seconds": whole}
    if whole < 3600:
        return _("%(minutes)s min %(seconds)s s") % {"minutes": whole // 60, "seconds": whole % 60}
    return _("%(hours)s h %(minutes)s min") % {"hours": formats.number(whole // 3600), "minutes": whole % 3600 // 60}


@register.filter
def at(value: datetime | None, style: str = "") -> str:
    """A moment in the reader's own zone and language, as bare text; `style` is a key of `formats.STYLES`."""
    return _DASH if value is None or _missing(value) else formats.moment(value, style=style)


@register.filter
def until(value: datetime) -> str:
    """`at`, for what ends soon: the time of day tells enough of the next hours, but not of tomorrow."""
    return at(value, "clock" if value - timezone.now() < timedelta(hours=12) else "short")


@register.filter
def day(value: date | None) -> str:
    """A day that belongs to no zone, in the reader's language."""
    return _DASH if value is None or _missing(value) else formats.day(value)


@register.simple_tag
def moment(value: datetime | None, style: str = "") -> SafeString | str:
    """The same for people and programs: an element that carries the moment itself."""
    if value is None or _missing(value):
        return _DASH
    return format_html(
        '<time datetime="{}">{}</time>', value.isoformat(timespec="seconds"), formats.moment(value, style=style)
    )


@register.simple_tag
def ago(value: datetime | None) -> SafeString | str:
    """How long ago, with the moment itself at hand; the plain moment once it is more than a week."""
    if value is None or _missing(value):
        return _DASH
    passed = timezone.now() - value
    if not timedelta(0) <= passed < timedelta(days=7):
        return moment(value)
    text = _("%(time)s ago") % {"time": timesince(value, depth=1)} if passed >= timedelta(minutes=1) else _("just now")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', value.isoformat(timespec="seconds"), formats.moment(value), text
    )


@register.filter
def milliseconds(value: int | None) -> float | None:
    """Milliseconds as seconds, for `duration`."""
    return None if value is None or _missing(value) else value / 1000


@register.filter
def isolated(name: object) -> str:
    """What somebody wrote, for the middle of a sentence; see `formats.isolated`."""
    return formats.isolated(str(name))


@register.filter
def initial(name: object) -> str:
    """The first letter or digit of a name, for a monogram."""
    return next((character.upper() for character in str(name) if character.isalnum()), "?")
