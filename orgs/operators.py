"""Django admin for operators: staff with a second factor, who see every organization, on purpose and logged."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from orgs.scoping import all_orgs_scope

if TYPE_CHECKING:
    View = Callable[..., HttpResponseBase]

SECOND_FACTOR_LASTS = 12 * 3600.0  # seconds; a session may be remembered for weeks


class OperatorsSite(AdminSite):
    site_header = site_title = gettext_lazy("Prompter operators")
    index_title = gettext_lazy("Operators")

    def has_permission(self, request: HttpRequest) -> bool:
        return is_operator(request) and (not settings.OPERATORS_REQUIRE_MFA or second_factor_used(request))

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Signing in is on the site's own page, with its limits on attempts; this one asks for the second factor."""
        back = _way_back(request)
        if not request.user.is_authenticated:
            return redirect_to_login(back, resolve_url(settings.LOGIN_URL))
        if not is_operator(request):
            raise PermissionDenied("Only operators may see this.")
        if self.has_permission(request):
            return HttpResponseRedirect(back)
        return self._ask_for_second_factor(request, back)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """On the site's own page, which asks for the present one, refuses leaked ones and keeps a record."""
        return HttpResponseRedirect(reverse("account_change_password"))

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        @wraps(view)
        def opened(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            with all_orgs_scope(f"admin {request.path} by user {request.user.pk}", level=logging.INFO):
                response = view(request, *args, **kwargs)
                if hasattr(response, "render") and not response.is_rendered:
                    response.render()  # a TemplateResponse would render after the scope has closed
                return response

        return super().admin_view(opened, cacheable)  # who may, is asked before anything is opened

    def unscoped_view(self, view: View) -> View:
        """For operators too, but without a transaction around it: what it reads, it opens itself, briefly."""
        return super().admin_view(view)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        unguarded = is_operator(request) and not settings.OPERATORS_REQUIRE_MFA
        return {**super().each_context(request), "without_second_factor": unguarded}

    def _ask_for_second_factor(self, request: HttpRequest, back: str) -> TemplateResponse:
        kinds = set(Authenticator.objects.filter(user_id=request.user.pk).values_list("type", flat=True))
        types = Authenticator.Type
        context = {
            "title": _("Confirm that it is you"),
            "has_codes": bool(kinds & {types.TOTP, types.RECOVERY_CODES}),
            "has_keys": types.WEBAUTHN in kinds,
            "query": urlencode({REDIRECT_FIELD_NAME: back}),
        }
        return TemplateResponse(request, "admin/second_factor.html", context, status=403)


def is_operator(request: HttpRequest) -> bool:
    """Active staff, in a session of their own: never one in which they act as somebody else."""
    user = request.user
    return bool(user.is_active and getattr(user, "is_staff", False) and not request.session.get("hijack_history"))


def second_factor_used(request: HttpRequest) -> bool:
    """In this session, by this user, not too long ago: a password alone, a remembered browser, or the account's having
    a second factor do not count."""
    records = get_authentication_records(request, request.user)  # type: ignore[arg-type]
    latest = max((record["at"] for record in records if record.get("method") == "mfa"), default=0.0)
    return bool(time.time() - latest < SECOND_FACTOR_LASTS)


def _way_back(request: HttpRequest) -> str:
    """Where they were going, if that is an operators' page."""
    index, wanted = reverse("admin:index"), request.GET.get(REDIRECT_FIELD_NAME, "")
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith(index)
    return wanted if safe and not wanted.startswith(reverse("admin:login")) else index
