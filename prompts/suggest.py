"""Asking for suggestions for a project that is being set up: a row first, and a nudge once it has committed."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from prompts.credentials import EngineChoice, available_engines
from prompts.estimates import answer_cost
from prompts.llm.types import Surface
from prompts.models import Project, Suggestion
from prompts.tasks import nudge_suggestion

if TYPE_CHECKING:
    from accounts.models import User

A_DAY = 30  # suggestions a project may ask for
Kind = Suggestion.Kind


class CannotSuggest(Exception):
    """`message` is for people: what stands in the way, and that the step works by hand."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def cheap_engine(org_id: int) -> EngineChoice | None:
    """The cheapest engine that this organization can ask, real ones and plain models first. Inside an `org_scope`."""
    today = timezone.now().date()
    choices = [choice for choice in available_engines(org_id) if choice.available]
    return min(choices, key=lambda choice: (choice.simulated, *_rank(choice, today)), default=None)


def _rank(choice: EngineChoice, today: date) -> tuple[bool, bool, bool, Decimal]:
    cost = answer_cost(choice.engine)
    plain = choice.engine.surface is Surface.MODEL
    return (not plain, choice.engine.retired(today), cost is None, cost or Decimal(0))


def latest(project: Project, kind: str) -> Suggestion | None:
    return Suggestion.objects.for_org(project.org_id).filter(project=project, kind=kind).order_by("-pk").first()


def ask_for(project: Project, kind: str, *, actor: User | None) -> Suggestion:
    """A new suggestion, or the one that is under way. Call it inside an `org_scope`. Raises `CannotSuggest`."""
    engine = "" if kind == Kind.SITE else _engine(project.org_id)
    rows = Suggestion.objects.for_org(project.org_id).filter(project=project)
    if rows.filter(created_at__gt=timezone.now() - timedelta(days=1)).count() >= A_DAY:
        raise CannotSuggest(_("That was asked for very often today. Go on by hand, or come back tomorrow."))
    row = Suggestion(org_id=project.org_id, project=project, kind=kind, engine=engine, asked_by=actor)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return rows.get(kind=kind, status__in=Suggestion.OPEN)
    transaction.on_commit(partial(nudge_suggestion, row.org_id, row.pk))
    return row


def _engine(org_id: int) -> str:
    choice = cheap_engine(org_id)
    if choice is None:
        raise CannotSuggest(_("No engine can be asked yet, so nothing is suggested. Type your own, or go on."))
    return choice.engine.key
