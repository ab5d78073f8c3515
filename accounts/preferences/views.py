"""Choosing one's language, time zone and number format."""

from __future__ import annotations

from copy import copy
from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django.views.i18n import set_language

from accounts.models import User
from accounts.preferences.forms import PreferencesForm
from accounts.preferences.reading import as_read_by


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def preferences(request: HttpRequest) -> HttpResponse:
    user = cast("User", copy(request.user))  # the page of a refused change is written as before
    form = PreferencesForm(request.POST or None, instance=user)
    if form.is_valid():
        user.save(update_fields=list(form.fields))
        with as_read_by(user):
            messages.success(request, _("Your preferences were saved."))
        return redirect("account-preferences")
    return render(request, "accounts/preferences.html", {"form": form}, status=422 if form.is_bound else 200)


@require_POST
def choose_language(request: HttpRequest) -> HttpResponseBase:
    """The switch on public pages: remembered in a cookie, and in the account of somebody who is signed in. Django's
    own view sends back to addresses of this site only."""
    language = request.POST.get("language", "")
    user = cast("User", request.user)
    if user.is_authenticated and language in dict(settings.LANGUAGES):
        User.objects.filter(pk=user.pk).update(language=language)
    return set_language(request)
