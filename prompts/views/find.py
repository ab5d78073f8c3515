"""The command palette's search, and the same as a page for who has no JavaScript."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from orgs.access import OrgRequest, org_view
from orgs.roles import Permission
from prompts import finding
from prompts.models import Project
from prompts.views import READ


@org_view(Permission.PROJECTS_VIEW)
@require_http_methods(READ)
def find(request: OrgRequest) -> HttpResponse:
    slug = request.GET.get("project", "").replace("\0", "")
    here = Project.objects.for_org(request.org).filter(slug=slug[:100], archived_at=None).first() if slug else None
    text = request.GET.get("q", "")
    groups = finding.find(request.membership, text, project=here)
    context = {"groups": groups, "found": finding.count(groups), "q": text[: finding.LONGEST], "project": here}
    if request.headers.get("X-Requested-With") == "fetch":
        return render(request, "_found.html", context)
    return render(request, "prompts/find.html", context)
