"""The audit log: looked through, and taken away as CSV."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.models import User
from orgs.access import OrgRequest, org_view
from orgs.audit import Filters, actors_of, export, found_events, lines_of
from orgs.audit_form import AuditFilterForm
from orgs.keyset import page_of
from orgs.pages import READ
from orgs.roles import Permission

PER_PAGE = 50


@org_view(Permission.AUDIT_VIEW)
@require_http_methods(READ)
def audit(request: OrgRequest) -> HttpResponse:
    form = AuditFilterForm(request.GET, actors=actors_of(request.org))
    page = page_of(found_events(request.org, form.filters), query=request.GET, newest_first=True, size=PER_PAGE)
    lines = page.of(lines_of(page.items, org_slug=request.org.slug))
    context = {"page": lines, "filter_form": form, "filtered": bool(form.filters), "nav": "audit"}
    return render(request, "orgs/audit.html", context)


@org_view(Permission.AUDIT_VIEW)
@require_http_methods(["POST"])
def audit_export(request: OrgRequest) -> HttpResponseBase:
    filters = filters_of(request)
    name = f"audit-{request.org.slug}-{timezone.localdate():%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Accel-Buffering": "no"}
    lines = export(request.org, filters, actor=request.user)
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


def filters_of(request: OrgRequest) -> Filters:
    """What the page showed that the export was asked for on."""
    asked = request.POST.get("actor", "")
    actors = User.objects.filter(pk=int(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 18 else []
    return AuditFilterForm(request.POST, actors=actors).filters
