"""The theme a user chose from the menu: kept with the account, so that every device and every page knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.models import Theme

if TYPE_CHECKING:
    from accounts.models import User


@require_POST
@login_required
def choose_theme(request: HttpRequest) -> HttpResponse:
    """A script gets nothing back; a form goes back to the page it stood on."""
    theme = request.POST.get("theme", "")
    if theme not in Theme.values:
        return HttpResponseBadRequest()
    user = cast("User", request.user)
    user.theme = theme
    user.save(update_fields=["theme"])
    if request.headers.get("X-Requested-With") == "fetch":
        return HttpResponse(status=204)
    back = request.headers.get("Referer", "")
    here = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    return redirect(back if here else "home")
