"""How long a running scan still takes: by what its engines answered lately, and nothing where that tells nothing."""

import time
from datetime import timedelta
from typing import Any

import pytest
import redis as redis_client
from django.utils import timezone

from orgs.scoping import org_scope
from prompts.llm.lanes import keys
from prompts.models import Project
from scans.launch import retry_failed
from scans.live import Board, board_of
from scans.models import Answer, Scan
from tests.scans.running import ENGINES, add_prompts, answers_of, reread, started

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)
DAYS = timedelta(days=20)


@pytest.fixture
def scan(project: Project, simulator: Any) -> Scan:
    """Ten answers of one engine to go."""
    add_prompts(project, 10)
    return started(project, engines=ENGINES[:1])


def board(scan: Scan) -> Board:
    with org_scope(scan.org_id):
        return board_of(reread(scan))


def move_back(scan: Scan, by: timedelta) -> None:
    """As if everything so far had been so long ago."""
    with org_scope(scan.org_id):
        Scan.objects.for_org(scan.org_id).filter(pk=scan.pk).update(created_at=scan.created_at - by)
        for answer in Answer.objects.for_org(scan.org_id).filter(scan=scan):
            answer.created_at -= by
            answer.due_at -= by
            answer.finished_at = answer.finished_at and answer.finished_at - by
            answer.save()


def end(scan: Scan, count: int, *, status: str = "succeeded", ago: timedelta = timedelta(0)) -> None:
    chosen = [answer.pk for answer in answers_of(scan) if answer.status == "pending"][:count]
    with org_scope(scan.org_id):
        ended = Answer.objects.for_org(scan.org_id).filter(pk__in=chosen)
        kind = "timeout" if status == "failed" else ""
        ended.update(status=status, finished_at=timezone.now() - ago, error_kind=kind)


def test_what_is_left_takes_as_long_as_what_was_answered_since_the_start(scan: Scan) -> None:
    move_back(scan, 3 * MINUTE)
    end(scan, 6)
    assert board(scan).remaining == pytest.approx(120, abs=30)


def test_a_scan_that_is_retried_after_twenty_days_takes_what_its_new_answers_take(scan: Scan) -> None:
    end(scan, 4)
    end(scan, 6, status="failed")
    move_back(scan, DAYS)
    with org_scope(scan.org_id):
        Scan.objects.for_org(scan.org_id).update(status="partial", finished_at=timezone.now() - DAYS)
        retry_failed(reread(scan), actor=None)
    assert board(scan).remaining is None
    with org_scope(scan.org_id):  # as if that had been five minutes ago
        Answer.objects.for_org(scan.org_id).filter(status="pending").update(due_at=timezone.now() - 5 * MINUTE)
    end(scan, 3)
    assert board(scan).remaining == pytest.approx(300, abs=60)


def test_what_was_answered_before_a_retry_says_nothing_of_it(scan: Scan) -> None:
    end(scan, 8, ago=MINUTE)
    end(scan, 2, status="failed", ago=MINUTE)
    with org_scope(scan.org_id):
        Scan.objects.for_org(scan.org_id).update(status="partial", finished_at=timezone.now())
        retry_failed(reread(scan), actor=None)
    assert board(scan).remaining is None


def test_a_long_pause_in_the_middle_is_forgotten_once_it_goes_on(scan: Scan) -> None:
    end(scan, 2)
    move_back(scan, DAYS)
    end(scan, 4)
    assert board(scan).remaining == pytest.approx(600, abs=60)  # four in the last ten minutes, four to go


def test_too_little_to_tell_is_not_told(scan: Scan) -> None:
    move_back(scan, MINUTE)
    assert board(scan).remaining is None
    end(scan, 2)
    assert board(scan).remaining is None
    end(scan, 1)
    assert board(scan).remaining is not None


def test_nothing_is_said_of_the_time_while_nothing_can_be_asked(scan: Scan, settings: Any) -> None:
    move_back(scan, MINUTE)
    end(scan, 5)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert board(scan).remaining is None


def test_a_rest_that_the_provider_asked_for_comes_on_top(scan: Scan, redis: redis_client.Redis) -> None:
    move_back(scan, MINUTE)
    end(scan, 5)
    before = board(scan).remaining
    limiter, *_ = keys(answers_of(scan)[0].lane)
    redis.hset(limiter, "blocked_until", str((time.time() + 3_600) * 1_000))
    found = board(scan)
    assert [lane.pause.kind for lane in found.paused if lane.pause] == ["rate_limited"]
    assert before is not None
    assert found.remaining == pytest.approx(3_600 + before, abs=30)


def test_an_ended_scan_takes_no_longer(scan: Scan) -> None:
    move_back(scan, MINUTE)
    end(scan, 10)
    assert board(scan).remaining is None
