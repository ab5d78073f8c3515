"""The benchmarks' harness: what it lists, what it prints, and that a missed goal is no failure."""

import json

import pytest

from tests.benchmarks import __main__ as harness
from tests.benchmarks.report import Goal, Report, percentile, show


def report(**changes: object) -> Report:
    fields: dict[str, object] = {
        "bench": "probe",
        "title": "A probe",
        "columns": ["what", "how much"],
        "rows": [("ours", "1.0")],
        "figures": {"ratio": 0.95},
        "goals": {"ratio": Goal(at_least=0.9)},
    }
    return Report(**(fields | changes))  # type: ignore[arg-type]


def test_every_benchmark_is_listed_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert harness.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[2].removeprefix("B=") for line in lines} >= {"first-scan", "pages", "start", "web"}
    assert all(line.endswith(".") for line in lines)


def test_an_unknown_benchmark_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert harness.main(["nothing"]) == 2
    assert "no benchmark 'nothing'; there are: " in capsys.readouterr().err


def test_the_last_line_is_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    show(report())
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said == {"bench": "probe", "figures": {"ratio": 0.95}, "goals": {"ratio": "at least 0.9"}, "holds": True}


@pytest.mark.parametrize(
    ("goal", "figure", "holds"),
    [
        (Goal(at_least=0.9), 0.9, True),
        (Goal(at_least=0.9), 0.89, False),
        (Goal(at_most=15), 15, True),
        (Goal(at_most=15), 16, False),
        (Goal(at_least=1, at_most=2), 3, False),
    ],
)
def test_a_goal_bounds_one_figure(goal: Goal, figure: float, holds: bool) -> None:
    assert report(figures={"ratio": figure}, goals={"ratio": goal}).holds is holds


def test_percentiles_lie_between_the_values() -> None:
    values = [float(number) for number in range(1, 101)]
    assert percentile(values, 0.5) == pytest.approx(50.5, abs=0.2)
    assert percentile(values, 0.95) == pytest.approx(95.05, abs=0.2)
    assert percentile([7.0], 0.95) == 7.0
