"""Invitations: one address, one use, seven days. The link is signed and only its digest is kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.signing import BadSignature, Signer
from django.core.validators import validate_email
from django.db import models, transaction
from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.mail import send, site_link
from orgs import allowance
from orgs.allowance import TooMany
from orgs.events import emit
from orgs.models import Event, Invitation, Membership, Organization
from orgs.naming import unlinked
from orgs.roles import INVITED, Role, may_give
from orgs.scoping import org_scope

if TYPE_CHECKING:
    from accounts.models import User

LIFETIME = timedelta(days=7)
DAY = timedelta(days=1)
MOST_AT_ONCE = 20
MAX_EMAIL = 254
_SENT = ("invitation.sent", "invitation.resent")
_signer = Signer(sep=".", salt="orgs.invitations")


class Unusable(Exception):
    """An invitation that cannot be accepted: `reason` is `unknown`, `accepted`, `revoked`, `expired` or `closed`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of each address: a mail went out, or it belongs to a member already."""

    invited: list[str] = field(default_factory=list)
    members: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An invitation that can be accepted."""

    org: Organization
    invitation: Invitation


def is_address(email: str) -> bool:
    """Letters of other scripts look like those of the address that is meant, so there are none."""
    try:
        validate_email(email)
    except ValidationError:
        return False
    return email.isascii() and len(email) <= MAX_EMAIL


def same_address(one: str, other: str) -> bool:
    """Letters of ASCII in either case are the same; any other likeness, dots and plus signs too, is somebody else."""
    return one == other or (one.isascii() and other.isascii() and one.lower() == other.lower())


def masked(address: str) -> str:
    """Enough for its owner to recognise: `a…@e…e.com`."""
    local, _, domain = address.rpartition("@")
    host, dot, suffix = domain.rpartition(".")
    return f"{local[:1]}\u2026@{host[:1]}\u2026{host[-1:]}{dot}{suffix}" if host else f"{local[:1]}\u2026@{domain}"


def open_invitations(org: Organization) -> models.QuerySet[Invitation]:
    """Those that nobody ended, the newest first, the expired among them too: they can be sent again."""
    return Invitation.objects.for_org(org).filter(accepted_at=None, revoked_at=None).order_by("-pk")


def invite(org: Organization, emails: Iterable[str], *, role: Role, actor: Membership) -> Sent:
    """Offer `role` to each address. One that has an open invitation gets a new link and the old one dies.
    Raises `PermissionDenied` and `TooMany`, and then sends nothing."""
    _demand(actor, role)
    wanted = list(dict.fromkeys(email.strip().lower() for email in emails))
    sent = Sent()
    with transaction.atomic():
        org.take_turn()
        joined = _members_among(org, wanted)
        sent.members.extend(email for email in wanted if email in joined)
        sent.invited.extend(email for email in wanted if email not in joined)
        _spend(org, sent.invited, actor=actor)
        for email in sent.invited:
            _offer(org, email, role=role, actor=actor)
    return sent


def resend(org: Organization, pk: int, *, actor: Membership) -> Invitation:
    """A new link and seven new days; the old link dies. Raises `Http404`, `PermissionDenied` and `TooMany`."""
    with transaction.atomic():
        org.take_turn()
        invitation = open_one(org, pk)
        _demand(actor, Role(invitation.role))
        _spend(org, [invitation.email], actor=actor)
        _send(org, invitation, actor=actor, event="invitation.resent")
    return invitation


def revoke(org: Organization, pk: int, *, actor: Membership) -> Invitation:
    """Raises `Http404` for an invitation that has ended, and `PermissionDenied`."""
    with transaction.atomic():
        invitation = open_one(org, pk)
        _demand(actor, Role(invitation.role))
        if not _revoked(invitation):
            raise Http404("No such invitation")
        emit(org, "invitation.revoked", actor=actor.user, target=invitation, before={"role": invitation.role})
    return invitation


def revoke_beyond(org_id: int, sender_id: int, *, role: Role | None = None) -> None:
    """End what somebody sent and, now that they are in `role` or gone, could send no more."""
    beyond = [given for given in Role if role is None or not may_give(role, given)]
    found = Invitation.objects.for_org(org_id).filter(
        invited_by_id=sender_id, role__in=beyond, accepted_at=None, revoked_at=None
    )
    for invitation in found:
        if _revoked(invitation):
            emit(org_id, "invitation.revoked", target=invitation, before={"role": invitation.role})


def offer_of(token: str) -> Offer:
    """What a link offers. Raises `Unusable`."""
    org = _organization_of(token)
    with org_scope(org):
        invitation = Invitation.objects.for_org(org).filter(token_digest=_digest(token)).first()
    if invitation is None:
        raise Unusable("unknown")
    if invitation.accepted_at is not None:
        raise Unusable("accepted")
    if invitation.revoked_at is not None:
        raise Unusable("revoked")
    if not org.is_open:
        raise Unusable("closed")
    if invitation.expires_at <= timezone.now():
        raise Unusable("expired")
    return Offer(org=org, invitation=invitation)


def addressed_to(invitation: Invitation, user: User) -> EmailAddress | None:
    """The address of `user` that was invited, verified or not."""
    own = EmailAddress.objects.filter(user_id=user.pk, email__iexact=invitation.email)
    return next((address for address in own if same_address(address.email, invitation.email)), None)


def accept(token: str, *, user: User) -> Organization:
    """Join. One link makes one membership, however often and by however many hands it is sent at once.
    Raises `Unusable`, and `PermissionDenied` for anybody but the person who was invited."""
    offer = offer_of(token)
    address = addressed_to(offer.invitation, user)
    if address is None or not address.verified:
        raise PermissionDenied("This invitation is for another address.")
    with org_scope(offer.org):
        if not offer.org.take_turn().is_open:
            raise Unusable("closed")
        _claim(offer.invitation, user=user)
        _join(offer, user=user)
    return offer.org


def _claim(invitation: Invitation, *, user: User) -> None:
    now = timezone.now()
    claimed = (
        Invitation.objects.for_org(invitation.org_id)
        .filter(pk=invitation.pk, accepted_at=None, revoked_at=None, expires_at__gt=now)
        .filter(token_digest=invitation.token_digest)
        .update(accepted_at=now, accepted_by=user)
    )
    if not claimed:
        raise Unusable("accepted")


def _join(offer: Offer, *, user: User) -> None:
    """Somebody who is a member already stays what they are."""
    org, role = offer.org, offer.invitation.role
    emit(org, "invitation.accepted", actor=user, target=offer.invitation, after={"role": role})
    _, joined = Membership.objects.for_org(org).get_or_create(org=org, user=user, defaults={"role": role})
    if joined:
        emit(org, "membership.added", actor=user, target=user, after={"role": role}, data={"user": user.pk})


def _demand(actor: Membership, role: Role) -> None:
    if role not in INVITED or not may_give(actor.role, role):
        raise PermissionDenied("Your role may not offer this one.")


def _members_among(org: Organization, emails: list[str]) -> set[str]:
    """Only who belongs to this organization: whether others have an account is nobody's business."""
    users = Membership.objects.for_org(org).values_list("user_id", flat=True)
    own = EmailAddress.objects.filter(user_id__in=users, verified=True).values_list("email", flat=True)
    main = Membership.objects.for_org(org).values_list("user__email", flat=True)
    return {email.lower() for email in (*own, *main)} & set(emails)


def _spend(org: Organization, emails: list[str], *, actor: Membership) -> None:
    since = timezone.now() - DAY
    spent = Event.objects.for_org(org).filter(name__in=_SENT, created_at__gte=since).count()
    if spent + len(emails) > settings.INVITATIONS_PER_DAY:
        raise TooMany(max(settings.INVITATIONS_PER_DAY - spent, 0))
    allowance.spend(actor.user_id, emails)


def _offer(org: Organization, email: str, *, role: Role, actor: Membership) -> None:
    found = Invitation.objects.for_org(org).filter(email__iexact=email, accepted_at=None, revoked_at=None).first()
    if found is not None:
        _demand(actor, Role(found.role))  # nobody lowers an offer that they could not have made
    invitation = found or Invitation(org=org, email=email)
    invitation.role, invitation.invited_by = role, actor.user
    _send(org, invitation, actor=actor, event="invitation.resent" if found else "invitation.sent")


def _send(org: Organization, invitation: Invitation, *, actor: Membership, event: str) -> None:
    token = _new_token(org)
    now = timezone.now()
    invitation.token_digest = _digest(token)
    invitation.sent_at, invitation.expires_at = now, now + LIFETIME
    invitation.save()
    emit(org, event, actor=actor.user, target=invitation, after={"role": invitation.role})
    send(
        "invitation",
        to=invitation.email,
        context={
            "org_name": unlinked(org.name),
            "inviter": unlinked(actor.user.display_name),
            "action_label": _("See the invitation"),
            "role": Role(invitation.role).label,
            "action_url": site_link(reverse("invitation-accept", args=[token])),
            "days": LIFETIME.days,
        },
    )


def open_one(org: Organization, pk: int) -> Invitation:
    found = Invitation.objects.for_org(org).filter(pk=pk, accepted_at=None, revoked_at=None).first()
    if found is None:
        raise Http404("No such invitation")
    return found


def _revoked(invitation: Invitation) -> bool:
    still = Invitation.objects.for_org(invitation.org_id).filter(pk=invitation.pk, accepted_at=None, revoked_at=None)
    return bool(still.update(revoked_at=timezone.now()))


def _new_token(org: Organization) -> str:
    return _signer.sign(f"{org.pk}-{secrets.token_urlsafe(24)}")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _organization_of(token: str) -> Organization:
    """Read from the link, which nobody but us can have signed."""
    try:
        org_id = int(_signer.unsign(token).partition("-")[0])
    except (BadSignature, ValueError):
        raise Unusable("unknown") from None
    org = Organization.objects.filter(pk=org_id).first()
    if org is None:
        raise Unusable("unknown")
    return org
