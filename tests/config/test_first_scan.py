"""The demo's first scan never spends money."""

from typing import Any

import pytest

from config.first_scan import first_scan
from scans.demo import seed_demo

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo_project(settings: Any, tmp_path: Any) -> Any:
    settings.LOCAL_DIR = tmp_path
    settings.SIMULATOR_URL = "http://127.0.0.1:1"
    settings.OPENAI_API_KEY = settings.ANTHROPIC_API_KEY = settings.GOOGLE_API_KEY = settings.PERPLEXITY_API_KEY = ""
    return seed_demo().project


def test_without_keys_every_engine_is_asked_and_nothing_is_said(demo_project: Any) -> None:
    plan = first_scan(demo_project)
    assert sorted(plan.engines) == sorted(demo_project.engines)
    assert plan.warning == ""


def test_engines_with_a_real_key_stay_chosen_but_are_left_to_the_person(demo_project: Any, settings: Any) -> None:
    settings.OPENAI_API_KEY = "sk-real-and-secret"
    plan = first_scan(demo_project)
    assert plan.engines
    assert not [key for key in plan.engines if key.startswith("openai:")]
    assert "real and billed (about $" in plan.warning
    assert "sk-real" not in plan.warning
    assert [key for key in demo_project.engines if key.startswith("openai:")]


def test_with_keys_for_everything_nothing_is_asked(demo_project: Any, settings: Any) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "PERPLEXITY_API_KEY"):
        setattr(settings, name, "sk-real-and-secret")
    assert first_scan(demo_project).engines == ()
