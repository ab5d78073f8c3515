"""The way in: the first page after signing in, and founding an organization."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Case, Q, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts import formats
from orgs.access import LAST_ORG
from orgs.forms import OrganizationForm
from orgs.founding import TooManyFounded, found_organization
from orgs.models import Membership, open_organization
from orgs.roles import Role
from orgs.scoping import user_scope
from orgs.views.invitations import PENDING

if TYPE_CHECKING:
    from accounts.models import User


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    pending = request.session.pop(PENDING, None)
    if pending:
        return redirect("invitation-accept", pending)
    membership = home_of(cast("User", request.user), last=request.COOKIES.get(LAST_ORG, "").replace("\0", ""))
    if membership is None:
        return render(request, "orgs/none.html", {"form": OrganizationForm()})
    return redirect("org-home" if membership.org.is_open else "org-delete-cancel", membership.org.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def organization_new(request: HttpRequest) -> HttpResponse:
    form = OrganizationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            org = found_organization(cast("User", request.user), name=form.cleaned_data["name"])
        except TooManyFounded:
            form.add_error(None, _("You have created as many organizations today as you may. Try again tomorrow."))
        else:
            messages.success(request, _("%(name)s is ready.") % {"name": formats.isolated(org.name)})
            return redirect("onboarding-start", org.slug)
    return render(request, "orgs/organization_form.html", {"form": form}, status=422 if form.is_bound else 200)


def home_of(user: User, *, last: str) -> Membership | None:
    """The organization that was open last, else the oldest; one to be deleted only where its owner has no other."""
    reachable = open_organization("org__") | Q(org__disabled_at=None, org__deleted_at=None, role=Role.OWNER)
    with user_scope(user.pk):
        return (
            user.memberships.select_related("org")
            .filter(reachable)
            .order_by(
                Case(When(open_organization("org__"), then=Value(0)), default=Value(1)),
                Case(When(org__slug=last, then=Value(0)), default=Value(1)),
                "pk",
            )
            .first()
        )
