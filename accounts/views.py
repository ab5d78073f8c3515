"""Somebody's own pages: profile, security, sessions, data."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.reauthentication import resume_request
from allauth.account.utils import get_next_redirect_url
from allauth.core.ratelimit import consume_or_429
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import get_adapter as get_social_adapter
from allauth.socialaccount.models import SocialAccount
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import codes, exporting
from accounts.access import reauthenticated
from accounts.closing import ClosingRefused, close_account, obstacles_to_closing
from accounts.forms import CodeForm, ProfileForm
from accounts.models import AccountEvent, Export, User
from accounts.records import MEANINGS, record
from accounts.sessions import end_other_places, end_place, places_of

READ_WRITE = ["GET", "HEAD", "POST"]
LOG_LINES = 25


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


@require_http_methods(READ_WRITE)
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    user = _user(request)
    before = user.name
    form = ProfileForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        if form.has_changed():
            record(user, "profile.changed", before={"name": before}, after={"name": user.name})
        messages.success(request, _("Your profile was saved."))
        return redirect("account-profile")
    return render(request, "accounts/profile.html", {"form": form}, status=422 if form.is_bound else 200)


@require_safe
@login_required
@never_cache
def security(request: HttpRequest) -> HttpResponse:
    user = _user(request)
    factors = list(Authenticator.objects.filter(user=user).order_by("created_at"))
    context = {
        "totp": next((factor for factor in factors if factor.type == Authenticator.Type.TOTP), None),
        "passkeys": [factor for factor in factors if factor.type == Authenticator.Type.WEBAUTHN],
        "recovery": next((factor for factor in factors if factor.type == Authenticator.Type.RECOVERY_CODES), None),
        "has_password": user.has_usable_password(),
        "offered": [provider.name for provider in get_social_adapter().list_providers(request)],
        "connected": list(SocialAccount.objects.filter(user=user)),
        "log": _told(AccountEvent.objects.filter(user=user).order_by("-id")[:8]),
    }
    return render(request, "accounts/security.html", context)


@require_safe
@login_required
@never_cache
def security_log(request: HttpRequest) -> HttpResponse:
    found = AccountEvent.objects.filter(user=_user(request)).order_by("-id")
    page = Paginator(found, LOG_LINES).get_page(request.GET.get("page"))
    return render(request, "accounts/security_log.html", {"page": page, "log": _told(page.object_list)})


def _told(events: Any) -> list[dict[str, Any]]:
    from accounts.sessions import browser_of

    return [
        {"meaning": MEANINGS.get(event.name, event.name), "browser": browser_of(event.user_agent), "event": event}
        for event in events
    ]


@require_safe
@login_required
@never_cache
def sessions(request: HttpRequest) -> HttpResponse:
    places = places_of(_user(request), current_key=request.session.session_key)
    return render(request, "accounts/sessions.html", {"places": places})


@require_POST
@login_required
def end_session(request: HttpRequest, pk: int) -> HttpResponse:
    if not end_place(_user(request), pk):
        raise Http404("No such session")
    record(_user(request), "session.ended")
    messages.success(request, _("That session was ended."))
    return redirect("usersessions_list")


@require_POST
@login_required
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    ended = end_other_places(_user(request), current_key=request.session.session_key)
    record(_user(request), "sessions.ended", data={"count": ended})
    told = ngettext("One other session was ended.", "%(count)s other sessions were ended.", ended)
    messages.success(request, told % {"count": ended})
    return redirect("usersessions_list")


@require_safe
@login_required
@never_cache
def data(request: HttpRequest) -> HttpResponse:
    user = _user(request)
    context = {"export": exporting.latest_export(user), "obstacles": obstacles_to_closing(user)}
    return render(request, "accounts/data.html", context)


@require_http_methods(READ_WRITE)
@login_required
@reauthenticated
def export(request: HttpRequest) -> HttpResponse:
    """Asked for by POST, fetched by GET."""
    user = _user(request)
    if request.method == "POST":
        exporting.ask_export(user)
        messages.success(request, _("We put everything together and write to you when it is there."))
        return redirect("account-data")
    ready = Export.objects.filter(user=user, ready_at__isnull=False).order_by("-pk").first()
    if ready is None:
        raise Http404("No export is ready")
    headers = {"Content-Disposition": 'attachment; filename="prompter-account.zip"', "Cache-Control": "no-store"}
    return HttpResponse(bytes(ready.content or b""), content_type="application/zip", headers=headers)


@require_http_methods(READ_WRITE)
@login_required
@reauthenticated
def close(request: HttpRequest) -> HttpResponse:
    user = _user(request)
    obstacles = obstacles_to_closing(user)
    if request.method == "POST":
        try:
            close_account(user)
        except ClosingRefused as refused:
            obstacles = refused.obstacles
        else:
            logout(request)
            messages.success(request, _("Your account is closed. Thank you for having been here."))
            return redirect("account_login")
    status = 422 if request.method == "POST" else 200
    return render(request, "accounts/close.html", {"obstacles": obstacles}, status=status)


@require_http_methods(READ_WRITE)
@login_required
@never_cache
def reauthenticate_by_mail(request: HttpRequest) -> HttpResponseBase:
    """For whoever has no password, no app and no passkey here. A code is sent when it is asked for."""
    user = _user(request)
    if refused := consume_or_429(request, action="reauthenticate", user=user):
        return refused
    form = CodeForm()
    if "send" in request.POST:
        codes.send_code(request, user)
    elif request.method == "POST":
        form = CodeForm(request.POST)
        if form.is_valid() and codes.is_right(request, form.cleaned_data["code"]):
            record_authentication(request, user, method="mail", reauthenticated=True)
            return resume_request(request) or redirect("account-security")
        if form.is_valid():
            form.add_error("code", _("That is not the code, or it is too old. Ask for a new one."))
    context = {"form": form, "sent": codes.is_sent(request), "next": get_next_redirect_url(request) or ""}
    return render(request, "accounts/reauthenticate_by_mail.html", context, status=422 if form.errors else 200)
