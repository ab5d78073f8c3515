"""The tenant scope: a manager that refuses unscoped queries, and the database setting that row-level security reads."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings
from django.db import connection, models, transaction

if TYPE_CHECKING:
    from orgs.models import Organization

logger = logging.getLogger("prompter.scope")

M = TypeVar("M", bound=models.Model)


class UnscopedQuery(RuntimeError):
    """A tenant table was queried without naming its organization."""


class OrgManager(models.Manager[M]):
    """Refuses everything but `for_org`."""

    def get_queryset(self) -> models.QuerySet[M]:
        raise UnscopedQuery(f"{self.model.__name__}.objects needs .for_org(org)")

    def for_org(self, org: Organization | int) -> models.QuerySet[M]:
        org_id = org if isinstance(org, int) else org.pk
        return super().get_queryset().filter(org_id=org_id)


if TYPE_CHECKING:
    _ForeignKey = models.ForeignKey[Any, Any]
else:
    _ForeignKey = models.ForeignKey


class OrgForeignKey(_ForeignKey):
    """A reference inside one organization, held by a composite foreign key `(org_id, x_id)` that `Wall` adds."""

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        super().__init__(to, on_delete, **kwargs)

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_constraint", None)
        return name, path, args, kwargs


class OrgModel(models.Model):
    """A tenant table: every row belongs to one organization. A subclass's `Meta` must extend `OrgModel.Meta`."""

    # Without an index of its own: the wall's unique one on (org_id, id) begins with it. A planner without statistics
    # takes the shorter one for every check of a composite key, and walks the whole organization each time.
    org = models.ForeignKey(
        "orgs.Organization", on_delete=models.CASCADE, related_name="+", editable=False, db_index=False
    )

    all_orgs = models.Manager()
    objects = OrgManager()

    class Meta:
        abstract = True
        base_manager_name = "all_orgs"
        default_manager_name = "all_orgs"


@dataclass(frozen=True, slots=True)
class Scope:
    """What row-level security lets through: rows of `org_id`, a user's own memberships, or everything."""

    org_id: int | None = None
    user_id: int | None = None
    everything: bool = False


_NOTHING = Scope()
_ATTRIBUTE = "prompter_scope"
# A coroutine has a connection object of its own, so it cannot see its caller's transaction; it does see this.
_open: ContextVar[bool] = ContextVar("scope_open", default=False)


def scope_open() -> bool:
    """Whether a scope, and so a transaction, is open around the caller, be it a coroutine that a scope waits for."""
    return _open.get()


def current_scope() -> Scope:
    scope = getattr(connection, _ATTRIBUTE, _NOTHING)
    return scope if connection.in_atomic_block else _NOTHING


def _apply(scope: Scope) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('app.org', %s, true), set_config('app.user', %s, true),"
            " set_config('app.all_orgs', %s, true), set_config('idle_in_transaction_session_timeout', %s, true)",
            [str(scope.org_id or ""), str(scope.user_id or ""), "on" if scope.everything else "", _idle()],
        )


def _idle() -> str:
    """What a process that is stopped, or whose machine is gone, in the middle of a transaction has locked is free
    again after so many milliseconds."""
    return str(round(settings.TRANSACTION_IDLE_SECONDS * 1000))


@contextmanager
def _scope(scope: Scope) -> Iterator[None]:
    # SET LOCAL outlives the release of a savepoint, so a nested scope puts the outer value back itself;
    # a rollback puts it back by itself.
    outer, nested, was_open = current_scope(), connection.in_atomic_block, _open.get()
    with transaction.atomic():
        _apply(scope)
        setattr(connection, _ATTRIBUTE, scope)
        _open.set(True)
        try:
            yield
        finally:
            setattr(connection, _ATTRIBUTE, outer)
            _open.set(was_open)
        if nested and not connection.needs_rollback:
            _apply(outer)


@contextmanager
def org_scope(org: Organization | int, *, user_id: int | None = None) -> Iterator[None]:
    """A transaction that sees one organization's rows, and with `user_id` that user's other memberships."""
    org_id = org if isinstance(org, int) else org.pk
    with _scope(Scope(org_id=org_id, user_id=user_id)):
        yield


@contextmanager
def user_scope(user_id: int) -> Iterator[None]:
    """A transaction that sees a user's own memberships and nothing else of any organization."""
    with _scope(Scope(user_id=user_id)):
        yield


@contextmanager
def all_orgs_scope(reason: str, *, level: int = logging.DEBUG) -> Iterator[None]:
    """A transaction that sees every organization: for the admin and named sweeps only. Logged with its reason; a
    sweep's only for who looks for it, since there are several a second."""
    logger.log(level, "all organizations opened: %s", reason)
    with _scope(Scope(everything=True)):
        yield
