"""The door to every tenant page and task: login, organization, membership, permission, scope, in that order."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, cast
from urllib.parse import urlsplit

from celery import Task, shared_task
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_cache_control

from orgs.models import Membership, Organization
from orgs.roles import Permission
from orgs.scoping import org_scope, user_scope

if TYPE_CHECKING:
    from accounts.models import User

P = ParamSpec("P")


class OrgRequest(HttpRequest):
    """A request that `org_view` let through."""

    org: Organization
    membership: Membership
    user: User


def membership_of(user: User, org_slug: str) -> Membership:
    """The user's place in an organization that is not disabled. Raises `Http404` for strangers."""
    with user_scope(user.pk):
        membership = (
            Membership.all_orgs.select_related("org")
            .filter(user=user, org__slug=org_slug, org__disabled_at=None)
            .first()
        )
    if membership is None:
        raise Http404("No such organization")
    return membership


def org_view(permission: Permission) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Guard a view of one organization. The view runs inside the organization's scope and gets `request.org`
    and `request.membership`; its URL must name `org_slug`, which the view does not receive."""

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, org_slug: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            membership = membership_of(cast("User", request.user), org_slug)
            if not membership.allows(permission):
                raise PermissionDenied(f"Your role may not do this ({permission}).")
            request.org = membership.org  # type: ignore[attr-defined]
            request.membership = membership  # type: ignore[attr-defined]
            with org_scope(membership.org, user_id=membership.user_id):
                response = view(request, *args, **kwargs)
            patch_cache_control(response, private=True, no_store=True)
            return response

        guarded.org_permission = permission  # type: ignore[attr-defined]
        return guarded

    return decorate


def _to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """A page is redirected. htmx would swap the sign-in page into the middle of this one, so it is told to leave."""
    if "HX-Request" not in request.headers:
        return redirect_to_login(request.get_full_path())
    here = urlsplit(request.headers.get("HX-Current-URL", ""))
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
            org = Organization.objects.filter(pk=org_id, disabled_at=None).first()
            if org is None:
                return  # gone or disabled since the task was queued
            with org_scope(org):
                function(org, *args, **kwargs)

        make_task = cast("Callable[[Callable[..., None]], Task[Any, None]]", shared_task(ignore_result=True, **options))
        return make_task(run)

    return decorate
