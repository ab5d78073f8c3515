"""Acting as a user: the page that asks why, and the way back."""

from __future__ import annotations

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from config.operators.forms import ReasonForm
from orgs import impersonation


@require_http_methods(["GET", "HEAD", "POST"])
def impersonate(request: HttpRequest, pk: int) -> HttpResponse:
    user = get_object_or_404(User, pk=pk)
    if not impersonation.may_impersonate(hijacker=request.user, hijacked=user):
        raise PermissionDenied("Nobody acts as this user.")
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        impersonation.begin(request, user, reason=form.cleaned_data["reason"])
        return redirect("home")
    context = {
        **admin.site.each_context(request),
        "title": _("Act as %(user)s") % {"user": user},
        "form": form,
        "minutes": impersonation.LASTS // 60,
    }
    return render(request, "admin/impersonate.html", context, status=422 if form.errors else 200)


@never_cache
@csrf_protect
@require_POST
def stop(request: HttpRequest) -> HttpResponse:
    """Reached from the impersonated session, which is no operator's."""
    if not request.user.is_authenticated or not impersonation.is_impersonated(request):
        return redirect("home")
    user = request.user
    impersonation.end(request)
    messages.success(request, _("You no longer act as %(user)s.") % {"user": user})
    return redirect("admin:index")
