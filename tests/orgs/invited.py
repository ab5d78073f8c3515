"""Invitations as tests need them: a row, or one that was really sent, with the link out of its mail."""

import re
from collections.abc import Sequence
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.utils import timezone

from accounts.models import Letter, User
from orgs.invitations import invite
from orgs.models import Invitation, Membership, Organization
from orgs.roles import Role
from orgs.scoping import org_scope


def make_invitation(org: Organization, email: str, *, by: User, role: Role = Role.MEMBER) -> Invitation:
    """A row alone: nothing was sent, and no link fits it."""
    now = timezone.now()
    with org_scope(org):
        return Invitation.objects.for_org(org).create(
            org=org,
            email=email,
            role=role,
            invited_by=by,
            token_digest=f"no link {email}",
            sent_at=now,
            expires_at=now + timedelta(days=7),
        )


def invitation_of(org: Organization, email: str) -> Invitation:
    with org_scope(org):
        return Invitation.objects.for_org(org).get(email=email)


def send_invitations(org: Organization, emails: Sequence[str], *, by: User, role: Role = Role.MEMBER) -> list[str]:
    """The paths of the links, in the order of the addresses; read before a worker can have posted the letters."""
    with org_scope(org):
        actor = Membership.objects.for_org(org).select_related("user").get(user=by)
        invite(org, emails, role=role, actor=actor)
        return [link_to(email) for email in emails]


def link_to(email: str) -> str:
    """The path in the newest mail to an address."""
    letter = Letter.objects.filter(to=email, template="invitation").latest("pk")
    found = re.search(r"http://[^/\s]+(/invitations/\S+)", letter.text)
    assert found, letter.text
    return found[1]


def make_user(email: str, *, verified: bool = True) -> User:
    user = User.objects.create_user(email)
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=email, verified=verified, primary=True)
    return user
