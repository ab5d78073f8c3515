"""What pages share: their methods, forms that are shown again when they are not valid, and asking before a loss."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.middleware import HtmxDetails

from orgs.access import OrgRequest
from orgs.roles import Permission

READ = ["GET", "HEAD"]
READ_OR_POST = ["GET", "HEAD", "POST"]


def require(request: OrgRequest, permission: Permission) -> None:
    """For a page whose POST needs more than its GET."""
    if not request.membership.allows(permission):
        raise PermissionDenied(f"Your role may not do this ({permission}).")


def is_htmx(request: HttpRequest, *, target: str = "") -> bool:
    """Whether htmx asks for a piece, and with `target` whether it is that one."""
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
    return bool(htmx) and (not target or htmx.target == target)


def show_form(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """The page of a form: 422 when what was sent is not valid."""
    invalid = request.method == "POST" and not context["form"].is_valid()
    return render(request, template, context, status=422 if invalid else 200)


def show_confirm(
    request: HttpRequest, *, title: str, sentence: str, verb: str, cancel_url: str, **context: Any
) -> HttpResponse:
    """Asks before something is lost; `keep` in the context is what the way back says."""
    asked = {"title": title, "sentence": sentence, "verb": verb, "cancel_url": cancel_url}
    return render(request, "_confirm_page.html", {**context, **asked})
