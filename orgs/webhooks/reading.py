"""Endpoints and deliveries as their pages tell of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orgs.events import declared
from orgs.models import WebhookDelivery
from orgs.webhooks.offers import TEST

SOON = timedelta(seconds=20)
_PROBLEMS: dict[str, str | Promise] = {
    "address": gettext_lazy("The address is none that can be written to."),
    "port": gettext_lazy("The address names an unusual port."),
    "internal": gettext_lazy("The address is not on the public internet."),
    "unknown_host": gettext_lazy("There is no site of this name."),
    "unreachable": gettext_lazy("It could not be reached."),
    "time": gettext_lazy("It took longer than 15 seconds to answer."),
    "payload": gettext_lazy("What to tell could not be put together."),
}
# The statuses that delivery marks share with scans and answers.
_MARKS = {"pending": "waiting", "dropped": "cancelled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    at: datetime | None
    outcome: str
    milliseconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A delivery in a list; `outcome` is how its last attempt went."""

    delivery: WebhookDelivery
    event: str
    mark: str
    outcome: str


def lines_of(deliveries: Sequence[WebhookDelivery]) -> list[Line]:
    return [line_of(one) for one in deliveries]


def line_of(delivery: WebhookDelivery) -> Line:
    attempts = attempts_of(delivery)
    return Line(
        delivery=delivery,
        event=event_label(delivery.type),
        mark=_MARKS.get(delivery.status, delivery.status),
        outcome=attempts[-1].outcome if attempts else "",
    )


def event_label(name: str) -> str:
    if name == TEST:
        return _("A test")
    known = declared().get(name)
    return str(known.meaning) if known else name


def attempts_of(delivery: WebhookDelivery) -> list[Attempt]:
    """Oldest first."""
    return [
        Attempt(at=parse_datetime(str(one.get("at", ""))), outcome=_outcome(one), milliseconds=one.get("ms", 0))
        for one in delivery.history
    ]


def _outcome(attempt: dict[str, Any]) -> str:
    if attempt.get("code") is not None:
        return _("Answered with status %(status)s") % {"status": attempt["code"]}
    return str(_PROBLEMS.get(str(attempt.get("problem")), _PROBLEMS["unreachable"]))


def body_shown(delivery: WebhookDelivery) -> str:
    """What is sent, set to be read."""
    return json.dumps(json.loads(delivery.body), indent=2, ensure_ascii=False) if delivery.body else ""


def is_busy(deliveries: Sequence[WebhookDelivery]) -> bool:
    """Whether one of them is about to change."""
    soon = timezone.now() + SOON
    return any(one.status == WebhookDelivery.Status.PENDING and one.due_at < soon for one in deliveries)
