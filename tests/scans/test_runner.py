"""A scan through the real runner: simulated providers over real sockets, the real database and Redis."""

import pytest

from billing import meter
from orgs.models import Event
from orgs.scoping import org_scope
from prompts.llm.simulator.server import Running
from prompts.models import Brand, LlmCall, Project
from scans.models import Citation, Mention, Scan
from tests.scans.running import ENGINES, add_prompts, answers_of, reread, run, started

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def basket(project: Project, own_brand: Brand, competitor: Brand, simulator: Running) -> Project:
    add_prompts(project, 5)
    return project


def test_a_scan_runs_to_its_end(basket: Project) -> None:
    scan = started(basket, engines=ENGINES)
    assert run() is False
    scan = reread(scan)
    assert scan.status == Scan.Status.DONE
    assert scan.started_at <= scan.finished_at
    answers = answers_of(scan)
    assert {answer.status for answer in answers} == {"succeeded"}
    assert all(answer.text and answer.model and answer.cost and answer.latency_ms is not None for answer in answers)
    assert {answer.attempts for answer in answers} == {1}
    with org_scope(basket.org_id):
        assert LlmCall.objects.for_org(basket.org_id).filter(outcome="ok", purpose="scan").count() == 20
        assert Mention.objects.for_org(basket.org_id).exists()
        assert Citation.objects.for_org(basket.org_id).exists()
        assert Event.objects.for_org(basket.org_id).filter(name="scan.finished", target_id=scan.pk).count() == 1
        level = meter.level(basket.org_id, meter.ANSWERS)
    assert (level.used, level.reserved) == (20, 0)
    for mention, answer in ((m, m.answer) for m in mentions_of(scan)):
        assert answer.text[mention.start : mention.end] == mention.text


def mentions_of(scan: Scan) -> list[Mention]:
    with org_scope(scan.org_id):
        return list(Mention.objects.for_org(scan.org_id).filter(answer__scan=scan).select_related("answer"))
