"""What calls cost: looked at by day, project, purpose and engine, and taken away as CSV."""

from __future__ import annotations

from datetime import UTC

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from orgs.access import OrgRequest, org_view
from orgs.roles import Permission
from prompts.cost_tables import (
    PERIODS,
    days_of,
    lines_of_engines,
    lines_of_projects,
    lines_of_purposes,
    period_of,
)
from prompts.costs import costs_of, export, names_of
from prompts.views import READ


@org_view(Permission.COSTS_VIEW)
@require_http_methods(READ)
def costs(request: OrgRequest) -> HttpResponse:
    chosen = _chosen(request)
    period = period_of(chosen, today=timezone.now().astimezone(UTC).date())
    real, simulated = costs_of(request.org.pk, period)
    shows_simulated = bool(simulated.total.calls) and (request.GET.get("simulated") == "1" or not real.total.calls)
    shown = simulated if shows_simulated else real
    names = names_of(request.org.pk, [pk for pk in shown.by_project if pk is not None])
    context = {
        "periods": PERIODS,
        "chosen": chosen,
        "period": period,
        "real": real,
        "simulated_costs": simulated,
        "simulated": shows_simulated,
        "total": shown.total,
        "days": days_of(shown, period),
        "projects": lines_of_projects(shown, names),
        "purposes": lines_of_purposes(shown),
        "engines": lines_of_engines(shown),
        "nav": "costs",
    }
    return render(request, "prompts/costs.html", context)


@org_view(Permission.COSTS_VIEW)
@require_http_methods(["POST"])
def costs_export(request: OrgRequest) -> HttpResponseBase:
    today = timezone.now().astimezone(UTC).date()
    period = period_of(_chosen(request), today=today)
    name = f"costs-{request.org.slug}-{period.first:%Y-%m-%d}-{period.last:%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Accel-Buffering": "no"}
    lines = export(request.org, period, actor=request.user)
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


def _chosen(request: HttpRequest) -> str:
    asked = (request.POST if request.method == "POST" else request.GET).get("period", "")
    return asked if asked in dict(PERIODS) else PERIODS[0][0]
