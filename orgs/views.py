"""The way in: the first page after signing in, and founding an organization."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from orgs.forms import OrganizationForm
from orgs.founding import found_organization
from orgs.scoping import user_scope

if TYPE_CHECKING:
    from accounts.models import User


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    with user_scope(user.pk):
        first = user.memberships.select_related("org").filter(org__disabled_at=None).order_by("pk").first()
    if first is None:
        return render(request, "orgs/none.html", {"form": OrganizationForm()})
    return redirect("org-home", first.org.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def organization_new(request: HttpRequest) -> HttpResponse:
    form = OrganizationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        org = found_organization(cast("User", request.user), name=form.cleaned_data["name"])
        messages.success(request, f"{org.name} is ready. Add your first project.")
        return redirect("org-home", org.slug)
    return render(request, "orgs/organization_form.html", {"form": form}, status=422 if form.is_bound else 200)
