"""A member's notifications, which of them they want, and the link in a mail that ends them."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from orgs.access import OrgRequest, org_view
from orgs.inbox import inbox_of, lines_of, mark_read
from orgs.keyset import page_of
from orgs.models import Membership, Organization
from orgs.pages import READ, READ_OR_POST
from orgs.roles import Permission
from orgs.scoping import org_scope
from orgs.sentences import link_of
from orgs.topics import Channel, choose, choose_all, switches_of
from orgs.unsubscribing import subscription_of

PER_PAGE = 30


@org_view(Permission.PROJECTS_VIEW)
@require_http_methods(READ)
def notifications(request: OrgRequest) -> HttpResponse:
    rows = inbox_of(request.membership).select_related("event__actor", "event__impersonator")
    shown = "unread" if request.GET.get("show") == "unread" else ""
    if shown:
        rows = rows.filter(read_at=None)
    page = page_of(rows, query=request.GET, newest_first=True, size=PER_PAGE)
    lines = page.of(lines_of(page.items, org_slug=request.org.slug))
    return render(request, "orgs/notifications.html", {"page": lines, "shown": shown, "nav": "notifications"})


@org_view(Permission.PROJECTS_VIEW)
@require_http_methods(["POST"])
def notification_read(request: OrgRequest, pk: int) -> HttpResponse:
    """Marks one and goes to what it tells of."""
    notification = get_object_or_404(inbox_of(request.membership).select_related("event"), pk=pk)
    mark_read(request.membership, pk=pk)
    back = reverse("notifications", args=[request.org.slug])
    return redirect((link_of(notification.event, request.org.slug) or back) if "open" in request.POST else back)


@org_view(Permission.PROJECTS_VIEW)
@require_http_methods(["POST"])
def notifications_read(request: OrgRequest) -> HttpResponse:
    mark_read(request.membership)
    return redirect("notifications", request.org.slug)


@org_view(Permission.PROJECTS_VIEW)
@require_http_methods(READ_OR_POST)
def notification_preferences(request: OrgRequest) -> HttpResponse:
    if request.method == "POST":
        wanted = [(key, channel) for channel in Channel for key in request.POST.getlist(channel.value)]
        choose_all(request.membership, wanted)
        messages.success(request, _("Your choices are saved."))
        return redirect("notification-preferences", request.org.slug)
    context = {
        "switches": switches_of(request.membership),
        "channels": list(Channel),
        "nav": "notification-preferences",
    }
    return render(request, "orgs/notification_preferences.html", context)


def _is_member(org: Organization, user_id: int) -> bool:
    return Membership.objects.for_org(org).filter(user_id=user_id).exists()


@csrf_exempt  # a mail program posts here, without our cookies: the signed link is what it may do
@never_cache
@require_http_methods(READ_OR_POST)
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Looking at it ends nothing: programs that check mails open every link."""
    subscription = subscription_of(token)
    org = subscription and Organization.objects.filter(pk=subscription.org_id, deleted_at=None).first()
    if not (subscription and org):
        raise Http404("No such subscription")
    if request.method == "POST":
        with org_scope(org):
            # Who has left is told of their own access alone, and of the rest chooses nothing.
            if subscription.topic.is_personal or _is_member(org, subscription.user_id):
                choose(org.pk, subscription.user_id, subscription.topic, Channel.EMAIL, enabled=False)
    context = {"topic": subscription.topic, "organization": org, "done": request.method == "POST"}
    return render(request, "orgs/unsubscribe.html", context)
