"""What organizations hold about a person, for the export of their account: read in pieces, each in its own scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
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


# Of what they did it is not told what it was done to: that may be no business of theirs any more.
HELD: Mapping[str, Held] = {
    "memberships": Held(model=Membership, by="user", columns=("role", "created_at")),
    "notification_preferences": Held(model=NotificationPreference, by="user", columns=("kind", "channel", "enabled")),
    "notifications": Held(
        model=Notification, by="user", columns=("kind", "event__name", "created_at", "in_app", "read_at", "emailed_at")
    ),
    "invitations_sent": Held(model=Invitation, by="invited_by", columns=_INVITATION),
    "invitations_received": Held(model=Invitation, by="email", columns=_INVITATION),
    "acts": Held(model=Event, by="actor", columns=("name", "created_at", "address")),
}


@receiver(account_exporting, dispatch_uid="orgs.exporting")
def held_about(*, user: User, **_: Any) -> dict[str, Iterator[dict[str, Any]]]:
    addresses = EmailAddress.objects.filter(user_id=user.pk, verified=True)
    own = [address.lower() for address in addresses.values_list("email", flat=True)]
    return {name: _rows(held, user=user, addresses=own) for name, held in HELD.items()}


def _wanted(held: Held, *, user: User, addresses: list[str]) -> dict[str, Any]:
    return {"email__in": addresses} if held.by == "email" else {held.by: user.pk}


def _rows(held: Held, *, user: User, addresses: list[str]) -> Iterator[dict[str, Any]]:
    wanted = _wanted(held, user=user, addresses=addresses)
    with all_orgs_scope("the export of an account"):
        found = held.model.all_orgs.filter(**wanted).order_by().values_list("org_id", flat=True).distinct()
        names = dict(Organization.objects.filter(pk__in=list(found)).order_by("pk").values_list("pk", "name"))
    for org_id, name in names.items():
        for row in _of_one(held, org_id, wanted):
            yield {"organization": name, **row}


def _of_one(held: Held, org_id: int, wanted: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The newest first."""
    before: int | None = None
    for _piece in range(MOST // PIECE):
        with org_scope(org_id):
            rows = held.model.objects.for_org(org_id).filter(**wanted).order_by("-pk")
            rows = rows if before is None else rows.filter(pk__lt=before)
            piece = list(rows.values("pk", *held.columns)[:PIECE])
        for row in piece:
            before = row.pop("pk")
            yield {column.replace("__", "_"): value for column, value in row.items()}
        if len(piece) < PIECE:
            return
