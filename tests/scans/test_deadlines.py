"""The longest that a scan may take: what nobody could ask by then is given up, and the scan ends."""

from typing import Any

import pytest
from django.db import connection

from orgs.scoping import all_orgs_scope, org_scope
from prompts.llm.simulator.server import Running
from prompts.models import Project
from scans.deadlines import end_overdue
from scans.launch import retry_failed
from scans.models import Scan
from scans.store import Store
from scans.tasks import sweep
from tests.scans.running import add_prompts, answers_of, events, level, reread, started, statuses
from tests.scans.test_claims import answered, claim


@pytest.fixture
def scan(project: Project, simulator: Running) -> Scan:
    add_prompts(project, 3)
    return started(project)


def test_a_scan_in_its_time_goes_on(scan: Scan) -> None:
    assert end_overdue() == 0
    assert statuses(scan) == {"pending": 3}


def test_a_scan_over_its_time_ends_with_a_reason(scan: Scan, settings: Any) -> None:
    settings.SCAN_DEADLINE_HOURS = 0
    sweep()
    sweep()
    assert reread(scan).status == "failed"
    assert {(answer.status, answer.error_kind) for answer in answers_of(scan)} == {("failed", "deadline")}
    assert answers_of(scan)[0].failure.startswith("The scan had taken 0 hours")
    assert [event.data["failed"] for event in events(scan, "scan.finished")] == [3]
    assert level(scan.project.org) == (0, 0)


def test_what_is_under_way_at_the_deadline_still_counts(scan: Scan, settings: Any) -> None:
    settings.SCAN_DEADLINE_HOURS = 0
    [held] = claim(1)
    assert end_overdue() == 2
    assert reread(scan).status == "running"
    Store()([answered(held)])
    sweep()
    assert reread(scan).status == "partial"
    assert level(scan.project.org) == (1, 0)


def test_what_was_given_up_can_be_retried_and_has_its_time_again(scan: Scan, settings: Any) -> None:
    settings.SCAN_DEADLINE_HOURS = 0
    sweep()
    settings.SCAN_DEADLINE_HOURS = 1
    with org_scope(scan.org_id):
        assert retry_failed(reread(scan), actor=None) == 3
    with all_orgs_scope("test"), connection.cursor() as cursor:
        cursor.execute("UPDATE scans_scan SET created_at = created_at - interval '2 hours'")
    assert end_overdue() == 0
    assert (reread(scan).status, statuses(scan)) == ("running", {"pending": 3})
