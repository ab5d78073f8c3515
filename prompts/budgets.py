"""Monthly budgets of an organization and of its projects: set, removed, and how far they are used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_noop

from accounts import formats
from billing.meter import month_of
from orgs.events import difference, emit
from orgs.models import Organization
from orgs.telling import NOTHING, Sentence, day, dollars, number
from prompts.models import Budget, Project, Spending
from prompts.spending import WARN_AT, event_of, month_after

if TYPE_CHECKING:
    from accounts.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Where one budget, or what would be one, stands in a month. Without a limit in money or answers that one is
    None. `stopped` a scan and was not raised since."""

    project: Project | None
    month: date
    answers: int = 0
    money: Decimal = Decimal(0)
    answers_limit: int | None = None
    money_limit: Decimal | None = None
    stopped: bool = False

    @property
    def is_set(self) -> bool:
        return self.answers_limit is not None or self.money_limit is not None

    @property
    def anew(self) -> date:
        return month_after(self.month)

    @property
    def anew_written(self) -> str:
        return formats.day(self.anew, style="long_day")

    @property
    def is_warning(self) -> bool:
        return any(part >= WARN_AT * limit for part, limit in self._parts())

    @property
    def is_reached(self) -> bool:
        return any(part >= limit for part, limit in self._parts())

    @property
    def has_stopped(self) -> bool:
        """A scan, though no limit is reached: the rest of money does not hold one more answer."""
        return self.stopped and not self.is_reached

    @property
    def money_share(self) -> float:
        return _share(self.money, self.money_limit)

    @property
    def answers_share(self) -> float:
        return _share(Decimal(self.answers), self.answers_limit)

    def holds(self, *, answers: int = 0, money: Decimal = Decimal(0)) -> bool:
        """Whether this much more fits. Where a limit is reached nothing does, however cheap."""
        if self.is_reached:
            return False
        more = {"answers": Decimal(answers), "money": money}
        return all(part + more[name] <= limit for name, part, limit in self._named())

    def blocking(self, *, money: Decimal = Decimal(0)) -> str:
        """Which limit refuses one more answer: `answers`, `money`, or none."""
        more = {"answers": Decimal(1), "money": money}
        return next((n for n, part, limit in self._named() if part >= limit or part + more[n] > limit), "")

    def _parts(self) -> list[tuple[Decimal, Decimal]]:
        return [(part, limit) for _, part, limit in self._named()]

    def _named(self) -> list[tuple[str, Decimal, Decimal]]:
        named: list[tuple[str, Decimal, Decimal]] = []
        if self.answers_limit is not None:
            named.append(("answers", Decimal(self.answers), Decimal(self.answers_limit)))
        if self.money_limit is not None:
            named.append(("money", self.money, self.money_limit))
        return named


def levels(org_id: int, *, project: Project | None = None, at: date | None = None) -> list[Level]:
    """The organization's budget and, where a project is given, its own: what counts for that project. Two queries."""
    month = at or month_of()
    which = Q(project=None) | Q(project=project) if project else Q(project=None)
    limits = {row.project_id: row for row in Budget.objects.for_org(org_id).filter(which)}
    spent = {row.project_id: row for row in Spending.objects.for_org(org_id).filter(which, month=month)}
    return [
        _level(month, one, limits.get(one.pk if one else None), spent.get(one.pk if one else None))
        for one in ([None, project] if project else [None])
    ]


def levels_of_projects(org_id: int, projects: Sequence[Project], *, at: date | None = None) -> list[Level]:
    """Those of several projects, budget or not. Two queries."""
    month = at or month_of()
    limits = {row.project_id: row for row in Budget.objects.for_org(org_id).filter(project__in=projects)}
    spent = {row.project_id: row for row in Spending.objects.for_org(org_id).filter(project__in=projects, month=month)}
    return [_level(month, one, limits.get(one.pk), spent.get(one.pk)) for one in projects]


def used_up(org_id: int, project_id: int | None) -> Sentence:
    """The sentence about a budget of money that is used up, or nothing. One query where there is none."""
    limits = Budget.objects.for_org(org_id).filter(Q(project=None) | Q(project_id=project_id), money__isnull=False)
    for budget in limits.select_related("project").order_by("pk"):
        spent = Spending.objects.for_org(org_id).filter(project=budget.project, month=month_of()).first()
        level = _level(month_of(), budget.project, budget, spent)
        if level.money_limit is not None and level.money >= level.money_limit:
            return refusal(level, limit="money")
    return NOTHING


def save_budget(
    org: Organization, *, project: Project | None, money: Decimal | None, answers: int | None, actor: User | None
) -> None:
    """Set both limits; with neither the budget is removed. It counts from now on, for the running month too: a limit
    that is used up already stops what is asked next."""
    with transaction.atomic():
        rows = Budget.objects.for_org(org).select_for_update().filter(project=project)
        found = rows.first()
        before = _told(found) if found else None
        if money is None and answers is None:
            if found:
                found.delete()
                emit(org, event_of(project, "removed"), actor=actor, target=project, before=before, data=_of(project))
            return
        budget = Budget(org_id=org.pk, project=project, money=money, answers=answers)
        # Of two that set the first budget at once, the later one counts.
        Budget.objects.for_org(org).bulk_create(
            [budget], update_conflicts=True, unique_fields=["org", "project"], update_fields=["money", "answers"]
        )
        changed = difference(before, _told(budget))
        if changed["after"]:
            emit(org, event_of(project, "saved"), actor=actor, target=project, data=_of(project), **changed)
            _forget_warnings(budget)


def refusal(level: Level, *, limit: str) -> Sentence:
    """One sentence on which budget is used up, and when it starts anew."""
    return sentence_of(stop_of(level, limit=limit))


def stop_of(level: Level, *, limit: str) -> dict[str, Any]:
    """What a scan that a budget stopped keeps of it."""
    amount = level.answers_limit if limit == "answers" else level.money_limit
    return {
        "project": level.project.pk if level.project else None,
        "project_name": level.project.name if level.project else "",
        "limit": limit,
        "amount": str(amount),
        "month": level.month.isoformat(),
        "starts_anew": level.anew.isoformat(),
    }


def sentence_of(stop: dict[str, Any]) -> Sentence:
    """For readers of any language and numbers."""
    money, amount = stop["limit"] == "money", Decimal(stop["amount"])
    values = {
        "amount": dollars(amount) if money else number(amount),
        "day": day(date.fromisoformat(stop["starts_anew"])),
    }
    texts = {
        (True, True): gettext_noop("The project's budget of %(amount)s a month is used up. It starts anew on %(day)s."),
        (True, False): gettext_noop(
            "The project's budget of %(amount)s answers a month is used up. It starts anew on %(day)s."
        ),
        (False, True): gettext_noop(
            "The organization's budget of %(amount)s a month is used up. It starts anew on %(day)s."
        ),
        (False, False): gettext_noop(
            "The organization's budget of %(amount)s answers a month is used up. It starts anew on %(day)s."
        ),
    }
    return Sentence(texts[stop["project"] is not None, money], values)


def _share(part: Decimal, limit: Decimal | int | None) -> float:
    """What is spent of nothing is all of it."""
    if limit is None:
        return 0.0
    return float(min(part / limit, Decimal(1))) if limit else 1.0


def _level(month: date, project: Project | None, budget: Budget | None, spent: Spending | None) -> Level:
    return Level(
        project=project,
        month=month,
        answers=spent.answers if spent else 0,
        money=spent.money if spent else Decimal(0),
        answers_limit=budget.answers if budget else None,
        money_limit=budget.money if budget else None,
        stopped=bool(budget and spent and spent.reached_at),
    )


def _forget_warnings(budget: Budget) -> None:
    """A budget that has room again warns again."""
    (level,) = levels(budget.org_id) if budget.project is None else levels(budget.org_id, project=budget.project)[1:]
    rows = Spending.objects.for_org(budget.org_id).filter(project=budget.project, month=level.month)
    if not level.is_warning:
        rows.update(warned_at=None)
    if not level.is_reached:
        rows.update(reached_at=None)


def _told(budget: Budget) -> dict[str, Any]:
    return {"money": None if budget.money is None else f"{budget.money:.2f}", "answers": budget.answers}


def _of(project: Project | None) -> dict[str, Any]:
    return {"project": project.pk if project else None, "project_name": project.name if project else ""}
