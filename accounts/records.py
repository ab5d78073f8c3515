"""The security log of an account: what was done to it, by whom, from where. Nobody changes it."""

from __future__ import annotations

from typing import Any

from allauth.account import signals as account_signals
from allauth.mfa import signals as mfa_signals
from allauth.socialaccount import signals as social_signals
from django.dispatch import receiver
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import AccountEvent, User
from accounts.presence import origin

MEANINGS: dict[str, str | Promise] = {
    "account.opened": _("Account created"),
    "account.exported": _("Export of everything asked for"),
    "account.closed": _("Account closed"),
    "sign_in.done": _("Signed in"),
    "sign_in.failed": _("Sign-in failed"),
    "sign_in.confirmed": _("Confirmed who it is"),
    "password.changed": _("Password changed"),
    "password.set": _("Password set"),
    "password.reset": _("Password reset by mail"),
    "email.change_asked": _("New e-mail address entered"),
    "email.confirmed": _("E-mail address confirmed"),
    "email.changed": _("E-mail address changed"),
    "email.removed": _("E-mail address removed"),
    "mfa.added": _("Second factor added"),
    "mfa.removed": _("Second factor removed"),
    "mfa.renewed": _("Recovery codes renewed"),
    "mfa.failed": _("Second factor refused"),
    "session.ended": _("Session ended"),
    "sessions.ended": _("All other sessions ended"),
    "service.connected": _("Sign-in service connected"),
    "service.disconnected": _("Sign-in service disconnected"),
    "organization.founded": _("Organization created"),
    "profile.changed": _("Profile changed"),
    "impersonation.started": _("An operator began to act as you"),
    "impersonation.ended": _("An operator stopped acting as you"),
    "operator.changed": _("An operator changed the account"),
    "operator.signed_out": _("An operator ended every session"),
    "operator.removed_factor": _("An operator removed a second factor"),
}


class UnknownAct(LookupError):
    """A name that `MEANINGS` has no words for."""


def record(
    user: User,
    name: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
) -> AccountEvent:
    """One row, with where the present request comes from. Never a secret, and no more of an address than its owner
    knows it by: the row outlives the account. Raises `UnknownAct`."""
    if name not in MEANINGS:
        raise UnknownAct(f"{name!r} is not known; known: {', '.join(sorted(MEANINGS))}")
    came_from = origin()
    return AccountEvent.objects.create(
        user=user,
        impersonator_id=came_from.impersonator_id,
        name=name,
        address=came_from.address,
        user_agent=came_from.user_agent,
        before=before,
        after=after,
        data=data or {},
    )


def masked(email: str) -> str:
    local, _at, domain = email.rpartition("@")
    return f"{local[:1]}…@{domain}"


@receiver(account_signals.user_logged_in, dispatch_uid="accounts.records.sign_in")
def _signed_in(*, request: Any, user: User, **_: Any) -> None:
    from allauth.account.internal.flows.login import get_authentication_records

    methods = [str(found.get("type") or found["method"]) for found in get_authentication_records(request, user)]
    record(user, "sign_in.done", data={"methods": list(dict.fromkeys(methods))})


@receiver(account_signals.authentication_step_completed, dispatch_uid="accounts.records.confirmed")
def _confirmed(*, user: User, method: str, reauthenticated: bool = False, **_: Any) -> None:
    if reauthenticated:
        record(user, "sign_in.confirmed", data={"method": method})


@receiver(account_signals.email_changed, dispatch_uid="accounts.records.email_changed")
def _email_changed(*, user: User, from_email_address: Any, to_email_address: Any, **_: Any) -> None:
    before = {"email": masked(from_email_address.email)} if from_email_address else None
    record(user, "email.changed", before=before, after={"email": masked(to_email_address.email)})


def _note(signal: Any, name: str) -> None:
    def noted(*, user: User, **_: Any) -> None:
        record(user, name)

    signal.connect(noted, weak=False, dispatch_uid=f"accounts.records.{name}")


def _note_email(signal: Any, name: str) -> None:
    def noted(*, email_address: Any, **_: Any) -> None:
        record(email_address.user, name, data={"email": masked(email_address.email)})

    signal.connect(noted, weak=False, dispatch_uid=f"accounts.records.{name}")


def _note_factor(signal: Any, name: str) -> None:
    def noted(*, user: User, authenticator: Any = None, **told: Any) -> None:
        kind = authenticator.type if authenticator else told.get("authenticator_type", "")
        record(user, name, data={"kind": str(kind)})

    signal.connect(noted, weak=False, dispatch_uid=f"accounts.records.{name}")


def _note_service(signal: Any, name: str) -> None:
    def noted(*, request: Any, **told: Any) -> None:
        account = told.get("socialaccount") or told["sociallogin"].account
        record(account.user, name, data={"provider": account.provider})

    signal.connect(noted, weak=False, dispatch_uid=f"accounts.records.{name}")


_note(account_signals.user_signed_up, "account.opened")
_note(account_signals.password_changed, "password.changed")
_note(account_signals.password_set, "password.set")
_note(account_signals.password_reset, "password.reset")
_note_email(account_signals.email_added, "email.change_asked")
_note_email(account_signals.email_confirmed, "email.confirmed")
_note_email(account_signals.email_removed, "email.removed")
_note_factor(mfa_signals.authenticator_added, "mfa.added")
_note_factor(mfa_signals.authenticator_removed, "mfa.removed")
_note_factor(mfa_signals.authenticator_reset, "mfa.renewed")
_note_factor(mfa_signals.authentication_failed, "mfa.failed")
_note_service(social_signals.social_account_added, "service.connected")
_note_service(social_signals.social_account_removed, "service.disconnected")
