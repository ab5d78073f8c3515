"""Webhooks of an organization: its endpoints, their secrets, and what was delivered."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import formats
from orgs.access import OrgRequest, org_view
from orgs.keyset import page_of
from orgs.models import WebhookDelivery, WebhookEndpoint
from orgs.pages import READ, READ_OR_POST, is_htmx, show_confirm, show_form
from orgs.roles import Permission
from orgs.tasks import nudge_webhooks_soon
from orgs.webhooks import endpoints, queue, reading
from orgs.webhooks.forms import EndpointForm

PER_PAGE = 25
_NAV = {"nav": "webhooks"}


def endpoint_of(request: OrgRequest, pk: int) -> WebhookEndpoint:
    return get_object_or_404(WebhookEndpoint.objects.for_org(request.org).select_related("org"), pk=pk)


def delivery_of(request: OrgRequest, pk: int) -> WebhookDelivery:
    return get_object_or_404(WebhookDelivery.objects.for_org(request.org).select_related("endpoint"), pk=pk)


def _show_secret(request: OrgRequest, endpoint: WebhookEndpoint, secret: str, **context: Any) -> HttpResponse:
    """In the answer to the POST itself: it is kept nowhere to be shown from."""
    return render(request, "orgs/webhook_secret.html", {"endpoint": endpoint, "secret": secret, **_NAV, **context})


@org_view(Permission.WEBHOOKS_MANAGE)
@require_http_methods(READ)
def webhooks(request: OrgRequest) -> HttpResponse:
    rows = WebhookEndpoint.objects.for_org(request.org).order_by("pk")
    lines = [(one, [reading.event_label(name) for name in one.events]) for one in rows]
    return render(request, "orgs/webhooks.html", {"lines": lines, "may_add": len(lines) < endpoints.MOST, **_NAV})


@org_view(Permission.WEBHOOKS_MANAGE)
@require_http_methods(READ_OR_POST)
def webhook_add(request: OrgRequest) -> HttpResponse:
    form = EndpointForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            endpoint, secret = endpoints.add(request.org, form.fields_given, actor=request.user)
        except endpoints.RefusedEndpoint as refused:
            form.add_error(refused.field or None, refused.message)
        else:
            return _show_secret(request, endpoint, secret)
    return show_form(request, "orgs/webhook_form.html", {"form": form, **_NAV})


@org_view(Permission.WEBHOOKS_MANAGE)
@require_http_methods(READ)
def webhook(request: OrgRequest, pk: int) -> HttpResponse:
    endpoint = endpoint_of(request, pk)
    rows = WebhookDelivery.objects.for_org(request.org).filter(endpoint=endpoint).defer("body", "response")
    page = page_of(rows, query=request.GET, newest_first=True, size=PER_PAGE)
    context = {
        "endpoint": endpoint,
        "events": [(name, reading.event_label(name)) for name in endpoint.events],
        "page": page.of(reading.lines_of(page.items)),
        "busy": reading.is_busy(page.items) and not (page.previous),
        **_NAV,
    }
    piece = is_htmx(request, target="webhook-deliveries")
    return render(request, "orgs/_webhook_deliveries.html" if piece else "orgs/webhook.html", context)


@org_view(Permission.WEBHOOKS_MANAGE)
@require_http_methods(READ_OR_POST)
def webhook_edit(request: OrgRequest, pk: int) -> HttpResponse:
    endpoint = endpoint_of(request, pk)
    known = {"url": endpoint.url, "description": endpoint.description, "events": endpoint.events}
    form = EndpointForm(request.POST if request.method == "POST" else None, initial=known)
    if form.is_valid():
        try:
            endpoints.change(endpoint, form.fields_given, actor=request.user)
        except endpoints.RefusedEndpoint as refused:
            form.add_error(refused.field or None, refused.message)
        else:
            messages.success(request, _("The webhook was saved."))
            return redirect("webhook", request.org.slug, endpoint.pk)
    return show_form(request, "orgs/webhook_form.html", {"form": form, "endpoint": endpoint, **_NAV})


@org_view(Permission.WEBHOOKS_MANAGE)
@require_http_methods(READ_OR_POST)
def webhook_rotate(request: OrgRequest, pk: int) -> HttpResponse:
    endpoint = endpoint_of(request, pk)
    if request.method == "POST":
        return _show_secret(request, endpoint, endpoints.rotate(endpoint, actor=request.user), rotated=True)
    return show_confirm(
        request,
        title=_("Make a new secret?"),
        sentence=_("For 24 hours every request is signed with the old one, too. A still older one stops at once."),
        verb=_("Make a new secret"),
        keep=_("Keep the present one"),
        cancel_url=reverse("webhook", args=[request.org.slug, endpoint.pk]),
        **_NAV,
    )


@org_view(Permission.WEBHOOKS_MANAGE)
@require_http_methods(READ_OR_POST)
def webhook_delete(request: OrgRequest, pk: int) -> HttpResponse:
    endpoint = endpoint_of(request, pk)
    if request.method == "POST":
        endpoints.remove(endpoint, actor=request.user)
        messages.success(request, _("The webhook was deleted."))
        return redirect("webhooks", request.org.slug)
    return show_confirm(
        request,
        title=_("Delete the webhook %(name)s?") % {"name": formats.isolated(str(endpoint))},
        sentence=_("Nothing more is sent to it, and the list of its deliveries goes with it."),
        verb=_("Delete webhook"),
        cancel_url=reverse("webhook", args=[request.org.slug, endpoint.pk]),
        **_NAV,
    )


@org_view(Permission.WEBHOOKS_MANAGE)
@require_http_methods(["POST"])
def webhook_switch(request: OrgRequest, pk: int) -> HttpResponse:
    endpoint = endpoint_of(request, pk)
    if request.POST.get("on") == "1":
        if endpoints.switch_on(endpoint, actor=request.user):
            messages.success(request, _("The webhook is on again. It is told of what happens from now on."))
    elif endpoints.switch_off(endpoint, reason=WebhookEndpoint.Reason.MEMBER, actor=request.user):
        messages.success(request, _("The webhook is off. What happens meanwhile is not kept for it."))
    return redirect("webhook", request.org.slug, endpoint.pk)


@org_view(Permission.WEBHOOKS_MANAGE)
@require_http_methods(["POST"])
def webhook_test(request: OrgRequest, pk: int) -> HttpResponse:
    endpoint = endpoint_of(request, pk)
    if endpoint.is_enabled:
        endpoints.test(endpoint, actor=request.user)
        nudge_webhooks_soon()
        messages.success(request, _("A test is on its way. What became of it stands in the list below."))
    else:
        messages.error(request, _("Switch the webhook on first."))
    return redirect("webhook", request.org.slug, endpoint.pk)


@org_view(Permission.WEBHOOKS_MANAGE)
@require_http_methods(READ)
def webhook_delivery(request: OrgRequest, pk: int) -> HttpResponse:
    delivery = delivery_of(request, pk)
    context = {
        "delivery": delivery,
        "endpoint": delivery.endpoint,
        "line": reading.line_of(delivery),
        "body": reading.body_shown(delivery),
        "attempts": reading.attempts_of(delivery),
        **_NAV,
    }
    return render(request, "orgs/webhook_delivery.html", context)


@org_view(Permission.WEBHOOKS_MANAGE)
@require_http_methods(["POST"])
def webhook_redeliver(request: OrgRequest, pk: int) -> HttpResponse:
    delivery = delivery_of(request, pk)
    if not delivery.endpoint.is_enabled:
        messages.error(request, _("Switch the webhook on first."))
    elif queue.send_again(delivery, actor=request.user):
        nudge_webhooks_soon()
        messages.success(request, _("It is sent again, under the same id."))
    return redirect("webhook-delivery", request.org.slug, delivery.pk)
