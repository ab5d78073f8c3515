"""Providers that are dead while another lives: who lives is asked as if nobody were dead.

Counts and order only; how fast is measured by the benchmarks.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from prompts.llm.simulator.server import Running
from prompts.models import Project
from scans.models import Scan
from tests.chaos.workers import wait_until
from tests.scans.running import ENGINES, add_prompts, answers_of, run_beside, started

pytestmark = pytest.mark.django_db(transaction=True)
ALIVE, *OTHERS = ENGINES
PROMPTS = 60
AT_ONCE = 8


@pytest.fixture
def basket(project: Project, simulator: Running, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Few calls at a time, for many answers of four engines."""
    settings.SCAN_CONCURRENCY = AT_ONCE
    monkeypatch.setattr("scans.flights.GRACE", 0.2)
    add_prompts(project, PROMPTS)
    return project


def wait_for_answers(scan: Scan, engines: Iterable[str]) -> None:
    wait_until(lambda: all(stored(scan)[engine] == PROMPTS for engine in engines), what="the living", seconds=90)


def stored(scan: Scan) -> Counter[str]:
    return Counter(answer.engine for answer in answers_of(scan) if answer.status == "succeeded")


def provider(engine: str) -> str:
    return engine.partition(":")[0]


@pytest.mark.parametrize("fault", ["hang", "500"])
@pytest.mark.parametrize("dead", [OTHERS[:1], OTHERS], ids=["one", "three"])
def test_all_answers_of_the_living_are_stored_while_those_of_the_dead_still_wait(
    basket: Project, simulator: Running, dead: list[str], fault: str
) -> None:
    for engine in dead:
        simulator.fault(fault, match={"provider": provider(engine)})
    scan, seen = started(basket, engines=ENGINES), Counter[tuple[str, bool]]()
    living = [engine for engine in ENGINES if engine not in dead]

    def watch() -> None:
        wait_for_answers(scan, living)
        seen.update((answer.engine, answer.finished_at is None) for answer in answers_of(scan))

    run_beside(watch)
    assert seen == {(engine, engine in dead): PROMPTS for engine in ENGINES}
    for engine in dead:
        asked = simulator.lane(provider(engine))
        assert asked["answers"] == 0
        assert 0 < asked["requests"] < PROMPTS


def test_the_living_may_use_the_room_of_lanes_whose_breaker_is_open(basket: Project, simulator: Running) -> None:
    """Their answers are due all the time, and nobody may ask them for a minute."""
    for engine in OTHERS:
        simulator.fault("500", match={"provider": provider(engine)})
    simulator.options(latency={provider(ALIVE): 0.4})
    scan = started(basket, engines=ENGINES)
    run_beside(lambda: wait_for_answers(scan, [ALIVE]))
    assert simulator.lane(provider(ALIVE))["in_flight_max"] > AT_ONCE // len(ENGINES)
