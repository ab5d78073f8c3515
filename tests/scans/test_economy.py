"""Economy mode: answers through the providers' batches, and live for what those do not bring."""

from collections import Counter

import pytest

from prompts.llm.simulator.server import Running
from prompts.models import Project
from tests.scans.economy import (
    BATCHED,
    SEARCHING_GPT,
    economy_scan,
    look_after,
    make_due,
    states,
)
from tests.scans.running import add_prompts, answers_of, events, reread, run, statuses

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(project: Project, simulator: Running) -> Project:
    add_prompts(project, 4)
    return project


def test_batches_answer_what_they_can_and_the_rest_is_asked_live(project: Project, simulator: Running) -> None:
    scan = economy_scan(project, *BATCHED, SEARCHING_GPT)
    assert Counter(answer.batch_job_id is not None for answer in answers_of(scan)) == {True: 12, False: 4}
    run()
    assert statuses(scan) == {"succeeded": 4, "pending": 12}
    assert look_after() == 3
    assert states(scan) == ["waiting"] * 3
    assert reread(scan).status == "running"
    make_due(scan)
    assert look_after() == 3
    assert states(scan) == ["done", "done", "done"]
    assert statuses(scan) == {"succeeded": 16}
    assert reread(scan).status == "done"
    assert len(events(scan, "scan.finished")) == 1
    assert all(answer.text and answer.cost for answer in answers_of(scan))
