"""The health panel, and the acts on queues that it offers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from config.operators.state import State, read_state, read_workers
from scans.requeueing import return_expired


@require_GET
def health(request: HttpRequest) -> HttpResponse:
    """The page; only its moving part for htmx; JSON for whoever asks for that."""
    state = read_state()
    if request.get_preferred_type(["text/html", "application/json"]) == "application/json":
        return JsonResponse(told(state), status=200 if state.well else 503)
    if "HX-Request" in request.headers:
        return render(request, "admin/_health.html", {"state": state})
    asked = "workers" in request.GET
    context = {
        **admin.site.each_context(request),
        "title": _("Health"),
        "state": state,
        "asked": asked,
        "workers": read_workers() if asked else None,
        "may_requeue": request.user.has_perm("scans.change_scan"),
    }
    return render(request, "admin/health.html", context)


@require_GET
def workers(request: HttpRequest) -> HttpResponse:
    """Apart from the page: asking takes a second."""
    return render(request, "admin/_workers.html", {"asked": True, "workers": read_workers()})


@require_POST
def requeue(request: HttpRequest) -> HttpResponse:
    """Return what dead workers hold, now instead of at the next sweep."""
    if not request.user.has_perm("scans.change_scan"):
        raise PermissionDenied("Requeueing needs the permission to change scans.")
    count = return_expired()
    told = ngettext("%(count)s answer was returned.", "%(count)s answers were returned.", count) % {"count": count}
    messages.success(request, told)
    return redirect("operators-health")


def told(state: State) -> dict[str, Any]:
    """For monitoring."""
    return {
        "well": state.well,
        "at": state.at,
        "pending": state.pending,
        "due": state.due,
        "claimed": state.claimed,
        "expired": state.expired,
        "oldest_seconds": state.oldest,
        "beat": state.beat,
        "unapplied_migrations": state.unapplied,
        "postgres": asdict(state.postgres) if state.postgres else None,
        "redis": asdict(state.redis) if state.redis else None,
        "failed_tasks": None if state.failed is None else len(state.failed),
        "lanes": [
            {
                "lane": lane.key,
                "load": asdict(lane.load) if lane.load else None,
                "gauge": asdict(lane.gauge) if lane.gauge else None,
            }
            for lane in state.lanes
        ],
    }
