"""Invitations: sending, sending again and revoking them, and the page that a link in a mail leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import formats
from orgs import invitations
from orgs.access import OrgRequest, org_view
from orgs.allowance import TooMany
from orgs.forms import InviteForm
from orgs.invitations import Offer, Sent, Unusable, addressed_to, masked, offer_of
from orgs.pages import READ_OR_POST, show_confirm
from orgs.roles import Permission, Role
from orgs.views.members import members_context

if TYPE_CHECKING:
    from accounts.models import User

PENDING = "invitation"  # in the session: the link that somebody followed before they had an account


@org_view(Permission.MEMBERS_MANAGE)
@require_http_methods(["POST"])
def invitation_add(request: OrgRequest) -> HttpResponse:
    form = InviteForm(request.POST, actor=request.membership)
    if form.is_valid():
        role = Role(form.cleaned_data["role"])
        try:
            sent = invitations.invite(request.org, form.cleaned_data["emails"], role=role, actor=request.membership)
        except TooMany as refused:
            form.add_error(None, too_many(refused))
        else:
            _report(request, sent)
            return redirect("members", request.org.slug)
    return render(request, "orgs/members.html", members_context(request, form), status=422)


@org_view(Permission.MEMBERS_MANAGE)
@require_http_methods(["POST"])
def invitation_resend(request: OrgRequest, pk: int) -> HttpResponse:
    try:
        invitation = invitations.resend(request.org, pk, actor=request.membership)
    except TooMany as refused:
        messages.error(request, too_many(refused))
    else:
        messages.success(request, _("A new link went to %(email)s. The old one is void.") % {"email": invitation.email})
    return redirect("members", request.org.slug)


@org_view(Permission.MEMBERS_MANAGE)
@require_http_methods(READ_OR_POST)
def invitation_revoke(request: OrgRequest, pk: int) -> HttpResponse:
    invitation = invitations.open_one(request.org, pk)
    back = reverse("members", args=[request.org.slug])
    if request.method == "POST":
        invitations.revoke(request.org, pk, actor=request.membership)
        messages.success(request, _("The invitation of %(email)s was revoked.") % {"email": invitation.email})
        return redirect(back)
    return show_confirm(
        request,
        title=_("Revoke the invitation of %(email)s?") % {"email": invitation.email},
        sentence=_("The link in the mail stops working. They can be invited again."),
        verb=_("Revoke invitation"),
        cancel_url=back,
        nav="members",
    )


@never_cache
@require_http_methods(READ_OR_POST)
def invitation_accept(request: HttpRequest, token: str) -> HttpResponse:
    try:
        offer = offer_of(token)
        if request.method == "POST" and request.user.is_authenticated:
            org = invitations.accept(token, user=cast("User", request.user))
            messages.success(request, _("Welcome to %(name)s.") % {"name": formats.isolated(org.name)})
            return redirect("org-home", org.slug)
    except Unusable as refused:
        return _unusable(request, refused)
    return _shown(request, offer, token)


def _shown(request: HttpRequest, offer: Offer, token: str) -> HttpResponse:
    """To the person who was invited, what they are offered; to everybody else, how to become that person."""
    context: dict[str, object] = {"offer": offer, "token": token, "masked": masked(offer.invitation.email)}
    if not request.user.is_authenticated:
        request.session[PENDING] = token
        return render(request, "orgs/invitation.html", context)
    address = addressed_to(offer.invitation, cast("User", request.user))
    context["state"] = "other" if address is None else "ready" if address.verified else "unverified"
    return render(request, "orgs/invitation.html", context, status=200 if context["state"] == "ready" else 403)


def _unusable(request: HttpRequest, refused: Unusable) -> HttpResponse:
    """An unknown link is no page of ours; one that we sent says what became of it."""
    request.session.pop(PENDING, None)
    status = 404 if refused.reason == "unknown" else 410
    return render(request, "orgs/invitation_unusable.html", {"reason": refused.reason}, status=status)


def too_many(refused: TooMany) -> str:
    if refused.full:
        told = ngettext(
            "%(emails)s was invited as often today as an address may be. Try again tomorrow.",
            "%(emails)s were invited as often today as an address may be. Try again tomorrow.",
            len(refused.full),
        )
        return told % {"emails": ", ".join(refused.full)}
    if not refused.left:
        return _("Today's invitations are used up. Try again tomorrow.")
    told = ngettext(
        "%(left)s more invitation can be sent today.", "%(left)s more invitations can be sent today.", refused.left
    )
    return told % {"left": refused.left}


def _report(request: HttpRequest, sent: Sent) -> None:
    if sent.invited:
        told = ngettext("%(count)s invitation was sent.", "%(count)s invitations were sent.", len(sent.invited))
        messages.success(request, told % {"count": len(sent.invited)})
    if sent.members:
        told = ngettext("%(emails)s is a member already.", "%(emails)s are members already.", len(sent.members))
        messages.info(request, told % {"emails": ", ".join(sent.members)})
