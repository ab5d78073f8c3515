"""What organizations hold about a person, for the export of their account: read in pieces, each in its own scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from django.db.models.functions import Now
from django.dispatch import receiver

from accounts.exporting import account_exporting
from orgs.models import Event, Invitation, Membership, Notification, NotificationPreference, Organization
from orgs.scoping import OrgModel, all_orgs_scope, org_scope

if TYPE_CHECKING:
    from accounts.models import User

PIECE = 1_000
MOST = 50_000  # rows of one kind in one organization: the newest

_INVITATION = ("email", "role", "sent_at", "expires_at", "accepted_at", "revoked_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Rows of `model` that are the person's by the column `by`, and what is told of them."""

    model: type[OrgModel]
    by: str
    columns: tuple[str, ...]
    outside: tuple[str, ...] | None = None  # the columns where they are no member, if not the same


# Of what they did it is not told what it was done to: that may be no business of theirs any more.
HELD: Mapping[str, Held] = {
    "memberships": Held(model=Membership, by="user", columns=("role", "created_at")),
    "notification_preferences": Held(model=NotificationPreference, by="user", columns=("kind", "channel", "enabled")),
    "notifications": Held(
        model=Notification, by="user", columns=("kind", "event__name", "created_at", "in_app", "read_at", "emailed_at")
    ),
    "invitations_sent": Held(model=Invitation, by="invited_by", columns=_INVITATION, outside=("role", "sent_at")),
    "invitations_received": Held(model=Invitation, by="email", columns=_INVITATION),
    "acts": Held(model=Event, by="actor", columns=("name", "created_at", "address", "impersonator")),
}


@receiver(account_exporting, dispatch_uid="orgs.exporting")
def held_about(*, user: User, **_: Any) -> dict[str, Iterator[dict[str, Any]]]:
    addresses = EmailAddress.objects.filter(user_id=user.pk, verified=True)
    own = [address.lower() for address in addresses.values_list("email", flat=True)]
    return {name: _rows(held, user=user, addresses=own) for name, held in HELD.items()}


def _wanted(held: Held, *, user: User, addresses: list[str]) -> dict[str, Any]:
    return {"email__in": addresses} if held.by == "email" else {held.by: user.pk}


def _rows(held: Held, *, user: User, addresses: list[str]) -> Iterator[dict[str, Any]]:
    """What became of an organization is no business of those who left it: they are not told its name of today."""
    wanted = _wanted(held, user=user, addresses=addresses)
    with all_orgs_scope("the export of an account"):
        found = held.model.all_orgs.filter(**wanted).order_by().values_list("org_id", flat=True).distinct()
        names = dict(Organization.objects.filter(pk__in=list(found)).order_by("pk").values_list("pk", "name"))
        theirs = set(Membership.all_orgs.filter(user=user).values_list("org_id", flat=True))
        asked = Invitation.all_orgs.filter(email__in=addresses, accepted_at=None, revoked_at=None)
        invited = set(asked.filter(expires_at__gt=Now()).values_list("org_id", flat=True))
    for org_id, name in names.items():
        columns = held.columns if org_id in theirs or held.outside is None else held.outside
        for row in _of_one(held, org_id, wanted, columns=columns):
            yield {"organization": name if org_id in theirs | invited else "", **_told(row)}


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """Of what an operator did as this person, not where that operator was."""
    if "impersonator" not in row:
        return row
    by_operator = row.pop("impersonator") is not None
    return {**row, "address": None if by_operator else row["address"], "by_operator": by_operator}


def _of_one(held: Held, org_id: int, wanted: dict[str, Any], *, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The newest first."""
    before: int | None = None
    for _piece in range(MOST // PIECE):
        with org_scope(org_id):
            rows = held.model.objects.for_org(org_id).filter(**wanted).order_by("-pk")
            rows = rows if before is None else rows.filter(pk__lt=before)
            piece = list(rows.values("pk", *columns)[:PIECE])
        for row in piece:
            before = row.pop("pk")
            yield {column.replace("__", "_"): value for column, value in row.items()}
        if len(piece) < PIECE:
            return
