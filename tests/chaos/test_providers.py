"""Providers that die in their own ways: each costs its own answers, never those of the others."""

import pytest

from prompts.models import Brand, Project
from scans.models import Scan
from tests.chaos.installation import Installation, assert_exact
from tests.scans.running import add_prompts, answers_of, started

GOOD, BAD = "openai:gpt-5-mini/web_search", "anthropic:claude-haiku-4-5/web_search"
PROMPTS = 12


@pytest.fixture
def basket(installation: Installation, project: Project, own_brand: Brand) -> Project:
    installation.crew.worker()
    installation.crew.beat()
    add_prompts(project, PROMPTS)
    return project


def left(scan: Scan, engine: str) -> int:
    return sum(answer.engine == engine and answer.status != "succeeded" for answer in answers_of(scan))


@pytest.mark.parametrize("fault", ["hang", "500", "disconnect"])
def test_a_dead_provider_never_slows_the_others(installation: Installation, basket: Project, fault: str) -> None:
    """While one of them answers nothing, all answers of the other come in."""
    installation.simulator.fault(fault, match={"provider": "anthropic"}, delay=3_600)
    scan = started(basket, engines=[BAD, GOOD])
    installation.crew.wait_until(lambda: left(scan, GOOD) == 0, what="the good provider's answers")
    assert left(scan, BAD) == PROMPTS
    assert installation.simulator.lane("openai")["requests"] == PROMPTS
    assert installation.simulator.lane("anthropic")["answers"] == 0
    installation.cancel(scan)


def test_providers_that_hang_for_a_while_cost_nothing(installation: Installation, basket: Project) -> None:
    installation.crew.worker().kill()  # calls of earlier tests that hang on would count in their lane for two minutes
    installation.services.forget_lanes()
    installation.crew.worker()
    installation.providers.hang()
    scan = started(basket, engines=[GOOD, BAD])
    installation.crew.wait_until(lambda: installation.providers.open > 0, what="calls on their way")
    installation.providers.heal()
    assert_exact(scan, installation, excess=0)


def test_answers_cut_off_on_their_way_are_asked_again(installation: Installation, basket: Project) -> None:
    """The provider worked and counted; only the end of the connection arrives."""
    installation.providers.half_close()
    scan = started(basket, engines=[GOOD])
    installation.crew.wait_until(lambda: installation.asked() > 0, what="a call")
    installation.providers.heal()
    assert_exact(scan, installation, excess=PROMPTS)
