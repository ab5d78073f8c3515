"""The benchmarks' harness: what it lists, what it prints, and that a missed goal is no failure."""

import json

import pytest

from tests.benchmarks import __main__ as harness
from tests.benchmarks import growth
from tests.benchmarks.report import Goal, Report, percentile, show
from tests.benchmarks.scanned import Run
from tests.benchmarks.yardstick import yardstick


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


def test_growth_is_what_ours_grew_and_not_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine was half as fast during the larger scan, and an answer of it cost 10 % more than that explains."""
    runs = {
        1_000: Run(answers=1_000, wall=5.0, cpu=3.0, memory=280.0, postgres=1.0, yardstick_ms=10.0),
        100_000: Run(answers=100_000, wall=900.0, cpu=660.0, memory=280.0, postgres=220.0, yardstick_ms=20.0),
    }
    monkeypatch.setattr(growth, "scanned", lambda size, **_: runs[size])
    found = growth.report([100_000, 1_000], simulator=1, concurrency=400)
    assert found.figures["cost_growth"] == pytest.approx(1.1)
    assert found.figures["cpu_growth"] == pytest.approx(2.2)


def test_a_yardstick_is_laid_from_the_beginning() -> None:
    with yardstick() as machine:
        pass
    assert machine.ms > 0
