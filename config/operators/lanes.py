"""The lanes' limits: what counts now and why, how much of it is used, and forgetting what a lane has learned."""

from __future__ import annotations

import logging

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from config.operators.state import Lane, read_lanes
from prompts.traffic import lane_gauges, reset_lane

logger = logging.getLogger("prompter.operators")

MAY_RESET = "scans.change_scan"


@require_GET
def lanes(request: HttpRequest) -> HttpResponse:
    """The page; only its moving part for htmx."""
    away = lane_gauges(()) is None
    context = {"lanes": read_lanes(), "redis_away": away, "may_reset": request.user.has_perm(MAY_RESET)}
    if "HX-Request" in request.headers:
        return render(request, "admin/_lanes.html", context)
    return render(request, "admin/lanes.html", {**admin.site.each_context(request), "title": _("Limits"), **context})


@require_http_methods(["GET", "HEAD", "POST"])
def reset(request: HttpRequest) -> HttpResponse:
    """Asks first: a provider that still refuses is asked at full pace again."""
    if not request.user.has_perm(MAY_RESET):
        raise PermissionDenied("Resetting a lane needs the permission to change scans.")
    lane = _known(request.GET.get("lane", ""))
    if request.method != "POST":
        context = {**admin.site.each_context(request), "title": _("Reset this lane?"), "lane": lane}
        return render(request, "admin/lane_reset.html", context)
    if reset_lane(lane.key):
        _record(request, lane)
        messages.success(request, _("%(lane)s begins anew with its full limits.") % {"lane": lane.key})
    else:
        messages.error(request, _("Redis cannot be reached: nothing was reset."))
    return redirect("operators-lanes")


def _known(key: str) -> Lane:
    for lane in read_lanes():
        if lane.key == key:
            return lane
    raise Http404("There is no such lane.")


def _record(request: HttpRequest, lane: Lane) -> None:
    """Among the operators' own acts, with what the lane had learned: lanes belong to no organization."""
    gauge = lane.gauge
    had = (
        gauge and f" It was at {gauge.requests_now} of {gauge.set.requests} requests a minute, breaker {gauge.breaker}."
    )
    assert request.user.is_authenticated
    LogEntry.objects.create(
        user=request.user,
        object_id=lane.key,
        object_repr=lane.key[:200],
        action_flag=CHANGE,
        change_message=f"Reset the lane.{had or ''}",
    )
    logger.warning("lane %s was reset by user %s", lane.key, request.user.pk)
