"""Features that operators switch on or off, for everybody or for some organizations and users, without a deployment.

A feature is declared here, with what holds while no flag row says otherwise. Asking costs no query: the answer comes
from the cache, which every change of a flag empties.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import transaction
from django.db.models.signals import m2m_changed
from django.dispatch import receiver
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError
from waffle.utils import get_cache

from orgs.models import Flag, Organization

if TYPE_CHECKING:
    from accounts.models import User

logger = logging.getLogger("prompter.flags")

LIVE_NOTIFICATIONS = "live_notifications"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """`meaning` is for operators; `default` holds for everybody while there is no row for it."""

    meaning: str | Promise
    default: bool


FEATURES: dict[str, Feature] = {
    LIVE_NOTIFICATIONS: Feature(
        meaning=_("The bell counts up by itself, over a stream that every open page holds. Off: with the next page."),
        default=True,
    ),
}


class UndeclaredFeature(LookupError):
    """A feature that `FEATURES` does not name."""


class Features:
    """`feature.live_notifications` in a template."""

    def __init__(self, org: Organization | int, user: User | None = None) -> None:
        self._org, self._user = org, user

    def __getitem__(self, name: str) -> bool:
        return enabled(self._org, name, user=self._user)


def enabled(org: Organization | int, name: str, *, user: User | None = None) -> bool:
    """Whether an organization has a feature, or with `user` that user in it. A flag's "everyone" decides; else those
    have it who are listed. Raises `UndeclaredFeature`."""
    if name not in FEATURES:
        raise UndeclaredFeature(f"{name!r} is not declared; known: {', '.join(sorted(FEATURES))}")
    flag = _cached(partial(Flag.get, name), partial(_stored, name))
    if not flag.pk:
        return FEATURES[name].default
    if flag.everyone is not None:
        return bool(flag.everyone)
    org_id = org if isinstance(org, int) else org.pk
    if org_id in _cached(partial(_cached_organizations, flag), partial(_organizations, flag)):
        return True
    return user is not None and bool(_cached(partial(flag.is_active_for_user, user), lambda: False))


def _cached_organizations(flag: Flag) -> frozenset[int]:
    cache = get_cache()
    found: frozenset[int] | None = cache.get(flag.organizations_key)
    if found is None:
        found = _organizations(flag)
        cache.add(flag.organizations_key, found)
    return found


def _organizations(flag: Flag) -> frozenset[int]:
    return frozenset(flag.organizations.values_list("pk", flat=True))


def _stored(name: str) -> Flag:
    return Flag.objects.filter(name=name).first() or Flag(name=name)


def _cached(read: Callable[[], T], without: Callable[[], T]) -> T:
    """A page must not break because the cache is away."""
    try:
        return read()
    except (RedisError, OSError):
        logger.warning("the cache cannot be reached; flags are read from the database")
        return without()


@receiver(m2m_changed, sender=Flag.organizations.through, dispatch_uid="orgs.flags.organizations")
@receiver(m2m_changed, sender=Flag.users.through, dispatch_uid="orgs.flags.users")
def _members_changed(*, instance: Any, action: str, reverse: bool, pk_set: set[int] | None, **_: Any) -> None:
    """Once it has committed: whoever reads the cache before that would keep the old answer."""
    if not action.startswith("post_"):
        return
    flags = Flag.objects.filter(pk__in=pk_set or ()) if reverse else [instance]
    for flag in flags:
        transaction.on_commit(flag.flush)
