"""What a benchmark hands over: a table for people and one JSON object for machines."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A bound on one figure; ratios travel between machines, so most goals are ratios."""

    at_least: float | None = None
    at_most: float | None = None

    def holds(self, figure: float) -> bool:
        enough = self.at_least is None or figure >= self.at_least
        return enough and (self.at_most is None or figure <= self.at_most)

    def __str__(self) -> str:
        lower = f"at least {self.at_least:g}" if self.at_least is not None else ""
        upper = f"at most {self.at_most:g}" if self.at_most is not None else ""
        return " and ".join(filter(None, (lower, upper)))


@dataclass(frozen=True, kw_only=True)
class Report:
    """`title` says what was measured, `notes` under which conditions and sizes."""

    bench: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    figures: Mapping[str, float]
    goals: Mapping[str, Goal] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def holds(self) -> bool:
        return all(goal.holds(self.figures[name]) for name, goal in self.goals.items())

    def as_json(self) -> str:
        goals = {name: str(goal) for name, goal in self.goals.items()}
        figures = {name: round(value, 4) for name, value in self.figures.items()}
        return json.dumps({"bench": self.bench, "figures": figures, "goals": goals, "holds": self.holds})


def show(report: Report) -> None:
    """The last line printed is the JSON object."""
    console = Console(highlight=False)
    table = Table(title=report.title, title_justify="left")
    for position, column in enumerate(report.columns):
        table.add_column(column, justify="left" if position == 0 else "right")
    for row in report.rows:
        table.add_row(*row)
    console.print(table)
    for name, goal in report.goals.items():
        verdict = "holds" if goal.holds(report.figures[name]) else "missed"
        console.print(f"{name} {report.figures[name]:.3g}, goal {goal}: {verdict}")
    for note in report.notes:
        console.print(f"[dim]{note}[/dim]")
    print(report.as_json(), flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """Linear between the two neighbours; `share` in 0..1."""
    if len(values) < 2:
        return values[0] if values else float("nan")
    return statistics.quantiles(values, n=1000, method="inclusive")[min(998, max(0, round(share * 1000) - 1))]
