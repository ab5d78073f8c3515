"""Pages about projects, brands, prompts, engines and provider keys, and what all of them share."""

from __future__ import annotations

from django.shortcuts import get_object_or_404

from orgs.access import OrgRequest
from orgs.pages import READ, READ_OR_POST, is_htmx, require, show_confirm, show_form
from prompts.models import Project

__all__ = ["READ", "READ_OR_POST", "is_htmx", "project_of", "require", "show_confirm", "show_form"]


def project_of(request: OrgRequest, slug: str) -> Project:
    """The project of the address, or 404. Archived projects have no pages."""
    return get_object_or_404(Project.objects.for_org(request.org), slug=slug, archived_at=None)
