"""What a scan will ask and cost, before it starts: from the engine's own recent answers where there are enough of them,
else from the catalogue, always with its range.

The range is the middle 80 % of what the sum of so many answers comes to: how much single answers differ, and how little
a few of them tell about the average. What is taken from the catalogue may be half or twice of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING, Any, TypeAlias

from django.conf import settings
from django.db import connection
from django.db.models import Case, QuerySet, When
from django.utils import timezone

from orgs.telling import NOTHING, Sentence
from prompts import traffic
from prompts.credentials import EngineChoice
from prompts.estimates import answer_cost
from prompts.gateway import Lane
from prompts.llm.catalog import Engine
from prompts.llm.gauges import MINUTE, RECOVERY, WINDOW
from prompts.llm.types import Limits, Surface
from prompts.models import Project
from scans.models import Scan

if TYPE_CHECKING:
    from prompts.llm.gauges import LaneGauge

ENOUGH = 10  # own answers of an engine that tell more than the catalogue
MOST = 200  # of them that are looked at
LATEST = 5  # scans in which they are looked for, and as many in economy mode for engines without batches
_Z80 = 1.2816  # a normal distribution has 80 % within so many deviations
_LOW, _HIGH = 0.5, 2.0  # of what the catalogue says
_DAY = 86_400.0
_USUAL = {Surface.WEB_SEARCH: 20.0, Surface.MODEL: 8.0}  # that an answer takes where nobody has seen one


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    low: float
    likely: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What answers of one engine were like: how many, the mean and the variance of each measure. `cost` is None where
    none had a price."""

    n: int
    tokens: float
    tokens_variance: float
    cost: float | None
    cost_variance: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One engine's share of a scan. `n` own answers were looked at; 0 says that the catalogue was."""

    engine: Engine
    simulated: bool
    answers: int
    n: int
    tokens: Range
    cost: Range | None
    seconds: float
    lane: Lane | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """`cost` (USD) is of the engines whose price is known; `unpriced` are the others. `n` own answers stand behind it.
    `seconds` are those at the limits of now, if nothing else is asked meanwhile. `budget` says what this month's
    budgets do not hold of it, where somebody has looked."""

    answers: int
    n: int
    tokens: Range
    cost: Range | None
    seconds: Range
    unpriced: tuple[str, ...]
    simulated: bool
    parts: tuple[Part, ...]
    budget: Sentence = NOTHING

    @property
    def catalogued(self) -> int:
        """Engines of which too few answers are known."""
        return sum(not part.n for part in self.parts)


Samples: TypeAlias = Mapping[tuple[str, bool], Sample]

# As many of each engine as are wanted, straight from an index, instead of every answer of those scans. What a batch
# brought cost less and took nobody's time: it is no sample of what is asked live, and scans where a batch brought an
# engine's answers are passed over instead of being walked through for the few that it did not bring.
_SAMPLES = """
SELECT k.engine, k.simulated, count(*), avg(tokens)::float8, coalesce(var_samp(tokens), 0)::float8, avg(cost)::float8,
  coalesce(var_samp(cost), 0)::float8, coalesce(avg(latency_ms), 0)::float8 / 1000
FROM unnest(%(engines)s::text[], %(simulated)s::bool[]) AS k(engine, simulated), LATERAL (
  SELECT one.* FROM unnest(%(scans)s::bigint[]) AS s(id), LATERAL (
    SELECT a.input_tokens + a.output_tokens AS tokens, a.cost, a.latency_ms FROM scans_answer a
    WHERE a.org_id = %(org)s AND a.scan_id = s.id AND a.status = 'succeeded' AND a.batch_job_id IS NULL
      AND a.engine = k.engine AND a.simulated = k.simulated LIMIT %(most)s
  ) one WHERE NOT EXISTS (
    SELECT 1 FROM scans_batchjob j WHERE j.scan_id = s.id AND j.engine = k.engine AND j.answered > 0
  ) LIMIT %(most)s
) recent GROUP BY k.engine, k.simulated HAVING count(*) >= %(enough)s
"""


def forecast_of(project: Project, choices: Sequence[EngineChoice], *, asked: int) -> Forecast:
    """Of `asked` answers from each of these engines. Two queries, in the organization's scope."""
    samples = samples_of(project, choices)
    parts = tuple(_part(one, asked, samples.get((one.engine.key, one.simulated))) for one in choices)
    return _whole(parts, samples)


def samples_of(project: Project, choices: Sequence[EngineChoice]) -> Samples:
    """The project's own latest scans come first, then those of the organization's other projects."""
    parameters: dict[str, Any] = {
        "org": project.org_id,
        "scans": list(_latest(project, economy=False).union(_latest(project, economy=True), all=True)),
        "engines": [one.engine.key for one in choices],
        "simulated": [one.simulated for one in choices],
        "most": MOST,
        "enough": ENOUGH,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SAMPLES, parameters)
        return {
            (engine, simulated): Sample(
                n=n,
                tokens=tokens,
                tokens_variance=tokens_variance,
                cost=cost,
                cost_variance=cost_variance,
                seconds=seconds,
            )
            for engine, simulated, n, tokens, tokens_variance, cost, cost_variance, seconds in cursor.fetchall()
        }


def _latest(project: Project, *, economy: bool) -> QuerySet[Scan, int]:
    scans = Scan.objects.for_org(project.org_id).filter(status__in=[Scan.Status.DONE, Scan.Status.PARTIAL])
    others_last = Case(When(project=project, then=0), default=1)
    return scans.filter(economy=economy).order_by(others_last, "-pk").values_list("pk", flat=True)[:LATEST]


def summed(answers: int, mean: float, variance: float, *, n: int) -> Range:
    """The middle 80 % of the sum of so many answers, when `n` others told their mean and variance."""
    likely = answers * mean
    deviation = sqrt(answers * variance + answers**2 * variance / n)
    return Range(low=max(0.0, likely - _Z80 * deviation), likely=likely, high=likely + _Z80 * deviation)


def _part(choice: EngineChoice, answers: int, sample: Sample | None) -> Part:
    engine = choice.engine
    if sample is None:
        price = answer_cost(engine)
        tokens = _guessed(answers * engine.reserved_tokens)
        cost = None if price is None else _guessed(float(answers * price))
        seconds = _USUAL[engine.surface]
    else:
        tokens = summed(answers, sample.tokens, sample.tokens_variance, n=sample.n)
        cost = None if sample.cost is None else summed(answers, sample.cost, sample.cost_variance, n=sample.n)
        seconds = sample.seconds
    return Part(
        engine=engine,
        simulated=choice.simulated,
        answers=answers,
        n=sample.n if sample else 0,
        tokens=tokens,
        cost=cost,
        seconds=seconds,
        lane=Lane(credential=choice.credential, engine=engine) if choice.credential else None,
    )


def _guessed(likely: float) -> Range:
    return Range(low=_LOW * likely, likely=likely, high=_HIGH * likely)


def _whole(parts: Sequence[Part], samples: Samples) -> Forecast:
    priced = [part.cost for part in parts if part.cost is not None]
    return Forecast(
        answers=sum(part.answers for part in parts),
        n=sum(part.n for part in parts),
        tokens=_together([(part.tokens, bool(part.n)) for part in parts]),
        cost=_together([(part.cost, bool(part.n)) for part in parts if part.cost]) if priced else None,
        seconds=_seconds(parts),
        unpriced=tuple(part.engine.key for part in parts if part.cost is None),
        simulated=any(part.simulated for part in parts),
        parts=tuple(parts),
    )


def _together(ranges: Sequence[tuple[Range, bool]]) -> Range:
    """What was sampled varies by itself, so deviations add in squares; a guess may be wrong the same way everywhere."""
    likely = sum(one.likely for one, _ in ranges)
    below = sqrt(sum((one.likely - one.low) ** 2 for one, sampled in ranges if sampled))
    above = sqrt(sum((one.high - one.likely) ** 2 for one, sampled in ranges if sampled))
    below += sum(one.likely - one.low for one, sampled in ranges if not sampled)
    above += sum(one.high - one.likely for one, sampled in ranges if not sampled)
    return Range(low=likely - below, likely=likely, high=likely + above)


def _seconds(parts: Sequence[Part]) -> Range:
    """The slowest lane's, and no less than the runner takes for all of them."""
    lanes: defaultdict[tuple[str, str, bool], list[Part]] = defaultdict(list)
    for part in parts:
        lanes[part.engine.credential or part.engine.provider.value, part.engine.model, part.simulated].append(part)
    work = sum(part.answers * part.seconds for part in parts) / _most_at_once()
    learned = traffic.lane_states(part.lane.key for part in parts if part.lane) or {}
    rooms = [(some, _room_of(some[0], learned)) for some in lanes.values()]

    def slowest(end: str, slower: float) -> float:
        ends = [_lane_seconds(some, end, slower, room=room) for some, room in rooms]
        return max([work * slower, *ends], default=0.0)

    return Range(low=slowest("low", 0.75), likely=slowest("likely", 1.0), high=slowest("high", 1.5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a lane may send now: `pace` is the share of its limits that refusals have left, `window` how many calls may
    be in flight; `left` requests and tokens are left of a day that `ends_in` so many seconds."""

    limits: Limits
    pace: float = 1.0
    window: int = WINDOW
    left: tuple[int, int] = (0, 0)
    ends_in: float = _DAY


def _room_of(part: Part, learned: Mapping[str, LaneGauge]) -> Room:
    """The limits that count for its lane: the key's own and what the provider told lately. Where Redis cannot be
    reached or nothing was asked yet, what was set."""
    lane, engine = part.lane, part.engine
    limits = lane.limits if lane else traffic.limits_of(engine.provider.value, simulated=part.simulated)
    gauge = learned.get(lane.key) if lane else None
    if gauge is None:
        return Room(limits=limits, left=(limits.day_requests, limits.day_tokens))
    told: dict[str, Any] = {
        name: min(lower, getattr(limits, name) or lower)
        for name, lower in (("requests", gauge.requests_limit), ("tokens", gauge.tokens_limit))
        if lower != getattr(gauge.set, name)  # else it is only what was set when something was last asked
    }
    return Room(
        limits=replace(limits, **told),
        pace=gauge.pace,
        window=gauge.window,
        left=(max(0, limits.day_requests - gauge.day_requests), max(0, limits.day_tokens - gauge.day_tokens)),
        ends_in=(gauge.day_ends - timezone.now()).total_seconds() if gauge.day_ends else _DAY,
    )


def _lane_seconds(parts: Sequence[Part], end: str, slower: float, *, room: Room) -> float:
    limits = room.limits
    answers, tokens = sum(part.answers for part in parts), sum(getattr(part.tokens, end) for part in parts)
    asking = sum(part.answers * part.seconds for part in parts)
    minutes = max(
        answers / limits.requests if limits.requests else 0.0,
        tokens / limits.tokens if limits.tokens else 0.0,
    )
    paced = max(
        60 * _climbing(minutes, room.pace),
        slower * asking / limits.concurrency if limits.concurrency else 0.0,
        slower * _widening(answers, asking / answers, room=room) if answers else 0.0,
        _days(answers, room.left[0], limits.day_requests, room=room),
        _days(tokens, room.left[1], limits.day_tokens, room=room),
    )
    return paced + slower * max((part.seconds for part in parts if part.answers), default=0.0)


def _most_at_once() -> int:
    """Calls that one worker process keeps under way for one organization."""
    return min(settings.SCAN_CONCURRENCY, settings.SCAN_ORG_CONCURRENCY)


def _widening(answers: int, seconds: float, *, room: Room) -> float:
    """Seconds until the last of so many calls goes out, while a lane learns how many may be in flight: as every answer
    makes room for one more, twice as many in every round."""
    most = min(_most_at_once(), room.limits.concurrency or _most_at_once())
    window, rounds = min(room.window, most), 0
    while answers > window and window < most:
        answers, window, rounds = answers - window, min(most, 2 * window), rounds + 1
    return seconds * (rounds + max(0.0, answers / window - 1))


def _days(amount: float, left: int, a_day: int, *, room: Room) -> float:
    """Seconds until the day begins in which the last of so much fits."""
    if not a_day or amount <= left:
        return 0.0
    return room.ends_in + _DAY * ((amount - left) // a_day - ((amount - left) % a_day == 0))


def _climbing(minutes: float, pace: float) -> float:
    """What takes so many minutes at full pace, while the pace climbs back to it."""
    climb = RECOVERY * MINUTE  # of the pace in a minute
    if minutes > (1 - pace**2) / (2 * climb):
        return minutes + (1 - pace) ** 2 / (2 * climb)
    return (sqrt(pace**2 + 2 * climb * minutes) - pace) / climb
