"""The columns of the costs by day stay inside their chart."""

from datetime import date
from decimal import Decimal

import pytest

from prompts.cost_tables import days_of
from prompts.costs import Costs, Period, Sums

DAY = date(2026, 11, 21)


@pytest.mark.parametrize("dearest", ["0.000007", "0.3", "1", "5.38", "7.99", "8", "41", "99.99", "12345.67"])
def test_the_dearest_day_reaches_no_higher_than_the_axis(dearest: str) -> None:
    spent = Sums(calls=1, answered=1, cost=Decimal(dearest))
    costs = Costs(total=spent, by_day={DAY: spent}, by_project={}, by_purpose={}, by_engine={})
    days = days_of(costs, Period(first=DAY, last=DAY))
    heights = [Decimal(at) for at, _ in days.ticks]
    assert 1 <= len(heights) <= 4
    assert min(heights) <= Decimal(days.columns[0].y)
    assert days.ticks[-1][1] >= Decimal(dearest)
