"""An organization's own settings: its name, its logo, its end."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from orgs.access import OrgRequest, org_view
from orgs.forms import OrganizationForm
from orgs.founding import rename
from orgs.pages import READ_OR_POST, show_form
from orgs.roles import Permission


@org_view(Permission.ORG_EDIT)
@require_http_methods(READ_OR_POST)
def org_settings(request: OrgRequest) -> HttpResponse:
    form = OrganizationForm(request.POST if request.method == "POST" else None, initial={"name": request.org.name})
    if form.is_valid():
        rename(request.org, form.cleaned_data["name"], actor=request.user)
        messages.success(request, _("The name was saved."))
        return redirect("org-settings", request.org.slug)
    return show_form(request, "orgs/settings.html", {"form": form, "nav": "org-settings"})
