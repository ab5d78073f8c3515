"""The door to every tenant page and task: login, organization, membership, permission, scope, in that order."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, cast
from urllib.parse import urlsplit

from celery import Task, shared_task
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.cache import patch_cache_control

from orgs.models import Membership, Organization, open_organization
from orgs.roles import Permission, Role
from orgs.scoping import org_scope, user_scope

if TYPE_CHECKING:
    from accounts.models import User

P = ParamSpec("P")

LAST_ORG = "org"  # the cookie's name
_YEAR = 365 * 24 * 60 * 60


class OrgRequest(HttpRequest):
    """A request that `org_view` let through."""

    org: Organization
    membership: Membership
    user: User


def membership_of(user: User, org_slug: str) -> Membership:
    """The user's place in an organization that people may work in. Raises `Http404` for strangers."""
    membership = _membership(user, org_slug)
    if not membership.org.is_open:
        raise Http404("No such organization")
    return membership


def _membership(user: User, org_slug: str) -> Membership:
    """The user's place in an organization that is not disabled; one that is to be deleted is there for its owners."""
    with user_scope(user.pk):
        membership = (
            Membership.all_orgs.select_related("org")
            .filter(user=user, org__slug=org_slug, org__disabled_at=None, org__deleted_at=None)
            .first()
        )
    if membership is None or (membership.org.deletion_due_at is not None and membership.role != Role.OWNER):
        raise Http404("No such organization")
    return membership


def org_view(
    permission: Permission, *, while_closing: bool = False
) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Guard a view of one organization. The view runs inside the organization's scope and gets `request.org`
    and `request.membership`; its URL must name `org_slug`, which the view does not receive. Owners of an organization
    that is to be deleted are sent to where they can keep it, unless the view is open `while_closing`."""

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, org_slug: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            membership = _membership(cast("User", request.user), org_slug)
            if not membership.allows(permission):
                raise PermissionDenied(f"Your role may not do this ({permission}).")
            if not (membership.org.is_open or while_closing):
                return _to_closing(request, org_slug)
            request.org = membership.org  # type: ignore[attr-defined]
            request.membership = membership  # type: ignore[attr-defined]
            with org_scope(membership.org, user_id=membership.user_id):
                response = view(request, *args, **kwargs)
            if not response.has_header("Cache-Control"):
                patch_cache_control(response, private=True, no_store=True)
            _remember(request, response, org_slug)
            return response

        guarded.org_permission = permission  # type: ignore[attr-defined]
        return guarded

    return decorate


def _remember(request: HttpRequest, response: HttpResponseBase, org_slug: str) -> None:
    """Which organization `/` leads to next time. Only a hint: whoever comes back must still belong to it."""
    is_page = response.headers.get("Content-Type", "").startswith("text/html") and "HX-Request" not in request.headers
    if request.method == "GET" and is_page and request.COOKIES.get(LAST_ORG) != org_slug:
        response.set_cookie(
            LAST_ORG, org_slug, max_age=_YEAR, httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
        )


def _to_closing(request: HttpRequest, org_slug: str) -> HttpResponseBase:
    address = reverse("org-delete-cancel", args=[org_slug])
    if "HX-Request" in request.headers:
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return redirect(address)


def _to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """A page is redirected. htmx would swap the sign-in page into the middle of this one, so it is told to leave."""
    if "HX-Request" not in request.headers:
        return redirect_to_login(request.get_full_path())
    try:
        here = urlsplit(request.headers.get("HX-Current-URL", ""))
    except ValueError:  # no address at all
        here = urlsplit("")
    back = here.path if here.netloc == request.get_host() else request.get_full_path()
    return HttpResponse(status=204, headers={"HX-Redirect": redirect_to_login(back).url})


def org_task(**options: Any) -> Callable[[Callable[Concatenate[Organization, P], None]], Task[Any, None]]:
    """A Celery task of one organization: called with `org_id` first, runs inside its scope, returns nothing.
    A time limit is required."""
    if "time_limit" not in options:
        raise TypeError("A task needs a time_limit")

    def decorate(function: Callable[Concatenate[Organization, P], None]) -> Task[Any, None]:
        @wraps(function)
        def run(org_id: int, *args: Any, **kwargs: Any) -> None:
            org = Organization.objects.filter(open_organization(), pk=org_id).first()
            if org is None:
                return  # gone or closed since the task was queued
            with org_scope(org):
                function(org, *args, **kwargs)

        make_task = cast("Callable[[Callable[..., None]], Task[Any, None]]", shared_task(ignore_result=True, **options))
        return make_task(run)

    return decorate
