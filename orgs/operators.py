"""Django admin for operators: every page opens all organizations, on purpose and logged."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.http import HttpRequest

from orgs.scoping import all_orgs_scope


class OperatorsSite(AdminSite):
    site_header = site_title = "Prompter operators"
    index_title = "Operators"

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """On the site's own page: one place with its limits on attempts."""
        return secure_admin_login(super().login)(request, extra_context)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        inner = super().admin_view(view, cacheable)

        @wraps(view)
        def opened(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            with all_orgs_scope(f"admin {request.path} by user {request.user.pk}"):
                response = inner(request, *args, **kwargs)
                if hasattr(response, "render") and not response.is_rendered:
                    response.render()  # a TemplateResponse would render after the scope has closed
                return response

        return opened
