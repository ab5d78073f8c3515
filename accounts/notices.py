"""Allauth's mails in our words: which of our letters each of them is."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.mail import site_link

CODE_BY_MAIL = _("Get a code by e-mail")

# Something changed: subject and sentence, which may name what the mail's context holds.
CHANGES: dict[str, tuple[str | Promise, str | Promise]] = {
    "account/email/email_changed": (
        _("Your e-mail address was changed"),
        _("Your account's e-mail address was changed from %(from_email)s to %(to_email)s."),
    ),
    "account/email/email_deleted": (
        _("An e-mail address was removed"),
        _("The address %(deleted_email)s was removed from your account."),
    ),
    "account/email/email_confirm": (_("Your e-mail address is confirmed"), _("Your e-mail address was confirmed.")),
    "account/email/password_changed": (_("Your password was changed"), _("The password of your account was changed.")),
    "account/email/password_reset": (
        _("Your password was reset"),
        _("A new password was set for your account through a link that we mailed to you."),
    ),
    "account/email/password_set": (_("A password was set"), _("Your account can now be opened with a password.")),
    "mfa/email/recovery_codes_generated": (
        _("New recovery codes"),
        _("New recovery codes were made for your account. The old ones no longer work."),
    ),
    "mfa/email/totp_activated": (
        _("An authenticator app was added"),
        _("Signing in to your account now asks for a code from your authenticator app."),
    ),
    "mfa/email/totp_deactivated": (
        _("The authenticator app was removed"),
        _("Signing in to your account no longer asks for a code from an authenticator app."),
    ),
    "mfa/email/webauthn_added": (_("A passkey was added"), _("A passkey or security key was added to your account.")),
    "mfa/email/webauthn_removed": (
        _("A passkey was removed"),
        _("A passkey or security key was removed from your account."),
    ),
    "socialaccount/email/account_connected": (
        _("A sign-in service was connected"),
        _("Your account can now be opened through %(provider)s."),
    ),
    "socialaccount/email/account_disconnected": (
        _("A sign-in service was disconnected"),
        _("Your account can no longer be opened through %(provider)s."),
    ),
}
# Somebody asked for something: our template of it.
REQUESTS = {
    "account/email/email_confirmation": "email_confirmation",
    "account/email/email_confirmation_signup": "email_confirmation_signup",
    "account/email/password_reset_key": "password_reset_key",
    "account/email/account_already_exists": "account_already_exists",
    "account/email/unknown_account": "unknown_account",
}


def letter(prefix: str, context: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The template and what it needs to know. A mail that we have no words for is a `KeyError`."""
    if prefix in REQUESTS:
        return REQUESTS[prefix], {"action_url": _action_url(prefix, context)}
    subject, sentence = CHANGES[prefix]
    told = {key: context.get(key) for key in ("timestamp", "ip", "user_agent")}
    said = {key: context.get(key, "") for key in ("from_email", "to_email", "deleted_email", "provider")}
    action = {
        "action_url": site_link(reverse("account-security")),
        "action_label": _("Look at your account's security"),
    }
    return "notice", {**told, **action, "subject": subject, "sentence": _Sentence(sentence, said)}


class _Sentence:
    """Put together when it is rendered, in the reader's language."""

    def __init__(self, text: str | Promise, values: dict[str, Any]) -> None:
        self.text, self.values = text, values

    def __str__(self) -> str:
        return str(self.text) % self.values


def _action_url(prefix: str, context: dict[str, Any]) -> str:
    """Allauth makes the last two from the request's host, so they are made anew."""
    if prefix.endswith("account_already_exists"):
        return site_link(reverse("account_reset_password"))
    if prefix.endswith("unknown_account"):
        return site_link(reverse("account_signup"))
    return str(context.get("activate_url") or context["password_reset_url"])
