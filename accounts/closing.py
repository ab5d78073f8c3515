"""The end of an account: what names the person goes, but for what the logs say, which nobody can change: their acts,
under a numbered row without a name, and the name that events about them were written with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from accounts import mail
from accounts.models import User
from accounts.records import record

# Asked with `user` before a closing; receivers return the obstacles they see, as a list of `Obstacle`.
closing_obstacles = Signal()
# Sent with `user` in the transaction that closes the account: receivers end what the user still has elsewhere.
account_closing = Signal()

NAMELESS = "closed.invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Something that cannot be left behind: what it is called, why, and the page where it can be settled."""

    label: str
    reason: str
    url: str


class ClosingRefused(Exception):
    """`obstacles` say what is in the way."""

    def __init__(self, obstacles: list[Obstacle]) -> None:
        super().__init__(f"{len(obstacles)} obstacles")
        self.obstacles = obstacles


def obstacles_to_closing(user: User) -> list[Obstacle]:
    found: list[Obstacle] = []
    for _receiver, seen in closing_obstacles.send(sender=User, user=user):
        found.extend(cast("list[Obstacle]", seen or []))
    return found


def close_account(user: User) -> None:
    """Raises `ClosingRefused`. Files, scans and answers belong to organizations and stay with them."""
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        obstacles = obstacles_to_closing(user)
        if obstacles:
            raise ClosingRefused(obstacles)
        record(user, "account.closed")
        account_closing.send(sender=User, user=user)
        mail.send("account_closed", to=user, context={})
        _end_access(user)
        _empty(user)


def _end_access(user: User) -> None:
    sessions = UserSession.objects.filter(user=user)
    Session.objects.filter(session_key__in=sessions.values("session_key")).delete()
    sessions.delete()
    Authenticator.objects.filter(user=user).delete()
    SocialAccount.objects.filter(user=user).delete()
    EmailAddress.objects.filter(user=user).delete()
    user.groups.clear()
    user.user_permissions.clear()


def _empty(user: User) -> None:
    """What a sign-in from elsewhere leaves in an open session opens nothing: the password's hash changes too."""
    user.set_unusable_password()
    user.email, user.name = f"closed-{user.pk}@{NAMELESS}", ""
    user.language = user.time_zone = user.number_format = ""
    user.is_active = user.is_staff = user.is_superuser = False
    user.last_login, user.closed_at = None, timezone.now()
    user.save()
