"""Answering suggestions in a worker: claimed before anything is paid for, given up rather than paid twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone
from django.utils.translation import gettext_noop

from billing import meter
from orgs.outbound import CannotFetch
from orgs.scoping import all_orgs_scope, org_scope
from orgs.telling import NOTHING, Sentence
from prompts import briefs, gateway, sites, suggested
from prompts.failures import said_of
from prompts.gateway import Call, EngineUnavailable, Lane, Patience, lane_for
from prompts.llm.errors import LlmError
from prompts.models import Brand, Project, Prompt, Suggestion

LEASE = timedelta(seconds=150)
UNHEARD = timedelta(seconds=10)  # after which a queued one is nudged again
GIVEN_UP = timedelta(minutes=15)
_PATIENCE = Patience(wait=15.0, retries=1)
_REASON = "suggestions' sweep"

Kind = Suggestion.Kind
Status = Suggestion.Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A claimed suggestion with everything that answering it takes, so that no transaction is open meanwhile."""

    org_id: int
    pk: int
    project_id: int
    kind: str
    token: UUID
    lane: Lane | None
    company: briefs.Company
    known: suggested.Known


def work(org_id: int, pk: int) -> None:
    """In a worker, outside any scope. A suggestion that somebody else has taken is left alone."""
    held = _claim(org_id, pk)
    if held is not None:
        _do(held)


def _do(held: Held) -> None:
    failure = Sentence(gettext_noop("Something went wrong. Ask again, or go on by hand."))
    result: list[dict[str, Any]] | None = None
    try:
        result = asyncio.run(_answered(held))
    except (CannotFetch, EngineUnavailable) as refused:
        failure = refused.said
    except LlmError as error:
        failure = said_of(error)
    except suggested.Unusable:
        failure = Sentence(
            gettext_noop("The answer had nothing in it that could be used. Ask again, or go on by hand.")
        )
    finally:
        _end(held, result, failure)


async def _answered(held: Held) -> list[dict[str, Any]]:
    try:
        if held.kind == Kind.SITE:
            return [_site_values(await sites.look_at(held.company.domain))]
        return await _asked(held)
    finally:
        await gateway.close()


def _site_values(says: sites.SiteSays) -> dict[str, Any]:
    shown = ("title", "name", "description", "language", "icon")
    return {name: getattr(says, name) for name in shown}


async def _asked(held: Held) -> list[dict[str, Any]]:
    if held.lane is None:
        raise EngineUnavailable(gettext_noop("The engine cannot be asked any more. Ask again, or go on by hand."))
    engine = held.lane.engine
    brief = briefs.competitors_brief if held.kind == Kind.COMPETITORS else briefs.prompts_brief
    request = brief(held.company, model=engine.model, surface=engine.surface)
    call = Call(
        org_id=held.org_id,
        project_id=held.project_id,
        lane=held.lane,
        purpose="suggest",
        reference=f"suggestion:{held.pk}",
        metric=meter.ANSWERS,
        patience=_PATIENCE,
        request=replace(request, max_output_tokens=engine.max_output_tokens),
    )
    answer = (await gateway.ask(call)).reply.text
    if held.kind == Kind.COMPETITORS:
        return suggested.as_values(suggested.competitors_in(answer, held.known))
    return suggested.as_values(suggested.prompts_in(answer, held.known))


def _claim(org_id: int, pk: int) -> Held | None:
    """One conditional update decides; the rest is read in the same transaction."""
    token = uuid4()
    with org_scope(org_id):
        rows = Suggestion.objects.for_org(org_id).filter(pk=pk)
        queued = rows.filter(status=Status.QUEUED)
        until = timezone.now() + LEASE
        if not queued.update(status=Status.RUNNING, lease_token=token, lease_until=until):
            return None
        row = rows.select_related("project").get()
        lane = _lane(row)
        if lane is not None:
            rows.update(simulated=lane.simulated)
        return _held(row, token, lane)


def _lane(row: Suggestion) -> Lane | None:
    try:
        return lane_for(row.org_id, row.engine) if row.engine else None
    except EngineUnavailable:
        return None


def _held(row: Suggestion, token: UUID, lane: Lane | None) -> Held:
    project = row.project
    brands = list(Brand.objects.for_org(row.org_id).filter(project=project))
    asked = list(
        Prompt.objects.for_org(row.org_id).filter(project=project, archived_at=None).values_list("text", "key")[:10_000]
    )
    return Held(
        org_id=row.org_id,
        pk=row.pk,
        project_id=project.pk,
        kind=row.kind,
        token=token,
        lane=lane,
        company=_company(project, brands, tracked=_tracked(row, brands, [text for text, _key in asked])),
        known=suggested.Known(
            own=tuple(name for brand in brands if brand.is_own for name in (brand.name, *brand.aliases)),
            names=tuple(name for brand in brands for name in (brand.name, *brand.aliases)),
            domains=tuple(domain for brand in brands for domain in brand.domains),
            keys=frozenset(key for _text, key in asked),
            country=project.country,
            language=project.language,
        ),
    )


def _tracked(row: Suggestion, brands: Sequence[Brand], questions: list[str]) -> list[str]:
    if row.kind == Kind.COMPETITORS:
        return [brand.name for brand in brands if not brand.is_own]
    return questions[-40:]


def _company(project: Project, brands: Sequence[Brand], *, tracked: list[str]) -> briefs.Company:
    own = next((brand for brand in brands if brand.is_own), None)
    return briefs.Company(
        name=own.name if own else project.name,
        domain=project.website or (own.domains[0] if own and own.domains else ""),
        description=project.description,
        country=project.country,
        language=project.language,
        competitors=[brand.name for brand in brands if not brand.is_own],
        tracked=tracked,
    )


def _end(held: Held, result: list[dict[str, Any]] | None, failure: Sentence) -> None:
    """Only while the lease is ours: one that was given up meanwhile stays so."""
    status, failure = (Status.FAILED, failure) if result is None else (Status.DONE, NOTHING)
    with org_scope(held.org_id):
        Suggestion.objects.for_org(held.org_id).filter(pk=held.pk, lease_token=held.token).update(
            status=status,
            result=result or [],
            error=failure.text[:500],
            error_values=failure.values,
            finished_at=timezone.now(),
            lease_token=None,
            lease_until=None,
        )


def recover() -> list[tuple[int, int]]:
    """Give up what a worker took to its grave. The organizations and ids of those that no worker has heard of."""
    now = timezone.now()
    ended = {"status": Status.FAILED, "finished_at": now, "lease_token": None, "lease_until": None}
    with all_orgs_scope(_REASON):
        waiting = Suggestion.all_orgs.filter(status=Status.QUEUED, created_at__lt=now - UNHEARD)
        waiting.filter(created_at__lt=now - GIVEN_UP).update(
            **ended, error=gettext_noop("No worker took this on. Ask again, or go on by hand.")
        )
        lost = Suggestion.all_orgs.filter(status=Status.RUNNING, lease_until__lt=now)
        lost.update(
            **ended, error=gettext_noop("The worker stopped before the answer was in. Ask again, or go on by hand.")
        )
        return list(waiting.order_by("pk").values_list("org_id", "pk")[:200])
