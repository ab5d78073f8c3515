"""What every screen must do for everybody: shown to whom it may be, refused to the rest."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.test import Client

from accounts.models import User

ClientOf = Callable[[User | None], Client]


@dataclass(frozen=True, kw_only=True)
class Screen:
    """An address with the methods it has; `role` is the least that may use it."""

    url: str
    methods: tuple[str, ...] = ("get",)
    role: str = "viewer"
    data: dict[str, Any] = field(default_factory=dict)
    expected: int = 200

    def __str__(self) -> str:
        return self.url


ROLES = ("viewer", "member", "admin", "owner")


def roles_from(least: str) -> tuple[str, ...]:
    return ROLES[ROLES.index(least) :]


def ask(client: Client, method: str, url: str, data: dict[str, Any] | None = None) -> HttpResponse:
    return getattr(client, method)(url, data or {})
