"""Leases: who holds what, for how long, and whose word counts."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from billing import meter
from orgs.models import Event, Organization
from orgs.scoping import all_orgs_scope, org_scope
from prompts.gateway import lane_for
from prompts.llm.simulator.server import Running
from prompts.llm.types import FinishReason, Reply, Usage
from prompts.models import Brand, Project
from scans import claims
from scans.claims import Claimed
from scans.ending import finish_scans
from scans.models import Answer, Mention, Scan
from scans.sharing import fair
from scans.store import Outcome, Store
from scans.sweeping import recover
from scans.tasks import sweep
from tests.scans.running import ENGINES, add_prompts, aloft, answers_of, reread, started, statuses

ENGINE = ENGINES[0]


@pytest.fixture
def scan(project: Project, own_brand: Brand, simulator: Running) -> Scan:
    add_prompts(project, 3)
    return started(project)


LANE = "sim-openai|openai:gpt-5-mini"


def claim(count: int = 100, *, suspect: bool = False) -> list[Claimed]:
    """As a runner with so much room does."""
    due = [one for one in claims.due_lanes(limit=count) if one.lane == LANE and one.suspect == suspect]
    return claims.claim(fair(due, room=count, flying={}))


def answered(claimed: Claimed, text: str = "Lumenboard is fine.") -> Outcome:
    reply = Reply(text=text, model="gpt-5-mini", finish_reason=FinishReason.STOP, usage=Usage(output_tokens=5))
    return Outcome(claimed=claimed, status=Answer.Status.SUCCEEDED, reply=reply, latency_ms=5)


def lose_leases(times: int = 1) -> None:
    """The workers that hold everything die."""
    for _ in range(times):
        for suspect in (False, True):
            claim(suspect=suspect)
        expire_now()
        claims.expire()


def expire_now() -> None:
    with all_orgs_scope("test"), connection.cursor() as cursor:
        cursor.execute("UPDATE scans_answer SET lease_until = now() - interval '1 second' WHERE status = 'claimed'")


def test_a_claim_is_a_lease_by_the_databases_clock(scan: Scan, settings: Any) -> None:
    settings.SCAN_LEASE_SECONDS = 60
    held = claim(2)
    assert [(one.attempts, one.org_id, one.scan_id) for one in held] == [(1, scan.org_id, scan.pk)] * 2
    with org_scope(scan.org_id), connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM lease_until - now()) FROM scans_answer WHERE status = 'claimed'")
        assert [round(seconds) for (seconds,) in cursor.fetchall()] == [60, 60]
    assert (reread(scan).status, reread(scan).started_at is not None) == ("running", True)


def test_what_is_claimed_is_not_claimed_again(scan: Scan) -> None:
    first, second = claim(2), claim(2)
    assert len({one.id for one in first + second}) == 3
    assert claim() == []


def test_due_lanes_count_what_can_be_asked_now(scan: Scan) -> None:
    assert [(due.lane, due.engine, due.count) for due in claims.due_lanes(limit=100)] == [
        ("sim-openai|openai:gpt-5-mini", ENGINE, 3)
    ]
    assert [due.count for due in claims.due_lanes(limit=2)] == [2]
    with org_scope(scan.org_id), connection.cursor() as cursor:
        cursor.execute("UPDATE scans_answer SET due_at = now() + interval '1 hour'")
    assert claims.due_lanes(limit=100) == []
    assert 3_590 < (claims.next_due_in() or 0) <= 3_600


def test_due_lanes_are_found_for_every_engine(project: Project, simulator: Running) -> None:
    add_prompts(project, 2)
    started(project, engines=[*ENGINES, "openai:gpt-5-mini/model"])
    assert sorted((due.engine, due.count) for due in claims.due_lanes(limit=9)) == sorted(
        (engine, 2) for engine in [*ENGINES, "openai:gpt-5-mini/model"]
    )


def test_a_small_scan_is_not_starved_by_a_large_one(
    project: Project, other_org: Organization, simulator: Running
) -> None:
    add_prompts(project, 50)
    started(project)
    with org_scope(other_org):
        small = Project.objects.for_org(other_org).create(org=other_org, name="s", slug="s", engines=[ENGINE])
    add_prompts(small, 3)
    late = started(small)
    assert sum(one.scan_id == late.pk for one in claim(6)) == 3


def test_a_zombies_answer_is_refused(scan: Scan, caplog: pytest.LogCaptureFixture) -> None:
    [zombie] = claim(1)
    expire_now()
    claims.expire()
    [heir] = claim(1)
    assert (heir.id, heir.attempts) == (zombie.id, 2)
    assert Store()([answered(zombie, "Too late, said Lumenboard.")]) == {zombie.id}
    assert "late answers refused" in caplog.text
    assert Store()([answered(heir)]) == set()
    answer = answers_of(scan)[0]
    assert (answer.status, answer.text, answer.lost_leases) == ("succeeded", "Lumenboard is fine.", 1)
    with org_scope(scan.org_id):
        assert Mention.objects.for_org(scan.org_id).count() == 1
        assert meter.level(scan.org_id, meter.ANSWERS).used == 1


def test_an_answer_is_stored_once_whoever_repeats_it(scan: Scan) -> None:
    [held] = claim(1)
    assert Store()([answered(held)]) == set()
    assert Store()([answered(held)]) == {held.id}
    with org_scope(scan.org_id):
        assert Mention.objects.for_org(scan.org_id).count() == 1
        assert meter.level(scan.org_id, meter.ANSWERS).used == 1


def test_a_late_answer_counts_as_long_as_nobody_else_took_it(scan: Scan) -> None:
    [held] = claim(1)
    expire_now()
    assert Store()([answered(held)]) == set()
    assert claims.expire() == 0


def test_renewing_keeps_a_lease(scan: Scan) -> None:
    held = claim()
    expire_now()
    claims.renew(held[:2])
    assert claims.expire() == 1
    assert claims.lost(held) == {held[2].id}


def test_what_is_given_back_unasked_does_not_count(scan: Scan) -> None:
    unasked, asked, _ = claim()
    claims.give_back([unasked], asked=False)
    claims.give_back([asked], asked=True)
    attempts = {answer.pk: answer.attempts for answer in answers_of(scan) if answer.status == "pending"}
    assert attempts == {unasked.id: 0, asked.id: 1}


def test_two_claims_of_one_answer_that_come_together_are_told_apart(scan: Scan) -> None:
    """The first lost its lease, the second took over, and one process brings both."""
    [first] = claim(1)
    expire_now()
    claims.expire()
    [second] = [one for one in claim() if one.id == first.id]
    assert Store()([answered(first, "Old."), answered(second, "New.")]) == {first.id}
    [kept] = [answer for answer in answers_of(scan) if answer.pk == first.id]
    assert kept.text == "New."
    with org_scope(scan.org_id):
        level = meter.level(scan.org_id, meter.ANSWERS)
    assert (level.used, level.reserved) == (1, 2)


def test_the_word_of_a_lost_claim_leaves_the_one_that_took_over_held(scan: Scan) -> None:
    """A process that stood still holds both, and goes on keeping the lease of the second."""
    [first] = claim(1)
    expire_now()
    claims.expire()
    [second] = [one for one in claim() if one.id == first.id]
    lane = lane_for(scan.org, ENGINE)

    async def held() -> int:
        async with aloft() as flights:
            flights.take_off(second, lane, at=time.monotonic() + 60, ticket="")
            flights.report(answered(first))
            await flights.stored(left=1)
            return len(flights)

    assert asyncio.run(held()) == 1
    assert claims.lost([second]) == set()


def test_an_answer_that_loses_three_workers_is_given_up(scan: Scan) -> None:
    lose_leases(2)
    assert {answer.lost_leases for answer in answers_of(scan)} == {2}
    claim(suspect=True)
    expire_now()
    recover()
    answers = answers_of(scan)
    assert {(answer.status, answer.error_kind) for answer in answers} == {("failed", "lost_worker")}
    assert "3 workers stopped" in answers[0].failure
    assert reread(scan).status == "failed"
    with org_scope(scan.org_id):
        assert meter.level(scan.org_id, meter.ANSWERS).reserved == 0


def test_suspects_are_told_apart_from_the_rest(scan: Scan) -> None:
    with org_scope(scan.org_id):
        first = Answer.objects.for_org(scan.org_id).order_by("turn").first()
        Answer.objects.for_org(scan.org_id).filter(pk=first.pk).update(lost_leases=2)
    assert sorted((due.suspect, due.count) for due in claims.due_lanes(limit=9)) == [(False, 2), (True, 1)]
    assert first.pk not in {one.id for one in claim()}
    assert [(one.id, one.suspect) for one in claim(suspect=True)] == [(first.pk, True)]


def test_the_sweep_returns_what_dead_workers_held(scan: Scan) -> None:
    claim()
    expire_now()
    sweep()
    assert statuses(scan) == {"pending": 3}
    assert {answer.lost_leases for answer in answers_of(scan)} == {1}


def test_the_sweep_leaves_leases_that_still_run(scan: Scan) -> None:
    claim()
    sweep()
    assert statuses(scan) == {"claimed": 3}


def test_the_sweep_ends_a_scan_that_nobody_ended(scan: Scan) -> None:
    Store()([answered(held) for held in claim()])
    assert reread(scan).status == "running"
    sweep()
    sweep()
    assert reread(scan).status == "done"
    with org_scope(scan.org_id):
        assert Event.objects.for_org(scan.org_id).filter(name="scan.finished").count() == 1


def test_a_scan_with_open_answers_does_not_end(scan: Scan) -> None:
    Store()([answered(held) for held in claim(2)])
    assert finish_scans(scan.org_id, [scan.pk]) == []
    assert reread(scan).status == "running"


def test_one_answer_that_cannot_be_stored_costs_only_itself(scan: Scan) -> None:
    good, bad, fine = claim()
    unstorable = replace(answered(bad), latency_ms=2**40)
    assert Store()([answered(good), unstorable, answered(fine)]) == set()
    by_pk = {answer.pk: answer for answer in answers_of(scan)}
    assert [by_pk[one.id].status for one in (good, bad, fine)] == ["succeeded", "failed", "succeeded"]
    assert by_pk[bad.id].error_kind == "unstorable"
    with org_scope(scan.org_id):
        level = meter.level(scan.org_id, meter.ANSWERS)
    assert (level.used, level.reserved) == (2, 0)


def test_moving_lanes_leaves_other_organizations_alone(scan: Scan, other_org: Organization, simulator: Running) -> None:
    with org_scope(other_org):
        theirs = Project.objects.for_org(other_org).create(org=other_org, name="s", slug="s", engines=[ENGINE])
    add_prompts(theirs, 1)
    untouched = started(theirs)
    claims.move(scan.org_id, engine=ENGINE, lane="sim-openai|openai:gpt-5-mini", target="own-1|x", simulated=False)
    assert {answer.lane for answer in answers_of(scan)} == {"own-1|x"}
    assert {answer.lane for answer in answers_of(untouched)} == {"sim-openai|openai:gpt-5-mini"}
