"""An organization's members and open invitations: who is in, who is asked in, and what may be changed about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from allauth.core.exceptions import ReauthenticationRequired
from django.contrib import messages
from django.db.models import Case, CharField, Value, When
from django.db.models.functions import Coalesce, Lower, NullIf
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import formats
from accounts.access import is_fresh, reauthenticated
from orgs.access import OrgRequest, org_view
from orgs.forms import InviteForm, RoleForm, TransferForm
from orgs.invitations import open_invitations
from orgs.keyset import Sorts, page_of
from orgs.members import LastOwner, change_role, is_last_owner, leave, remove_member, transfer_ownership, unseats
from orgs.models import Membership, Organization
from orgs.pages import READ, READ_OR_POST, show_confirm, show_form
from orgs.roles import Permission, Role, may_manage

PER_PAGE = 50
SORTS: Sorts = {
    "name": Lower(Coalesce(NullIf("user__name", Value("")), "user__email", output_field=CharField())),
    "role": Case(*(When(role=role, then=Value(rank)) for rank, role in enumerate(Role.values))),
    "joined": "created_at",
    "seen": Coalesce("user__last_login", Value(datetime.min.replace(tzinfo=UTC))),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A member as `actor` may treat them."""

    membership: Membership
    is_self: bool
    managed: bool


def line_of(membership: Membership, *, actor: Membership) -> Line:
    return Line(
        membership=membership,
        is_self=membership.pk == actor.pk,
        managed=may_manage(actor.role, membership.role),
    )


def member_of(org: Organization, pk: int) -> Membership:
    return get_object_or_404(Membership.objects.for_org(org).select_related("user"), pk=pk)


def _ask_about_owners(request: OrgRequest, member: Membership, *, role: str = "") -> None:
    """Nobody at an open screen makes an owner, or takes it from another. Raises `ReauthenticationRequired`."""
    if (role == Role.OWNER or unseats(request.membership, member)) and not is_fresh(request):
        raise ReauthenticationRequired


@org_view(Permission.MEMBERS_VIEW)
@require_http_methods(READ)
def members(request: OrgRequest) -> HttpResponse:
    return render(request, "orgs/members.html", members_context(request, InviteForm(actor=request.membership)))


def members_context(request: OrgRequest, form: InviteForm) -> dict[str, object]:
    rows = Membership.objects.for_org(request.org).select_related("user")
    page = page_of(rows, query=request.GET, newest_first=False, size=PER_PAGE, sorts=SORTS)
    manages = request.membership.allows(Permission.MEMBERS_MANAGE)
    invitations = list(open_invitations(request.org)[: PER_PAGE + 1]) if manages else []
    return {
        "page": page.of([line_of(row, actor=request.membership) for row in page.items]),
        "invitations": invitations[:PER_PAGE],
        "more_invitations": len(invitations) > PER_PAGE,
        "form": form,
        "nav": "members",
    }


@org_view(Permission.MEMBERS_MANAGE)
@require_http_methods(READ_OR_POST)
def member_role(request: OrgRequest, pk: int) -> HttpResponse:
    member = member_of(request.org, pk)
    _ask_about_owners(request, member, role=request.POST.get("role", ""))
    form = RoleForm(
        request.POST if request.method == "POST" else None, actor=request.membership, initial={"role": member.role}
    )
    if form.is_valid():
        try:
            changed = change_role(request.org, pk, role=Role(form.cleaned_data["role"]), actor=request.user)
        except LastOwner as refused:
            form.add_error("role", refused.message)
        else:
            told = {"name": formats.isolated(changed.user.display_name), "role": changed.get_role_display()}
            messages.success(request, _("%(name)s is now: %(role)s.") % told)
            return redirect("members", request.org.slug)
    return show_form(request, "orgs/member_role.html", {"form": form, "member": member, "nav": "members"})


@org_view(Permission.MEMBERS_MANAGE)
@require_http_methods(READ_OR_POST)
def member_remove(request: OrgRequest, pk: int) -> HttpResponse:
    member = member_of(request.org, pk)
    _ask_about_owners(request, member)
    name, back = member.user.display_name, reverse("members", args=[request.org.slug])
    if request.method == "POST":
        try:
            remove_member(request.org, pk, actor=request.user)
        except LastOwner as refused:
            messages.error(request, refused.message)
        else:
            messages.success(request, _("%(name)s was removed.") % {"name": formats.isolated(name)})
        return redirect(back)
    return show_confirm(
        request,
        title=_("Remove %(name)s?") % {"name": formats.isolated(name)},
        sentence=_("They lose access at once. What they made stays, and they can be invited again."),
        verb=_("Remove member"),
        keep=_("Keep them"),
        cancel_url=back,
        nav="members",
    )


@org_view(Permission.MEMBERS_VIEW)
@require_http_methods(READ_OR_POST)
def org_leave(request: OrgRequest) -> HttpResponse:
    back = reverse("members", args=[request.org.slug])
    if request.method != "POST" and is_last_owner(request.membership):
        messages.error(request, LastOwner().message)
        return redirect(back)
    if request.method == "POST":
        try:
            leave(request.org, user=request.user)
        except LastOwner as refused:
            messages.error(request, refused.message)
            return redirect(back)
        messages.success(request, _("You left %(name)s.") % {"name": formats.isolated(request.org.name)})
        return redirect("home")
    return show_confirm(
        request,
        title=_("Leave %(name)s?") % {"name": formats.isolated(request.org.name)},
        sentence=_("You lose access at once. To come back you need a new invitation."),
        verb=_("Leave organization"),
        keep=_("Stay"),
        cancel_url=back,
        nav="members",
    )


@org_view(Permission.ORG_MANAGE)
@require_http_methods(READ_OR_POST)
@reauthenticated
def org_transfer(request: OrgRequest) -> HttpResponse:
    form = TransferForm(request.POST if request.method == "POST" else None, actor=request.membership)
    if form.is_valid():
        owner = transfer_ownership(request.org, form.cleaned_data["email"].pk, actor=request.user)
        told = {"name": formats.isolated(owner.user.display_name)}
        messages.success(request, _("%(name)s owns the organization now. You are an admin.") % told)
        return redirect("members", request.org.slug)
    return show_form(request, "orgs/transfer.html", {"form": form, "nav": "members"})
