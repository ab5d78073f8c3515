"""Pieces of the design system that need more than an include: charts, heads of columns that sort, differences."""

from __future__ import annotations

from difflib import ndiff
from typing import Any

from django import template
from django.http import HttpRequest
from django.utils.translation import get_language_bidi

from accounts import formats
from orgs import charts
from orgs.templatetags.ui import sentence_of

register = template.Library()


@register.inclusion_tag("components/_chart.html", takes_context=True)
def chart(context: template.Context, found: charts.Chart, level: str = "h2") -> dict[str, Any]:
    """Rows go from the side that reading starts at; time goes from left to right everywhere."""
    shown: dict[str, Any] = {"chart": found, "level": level}
    if found.kind == "trend":
        return shown | {"trend": charts.trend(found.series)}
    rows, ticks = charts.bars(found.series[0].points if found.series else [])
    return shown | {"rows": rows, "ticks": ticks, "mirrored": _mirrored(context)}


@register.filter
def said(point: charts.Point) -> str:
    """A point in words, for its tooltip and for who listens."""
    return f"{formats.isolated(point.label)}: {sentence_of(point)}"


@register.filter
def mirror(at: str) -> str:
    """A place in per cent, seen from the other side."""
    return f"{100 - float(at):.2f}"


@register.inclusion_tag("components/_sort.html", takes_context=True)
def sort_header(context: template.Context, key: str, label: str, classes: str = "") -> dict[str, Any]:
    """The head of a column that `?sort=key` sorts by, and `?sort=-key` the other way round."""
    request: HttpRequest = context["request"]
    sort = request.GET.get("sort", "")
    query = request.GET.copy()
    for cursor in ("after", "before"):
        query.pop(cursor, None)
    query["sort"] = f"-{key}" if sort == key else key
    way = {key: "ascending", f"-{key}": "descending"}.get(sort, "")
    return {"label": label, "classes": classes, "way": way, "query": query.urlencode()}


@register.simple_tag(takes_context=True)
def querystring_of(context: template.Context, name: str, value: str) -> str:
    """This page's address with `name` set to `value`, or without it."""
    query = context["request"].GET.copy()
    query.pop(name, None)
    if value:
        query[name] = value
    return f"?{query.urlencode()}"


@register.inclusion_tag("components/_diff.html")
def diff(before: object, after: object) -> dict[str, Any]:
    """What changed between two texts, line by line."""
    kinds = {"- ": "del", "+ ": "ins", "  ": "same"}
    lines = ndiff(str(before or "").splitlines(), str(after or "").splitlines())
    return {"lines": [(kinds[line[:2]], line[2:]) for line in lines if line[:2] in kinds]}


def _mirrored(context: template.Context) -> bool:
    return bool(get_language_bidi() or context.get("shown_direction") == "rtl")
