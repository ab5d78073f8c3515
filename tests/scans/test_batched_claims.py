"""Answers that wait in providers' batches are nothing that those who look for work walk over."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from orgs.scoping import all_orgs_scope
from prompts.llm.simulator.server import Running
from prompts.models import Brand, Project
from scans import claims
from scans.load import lane_loads
from scans.models import Scan
from scans.sharing import fair
from tests.scans.economy import GPT, economy_scan
from tests.scans.running import add_prompts, started

IN_BATCHES = 5_000
MANY = 200  # pages that only a walk over what waits in batches reads
_COPIES = """
INSERT INTO scans_answer SELECT (json_populate_record(a, json_build_object(
  'id', nextval(pg_get_serial_sequence('scans_answer', 'id')), 'sample', n, 'turn', n))).*
FROM scans_answer a CROSS JOIN generate_series(100, 99 + %(count)s) n
WHERE a.id = (SELECT min(id) FROM scans_answer WHERE scan_id = %(scan)s)
"""


@pytest.fixture
def waiting(project: Project, own_brand: Brand, simulator: Running) -> Scan:
    """Thousands of answers of one engine, organization and lane in batches, beside a few to be asked live."""
    add_prompts(project, 3)
    scan = economy_scan(project, GPT)
    with all_orgs_scope("test"), connection.cursor() as cursor:
        cursor.execute(_COPIES, {"count": IN_BATCHES, "scan": scan.pk})
        cursor.execute("UPDATE scans_scan SET status = 'done', finished_at = now()")  # so that another may start
    started(project, engines=[GPT])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE scans_answer")
    return scan


def test_what_may_be_asked_is_found_past_all_that_waits_in_batches(waiting: Scan) -> None:
    assert pages_read(lambda: claims.due_lanes(limit=100)) < MANY
    assert pages_read(claims.next_due_in) < MANY
    assert [due.count for due in claims.due_lanes(limit=100)] == [3]


def test_claiming_reads_nothing_of_what_waits_in_batches(waiting: Scan) -> None:
    [due] = fair(claims.due_lanes(limit=100), room=100, flying={})
    assert pages_read(lambda: claims.claim([due])) < MANY
    assert len(claims.claim([due])) == 3


def test_moving_answers_to_another_key_leaves_batches_where_operators_see_them(waiting: Scan) -> None:
    assert [(load.pending, load.due) for load in lane_loads()] == [(IN_BATCHES + 6, 3)]
    [due] = claims.due_lanes(limit=100)
    move = partial(claims.move, due.org_id, engine=due.engine, lane=due.lane, target="own-1|gpt", simulated=False)
    assert pages_read(move) < MANY
    move()
    assert {load.lane: load.pending for load in lane_loads()} == {due.lane: IN_BATCHES + 3, "own-1|gpt": 3}


def pages_read(act: Callable[[], Any]) -> int:
    """By every statement of `act` on answers, undone. Counted, not timed."""
    with transaction.atomic():
        with CaptureQueriesContext(connection) as captured:
            act()
        transaction.set_rollback(True)
    statements = [query["sql"] for query in captured.captured_queries if "scans_answer" in query["sql"]]
    assert statements
    with all_orgs_scope("test"):
        pages = sum(_pages(sql) for sql in statements)
        transaction.set_rollback(True)
    return pages


def _pages(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {sql}")
        [[[found]]] = cursor.fetchall()
    return sum(found["Plan"][name] for name in ("Shared Hit Blocks", "Shared Read Blocks"))
