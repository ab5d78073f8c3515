"""Who was named in how many answers: counted by the database, per prompt, because answers to one prompt are alike.

An answer counts where it succeeded and says something. One that was cut off says who it names, but not who it would
have named: it stands in the denominator of the brands it names and in no other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from scans.statistics import cluster_bootstrap


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A share in 0..1 with its 95 % interval; `hits` of `n` answers. Nothing is known where n is 0."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    hits: int


@dataclass(slots=True)
class _Count:
    """Answers of one engine to one prompt: all that say something, and those of them that were cut off."""

    whole: int = 0
    cut: int = 0


@dataclass(slots=True)
class Tally:
    """The counts of one scan, by (engine, prompt), and for each brand those that name it."""

    answers: dict[tuple[str, int], _Count] = field(default_factory=lambda: defaultdict(_Count))
    named: dict[int, dict[tuple[str, int], _Count]] = field(default_factory=lambda: defaultdict(dict))
    branded: set[int] = field(default_factory=set)  # prompts that name a tracked brand themselves
    failed: int = 0

    def of_prompts(self, *, branded: bool) -> Tally:
        """The counts of branded or of unbranded prompts alone: a question that names a brand invites naming it back."""

        def mine(counts: dict[tuple[str, int], _Count]) -> dict[tuple[str, int], _Count]:
            return {place: count for place, count in counts.items() if (place[1] in self.branded) is branded}

        named = {brand_id: mine(counts) for brand_id, counts in self.named.items()}
        return Tally(answers=mine(self.answers), named=named, branded=self.branded, failed=self.failed)

    def naming(self, brand_id: int) -> int:
        """Answers that name the brand."""
        return sum(count.whole + count.cut for count in self.named.get(brand_id, {}).values())

    def naming_whole(self, brand_id: int) -> int:
        """The same without those that were cut off, which favour whoever is named early: for shares of voice."""
        return sum(count.whole for count in self.named.get(brand_id, {}).values())

    def share_of_voice(self, brand_id: int, *, brand_ids: Iterable[int]) -> Estimate:
        """The brand's namings among those of all of `brand_ids`, in whole answers."""
        hits: dict[int, int] = defaultdict(int)
        trials: dict[int, int] = defaultdict(int)
        for other in brand_ids:
            for (_, prompt_id), count in self.named.get(other, {}).items():
                hits[prompt_id] += count.whole * (other == brand_id)
                trials[prompt_id] += count.whole
        return estimate(list(hits.values()), list(trials.values()))

    def succeeded(self, *, surface: str = "") -> int:
        """Answers that say something, of engines with that surface or of all."""
        counts = (count for (key, _), count in self.answers.items() if key.endswith(surface))
        return sum(count.whole + count.cut for count in counts)

    def visibility(self, brand_id: int, *, engine: str | None = None) -> Estimate:
        hits: dict[int, int] = defaultdict(int)
        trials: dict[int, int] = defaultdict(int)
        named = self.named.get(brand_id, {})
        for (key, prompt_id), count in self.answers.items():
            if engine is None or key == engine:
                naming = named.get((key, prompt_id), _NONE)
                hits[prompt_id] += naming.whole + naming.cut
                trials[prompt_id] += count.whole + naming.cut
        return estimate(list(hits.values()), list(trials.values()))


_NONE = _Count()

_ANSWERED = """
SELECT engine, prompt_id, branded, count(*) FILTER (WHERE status = 'failed' AND error_kind <> 'budget') AS failed,
  count(*) FILTER (WHERE said AND NOT cut) AS whole, count(*) FILTER (WHERE said AND cut) AS cut
FROM (SELECT engine, prompt_id, prompt.is_branded AS branded, status, error_kind, finish_reason = 'length' AS cut,
    status = 'succeeded' AND answer.text <> '' AS said
  FROM scans_answer answer JOIN prompts_prompt prompt ON prompt.id = answer.prompt_id AND prompt.org_id = %(org)s
  WHERE answer.org_id = %(org)s AND scan_id = %(scan)s) answer
GROUP BY engine, prompt_id, branded
"""

_NAMED = """
SELECT brand_id, engine, prompt_id, count(*) FILTER (WHERE NOT cut) AS whole, count(*) FILTER (WHERE cut) AS cut
FROM (SELECT DISTINCT mention.brand_id, answer.id, answer.engine, answer.prompt_id,
    answer.finish_reason = 'length' AS cut
  FROM scans_answer answer JOIN scans_mention mention ON mention.answer_id = answer.id AND mention.org_id = %(org)s
  WHERE answer.org_id = %(org)s AND answer.scan_id = %(scan)s AND answer.status = 'succeeded') named
GROUP BY brand_id, engine, prompt_id
"""

_OWN = """
SELECT scan_id, engine, array_agg(hits), array_agg(trials) FROM (
  SELECT scan_id, engine, prompt_id, count(*) FILTER (WHERE named) AS hits,
    count(*) FILTER (WHERE named OR NOT cut) AS trials
  FROM (SELECT answer.scan_id, CASE WHEN %(engines)s THEN answer.engine ELSE '' END AS engine, answer.prompt_id,
      answer.finish_reason = 'length' AS cut, EXISTS (
        SELECT FROM scans_mention mention JOIN prompts_brand brand ON brand.id = mention.brand_id AND brand.is_own
        WHERE mention.answer_id = answer.id AND mention.org_id = %(org)s) AS named
    FROM scans_answer answer JOIN prompts_prompt prompt ON prompt.id = answer.prompt_id AND prompt.org_id = %(org)s
    WHERE answer.org_id = %(org)s AND answer.scan_id = ANY(%(scans)s) AND NOT prompt.is_branded
      AND answer.status = 'succeeded' AND answer.text <> '' AND EXISTS (
        SELECT FROM prompts_brand own WHERE own.project_id = answer.project_id AND own.is_own)) answer
  GROUP BY scan_id, engine, prompt_id) prompt
GROUP BY scan_id, engine
"""


def tally(org_id: int, scan_id: int) -> Tally:
    """Two queries, whatever the size of the scan."""
    found = Tally()
    wanted = {"org": org_id, "scan": scan_id}
    for engine, prompt_id, branded, failed, whole, cut in _rows(_ANSWERED, wanted):
        found.failed += failed
        if branded:
            found.branded.add(prompt_id)
        if whole or cut:
            found.answers[engine, prompt_id] = _Count(whole, cut)
    for brand_id, engine, prompt_id, whole, cut in _rows(_NAMED, wanted):
        found.named[brand_id][engine, prompt_id] = _Count(whole, cut)
    return found


def own_visibility(org_id: int, scan_ids: Iterable[int]) -> dict[int, Estimate]:
    """The own brand's visibility in each scan's unbranded answers, over all engines; none without an own brand.
    One query."""
    rows = _rows(_OWN, {"org": org_id, "scans": list(scan_ids), "engines": False})
    return {scan_id: estimate(hits, trials) for scan_id, _, hits, trials in rows}


def own_visibility_by_engine(org_id: int, scan_id: int) -> dict[str, Estimate]:
    """The same of one scan, for each engine that answered. One query."""
    rows = _rows(_OWN, {"org": org_id, "scans": [scan_id], "engines": True})
    return {engine: estimate(hits, trials) for _, engine, hits, trials in rows}


def estimate(hits: Sequence[int], trials: Sequence[int]) -> Estimate:
    """From the counts of each prompt."""
    interval = cluster_bootstrap(hits, trials)
    return Estimate(value=interval.estimate, low=interval.low, high=interval.high, n=interval.n, hits=sum(hits))


def _rows(sql: str, parameters: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())
