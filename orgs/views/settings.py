"""An organization's own settings: its name, its logo, its end."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import reauthenticated
from orgs.access import OrgRequest, org_view
from orgs.closing import ask_deletion, cancel_deletion
from orgs.forms import DeleteForm, LogoForm, OrganizationForm
from orgs.founding import rename
from orgs.logos import remove_logo, set_logo
from orgs.models import Logo
from orgs.pages import READ, READ_OR_POST, show_confirm, show_form
from orgs.roles import Permission

_YEAR = 365 * 24 * 60 * 60


def _general(request: OrgRequest, **forms: Any) -> dict[str, Any]:
    unbound = {"form": OrganizationForm(initial={"name": request.org.name}), "logo_form": LogoForm()}
    return {**unbound, **forms, "nav": "org-settings"}


@org_view(Permission.ORG_EDIT)
@require_http_methods(READ_OR_POST)
def org_settings(request: OrgRequest) -> HttpResponse:
    if request.method != "POST":
        return render(request, "orgs/settings.html", _general(request))
    form = OrganizationForm(request.POST)
    if not form.is_valid():
        return render(request, "orgs/settings.html", _general(request, form=form), status=422)
    rename(request.org, form.cleaned_data["name"], actor=request.user)
    messages.success(request, _("The name was saved."))
    return redirect("org-settings", request.org.slug)


@org_view(Permission.ORG_EDIT)
@require_http_methods(["POST"])
def org_logo(request: OrgRequest) -> HttpResponse:
    form = LogoForm(request.POST, request.FILES)
    if not form.is_valid():
        return render(request, "orgs/settings.html", _general(request, logo_form=form), status=422)
    set_logo(request.org, form.cleaned_data["image"], actor=request.user)
    messages.success(request, _("The logo was saved."))
    return redirect("org-settings", request.org.slug)


@org_view(Permission.ORG_EDIT)
@require_http_methods(READ_OR_POST)
def org_logo_remove(request: OrgRequest) -> HttpResponse:
    back = reverse("org-settings", args=[request.org.slug])
    if request.method == "POST":
        remove_logo(request.org, actor=request.user)
        messages.success(request, _("The logo was removed."))
        return redirect(back)
    return show_confirm(
        request,
        title=_("Remove the logo?"),
        sentence=_("The first letter of the name takes its place."),
        verb=_("Remove logo"),
        cancel_url=back,
        nav="org-settings",
    )


@org_view(Permission.MEMBERS_VIEW)
@require_http_methods(READ)
def org_logo_image(request: OrgRequest, digest: str) -> HttpResponse:
    """Under the address of its content, which may be kept for ever, by the browsers of members alone."""
    if digest != request.org.logo_digest:
        raise Http404("No such picture")
    logo = get_object_or_404(Logo.objects.for_org(request.org))
    response = HttpResponse(bytes(logo.image), content_type=logo.content_type)
    response["Cache-Control"] = f"private, max-age={_YEAR}, immutable"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@org_view(Permission.ORG_MANAGE)
@require_http_methods(READ_OR_POST)
@reauthenticated
def org_delete(request: OrgRequest) -> HttpResponse:
    form = DeleteForm(request.POST if request.method == "POST" else None, org=request.org)
    if form.is_valid():
        ask_deletion(request.org, actor=request.user)
        return redirect("org-delete-cancel", request.org.slug)
    context = {"form": form, "days": settings.ORG_DELETION_GRACE_DAYS, "nav": "org-settings"}
    return show_form(request, "orgs/delete.html", context)


@org_view(Permission.ORG_MANAGE, while_closing=True)
@require_http_methods(READ_OR_POST)
def org_delete_cancel(request: OrgRequest) -> HttpResponse:
    if request.org.deletion_due_at is None:
        return redirect("org-settings", request.org.slug)
    if request.method == "POST":
        if cancel_deletion(request.org, actor=request.user):
            messages.success(request, _("The organization stays. Everybody can work in it again."))
            return redirect("org-home", request.org.slug)
        messages.error(request, _("It is too late: the organization is being deleted."))
    return render(request, "orgs/closing.html", {"due_at": request.org.deletion_due_at, "name": request.org.name})
