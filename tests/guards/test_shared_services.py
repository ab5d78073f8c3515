"""Processes of one test session share a Redis server, each with a database of its own: no test reaches beyond it."""

import re

import pytest

from tests.guards.tree import ROOT

# Both have servers of their own.
PRIVATE = ("benchmarks", "chaos")
BEYOND = re.compile(r"\.(?:(?:flushall|client_pause|swapdb|config_set)\(|client_kill_filter\((?!_id=))")


def reaches(text: str) -> list[str]:
    return [found.group() for found in BEYOND.finditer(text)]


def test_no_test_reaches_into_the_redis_of_another_process() -> None:
    tests = ROOT / "tests"
    paths = [path for path in tests.rglob("*.py") if path.relative_to(tests).parts[0] not in PRIVATE]
    assert len(paths) > 100
    found = {str(path): reaches(path.read_text()) for path in paths}
    assert {path: calls for path, calls in found.items() if calls} == {}


@pytest.mark.parametrize("planted", ["flushall()", 'client_kill_filter(_type="normal", skipme=True)'])
def test_it_is_noticed(planted: str) -> None:
    assert reaches(f"await redis.{planted}")
