"""What operators do to an organization as a whole: disabling it, and enabling it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orgs.closing import organization_closing
from orgs.events import Declared, declare, emit
from orgs.models import Organization
from orgs.scoping import org_scope
from orgs.streams import end_streams

if TYPE_CHECKING:
    from accounts.models import User

declare(
    {
        "org.disabled": Declared(
            meaning=_("The organization was disabled"), sentence=_("{actor} disabled the organization as an operator")
        ),
        "org.enabled": Declared(
            meaning=_("The organization was enabled again"),
            sentence=_("{actor} enabled the organization again as an operator"),
            topic="organization",
        ),
    }
)


def disable(org: Organization, *, actor: User) -> bool:
    """Every door closes at once, what is being asked is cancelled, and nothing that was stored is lost. False when it
    was disabled before."""
    with transaction.atomic():
        if not Organization.objects.filter(pk=org.pk, disabled_at=None).update(disabled_at=timezone.now()):
            return False
        with org_scope(org):
            emit(org, "org.disabled", actor=actor, target=org)
            organization_closing.send(sender=None, org=org, actor=actor)
        end_streams(org.pk)
    return True


def enable(org: Organization, *, actor: User) -> bool:
    """False when it was not disabled."""
    with transaction.atomic():
        if not Organization.objects.filter(pk=org.pk, disabled_at__isnull=False).update(disabled_at=None):
            return False
        with org_scope(org):
            emit(org, "org.enabled", actor=actor, target=org)
    return True
