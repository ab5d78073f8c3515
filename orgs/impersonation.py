"""Acting as a user: who may, for how long, what stays out of reach, and the records it leaves.

The session and the banner are django-hijack's; its own views are not reachable, for they ask no reason.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from allauth.account.internal.flows.login import clear_authentication_records
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import SESSION_KEY, login
from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from hijack.signals import hijack_ended, hijack_started, no_update_last_login
from hijack.views import get_used_backend, keep_session_age

from accounts.models import User
from accounts.records import record
from orgs.events import emit
from orgs.live import END, Told, session_digest, tell
from orgs.roles import Permission
from orgs.scoping import org_scope, user_scope

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase

LASTS = 30 * 60  # seconds
_HISTORY, _OURS = "hijack_history", "impersonation"
# What the operator had proven in the session that they come back to.
_PROOFS = ("account_authentication_methods", "account_authentication_methods_user")
_READING = ("GET", "HEAD", "OPTIONS")

# Out of reach whoever the user is: whatever would outlast the visit, or carry data away.
_READ_ONLY = frozenset(
    {Permission.BUDGETS_EDIT, Permission.ORG_EDIT, *(one for one in Permission if one.endswith(".manage"))}
)
_OWN_ACTS = frozenset(
    {
        "organization-new",
        "org-leave",
        "invitation-accept",
        "set_language",
        "notification-preferences",
        "notifications-read",
        "notification-read",
    }
)
_MONEY = frozenset({"budgets", "project-budget"})  # pages of those who may see the costs
_OPEN_ACCOUNT_PAGES = frozenset({"account-profile", "account-preferences"})


def may_impersonate(*, hijacker: Any, hijacked: Any) -> bool:
    """Staff with the permission act as members: never as staff, as somebody who closed their account, as themselves."""
    allowed = hijacker.is_active and hijacker.is_staff and hijacker.has_perm("accounts.impersonate")
    member = hijacked.is_active and hijacked.closed_at is None and not (hijacked.is_staff or hijacked.is_superuser)
    return bool(allowed and member and hijacker.pk != hijacked.pk)


def is_impersonated(request: HttpRequest) -> bool:
    return bool(request.session.get(_HISTORY))


def is_over(session: SessionBase) -> bool:
    """Whether somebody acts as another in this session, and has no more time or may no longer. A page that stays open
    asks this: `Watch` sees requests alone."""
    return bool(session.get(_HISTORY)) and (_seconds_left(session) <= 0 or not _visit(session).is_allowed)


def _seconds_left(session: SessionBase) -> float:
    return float(session.get(_OURS, {}).get("until", 0.0)) - time.time()


def begin(request: HttpRequest, user: User, *, reason: str) -> None:
    """The session becomes the user's until `end`, at most for half an hour. The user and every organization of theirs
    are told who acts as them, and why. The caller has asked `may_impersonate`."""
    operator = User.objects.get(pk=int(request.session[SESSION_KEY]))
    proofs = {name: request.session[name] for name in _PROOFS if name in request.session}
    until = time.time() + LASTS
    with transaction.atomic():
        _tell_everybody(
            user, "impersonation.started", operator=operator, data={"reason": reason, "minutes": LASTS // 60}
        )
        _become(request, user)
        request.session[_HISTORY] = [str(operator.pk)]
        request.session[_OURS] = {"until": until, "proofs": proofs}
    hijack_started.send(sender=None, request=request, hijacker=operator, hijacked=user)


def end(request: HttpRequest) -> None:
    """The session becomes the operator's again, who need not confirm their second factor once more; or nobody's, where
    they are no longer an operator."""
    visit = _visit(request.session)
    proofs = request.session.get(_OURS, {}).get("proofs", {})
    tell(Told(what=END, session=session_digest(request.session.session_key)))
    if visit.operator is None or not visit.operator.is_active:
        request.session.flush()
    else:
        _become(request, visit.operator)
        clear_authentication_records(request)
        request.session.update(proofs)
    _tell_end(request, visit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Who acts as whom; None where that row has gone."""

    user: User | None
    operator: User | None

    @property
    def is_allowed(self) -> bool:
        return bool(self.user and self.operator and may_impersonate(hijacker=self.operator, hijacked=self.user))


def _visit(session: SessionBase) -> Visit:
    user, operator = int(session[SESSION_KEY]), int(session[_HISTORY][0])
    found = User.objects.in_bulk([user, operator])
    return Visit(user=found.get(user), operator=found.get(operator))


def _tell_end(request: HttpRequest, visit: Visit) -> None:
    if visit.user is None or visit.operator is None:
        return
    _tell_everybody(visit.user, "impersonation.ended", operator=visit.operator, data={})
    hijack_ended.send(sender=None, request=request, hijacker=visit.operator, hijacked=visit.user)


def _become(request: HttpRequest, user: User) -> None:
    """Signed in without a trace in the user's own dates. The session's content and key are new."""
    used = get_used_backend(request)
    with no_update_last_login(), keep_session_age(request.session):
        login(request, user, backend=f"{used.__module__}.{type(used).__name__}")
    request.session.pop(_HISTORY, None)
    request.session.pop(_OURS, None)


def _tell_everybody(user: User, name: str, *, operator: User, data: dict[str, Any]) -> None:
    record(user, name, data={"operator": operator.pk, **data})
    with user_scope(user.pk):
        org_ids = list(user.memberships.filter(org__deleted_at=None).values_list("org_id", flat=True))
    for org_id in sorted(org_ids):
        with org_scope(org_id):
            emit(org_id, name, actor=operator, target=user, data={"user": user.pk, **data})


class Watch:
    """Middleware, after hijack's: ends what has lasted too long or lost its operator, and refuses what is out of
    reach."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Without a cookie the session is left alone: a page for everybody must not vary by it.
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or not is_impersonated(request):
            return self.get_response(request)
        visit = _visit(request.session)
        left = _seconds_left(request.session)
        if not request.user.is_authenticated:
            request.session.flush()
            _tell_end(request, visit)
            return _leave(request)
        if left <= 0 or not visit.is_allowed:
            end(request)
            return _leave(request)
        request.operator = visit.operator  # type: ignore[attr-defined]
        request.minutes_left = max(1, round(left / 60))  # type: ignore[attr-defined]
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if hasattr(request, "operator") and is_out_of_reach(request, view):
            return render(request, "hijack/refused.html", status=403)
        return None


def is_out_of_reach(request: HttpRequest, view: Any) -> bool:
    """Everything of the account but looking at it and signing out; exports; changes to keys, members, organization."""
    match, reading = request.resolver_match, request.method in _READING
    assert match is not None
    name = match.url_name or ""
    if match.route.startswith("accounts/"):
        return name != "account_logout" and not (reading and name in _OPEN_ACCOUNT_PAGES)
    if "export" in name:
        return True
    return not reading and (name in _OWN_ACTS | _MONEY or permission_of(view, request.method or "") in _READ_ONLY)


def permission_of(view: Any, method: str) -> Permission | None:
    """What an address of an organization asks for; of the API's, by its action."""
    actions: dict[str, str] = getattr(view, "actions", None) or {}
    named = getattr(getattr(view, "cls", None), "permissions", {}) if actions else {}
    found: Permission | None = named.get(actions.get(method.lower(), "")) or getattr(view, "org_permission", None)
    return found


def _leave(request: HttpRequest) -> HttpResponseBase:
    messages.warning(request, _("The time of acting as somebody else is over."))
    to = reverse("admin:index")
    if "HX-Request" in request.headers:
        return HttpResponse(status=204, headers={"HX-Redirect": to})
    return HttpResponseRedirect(to)


@receiver(user_logged_out, dispatch_uid="orgs.impersonation.signed_out")
def _signed_out(request: HttpRequest, user: User | None, **_: Any) -> None:
    """Signing out ends both: nobody comes back to a session they had left."""
    if user is not None and is_impersonated(request):
        _tell_end(request, _visit(request.session))
