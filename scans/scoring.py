"""From answers to measures: visibility, share of voice, position, citation rate and share (docs/metrics.md)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from scans.statistics import Interval, cluster_bootstrap, cluster_mean

__all__ = [
    "AnswerRow",
    "BrandScore",
    "CitedPage",
    "DomainScore",
    "EngineScore",
    "citation_rate",
    "citation_share",
    "mean_position",
    "score_engine",
    "score_engines",
    "share_of_voice",
    "top_cited_domains",
    "visibility",
]


@dataclass(frozen=True, slots=True)
class CitedPage:
    """One page that an answer cited (not only retrieved): its registrable domain, empty for none, and whose it is."""

    domain: str
    brand_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRow:
    """One answer, as the measures see it. `first_ranks` has the place of each named brand; an `empty` answer succeeded
    without saying anything; `can_cite` is false on a surface that never shows sources (a plain model)."""

    prompt_id: int
    engine: str
    status_succeeded: bool
    truncated: bool = False
    empty: bool = False
    brand_ids: frozenset[int] = frozenset()
    first_ranks: Mapping[int, int] = field(default_factory=dict)
    citations: tuple[CitedPage, ...] = ()
    can_cite: bool = True

    @property
    def counts(self) -> bool:
        return self.status_succeeded and not self.empty

    @property
    def cited_brand_ids(self) -> frozenset[int]:
        return frozenset(page.brand_id for page in self.citations if page.brand_id is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandScore:
    """One brand on one engine. `named` answers name it; in `unknown` ones it was not named before they were cut off."""

    brand_id: int
    named: int
    unknown: int
    visibility: Interval
    share_of_voice: Interval
    position: Interval
    citation_rate: Interval
    citation_share: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineScore:
    """One engine: `answers` asked for, `succeeded` with a text, `truncated` among those, `prompts` that they answer."""

    engine: str
    answers: int
    succeeded: int
    truncated: int
    prompts: int
    brands: tuple[BrandScore, ...]

    def brand(self, brand_id: int) -> BrandScore:
        return next(score for score in self.brands if score.brand_id == brand_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainScore:
    """A cited domain: `answers` that cite it, `citations` (different pages) in all, `rate` among answers that could."""

    domain: str
    brand_id: int | None
    answers: int
    citations: int
    rate: float
    n: int


def score_engines(rows: Iterable[AnswerRow], brand_ids: Sequence[int]) -> list[EngineScore]:
    """Each engine by itself, in the order of their keys: engines are never averaged into one number."""
    by_engine: dict[str, list[AnswerRow]] = defaultdict(list)
    for row in rows:
        by_engine[row.engine].append(row)
    return [score_engine(by_engine[engine], brand_ids) for engine in sorted(by_engine)]


def score_engine(rows: Sequence[AnswerRow], brand_ids: Sequence[int]) -> EngineScore:
    """All measures of all brands over the rows of one engine."""
    engines = {row.engine for row in rows}
    if len(engines) != 1:
        raise ValueError(f"Rows of one engine expected, not of {len(engines)}")
    counted = [row for row in rows if row.counts]
    return EngineScore(
        engine=engines.pop(),
        answers=len(rows),
        succeeded=len(counted),
        truncated=sum(row.truncated for row in counted),
        prompts=len({row.prompt_id for row in counted}),
        brands=tuple(_brand_score(counted, brand_id, brand_ids) for brand_id in brand_ids),
    )


def _brand_score(rows: Sequence[AnswerRow], brand_id: int, brand_ids: Sequence[int]) -> BrandScore:
    named = sum(brand_id in row.brand_ids for row in rows)
    return BrandScore(
        brand_id=brand_id,
        named=named,
        unknown=sum(row.truncated and brand_id not in row.brand_ids for row in rows),
        visibility=visibility(rows, brand_id),
        share_of_voice=share_of_voice(rows, brand_id, brand_ids),
        position=mean_position(rows, brand_id),
        citation_rate=citation_rate(rows, brand_id),
        citation_share=citation_share(rows, brand_id),
    )


def visibility(rows: Iterable[AnswerRow], brand_id: int) -> Interval:
    """Answers naming the brand / answers that succeeded. Truncated answers that do not name it are in neither."""
    known = [row for row in rows if row.counts and (not row.truncated or brand_id in row.brand_ids)]
    return _proportion(known, above=lambda row: int(brand_id in row.brand_ids), below=lambda _: 1)


def share_of_voice(rows: Iterable[AnswerRow], brand_id: int, brand_ids: Iterable[int]) -> Interval:
    """The brand's naming answers / the sum over the tracked brands of theirs. Only whole answers: a truncated one
    favours whoever is named early."""
    tracked = frozenset(brand_ids) | {brand_id}
    whole = [row for row in rows if row.counts and not row.truncated]
    return _proportion(
        whole, above=lambda row: int(brand_id in row.brand_ids), below=lambda row: len(row.brand_ids & tracked)
    )


def mean_position(rows: Iterable[AnswerRow], brand_id: int) -> Interval:
    """Mean rank of the first mention among tracked brands, over the answers that name the brand; no estimate where none
    does. A truncated answer counts: its later text cannot change a rank that was given."""
    named = [row for row in rows if row.counts and brand_id in row.first_ranks]
    totals, counts = _by_prompt(named, above=lambda row: row.first_ranks[brand_id], below=lambda _: 1)
    return cluster_mean(totals, counts)


def citation_rate(rows: Iterable[AnswerRow], brand_id: int) -> Interval:
    """Answers citing a page of the brand / answers that succeeded on a surface that can cite. Truncated answers that do
    not cite it are in neither: sources often come last."""
    known = [row for row in _citing(rows) if not row.truncated or brand_id in row.cited_brand_ids]
    return _proportion(known, above=lambda row: int(brand_id in row.cited_brand_ids), below=lambda _: 1)


def citation_share(rows: Iterable[AnswerRow], brand_id: int) -> Interval:
    """Citations of the brand's pages / all citations, of any domain, in whole answers."""
    whole = [row for row in _citing(rows) if not row.truncated]
    return _proportion(
        whole,
        above=lambda row: sum(page.brand_id == brand_id for page in row.citations),
        below=lambda row: len(row.citations),
    )


def top_cited_domains(rows: Iterable[AnswerRow], *, limit: int = 10) -> list[DomainScore]:
    """The domains that most answers cite, with how many pages of theirs were cited. `n` counts answers that could."""
    citing = _citing(rows)
    answers: Counter[str] = Counter()
    pages: Counter[str] = Counter()
    owners: dict[str, int | None] = {}
    for row in citing:
        answers.update({page.domain for page in row.citations if page.domain})
        for page in row.citations:
            pages[page.domain] += 1
            if owners.get(page.domain) is None:
                owners[page.domain] = page.brand_id
    ordered = sorted(answers, key=lambda domain: (-answers[domain], -pages[domain], domain))
    return [
        DomainScore(
            domain=domain,
            brand_id=owners[domain],
            answers=answers[domain],
            citations=pages[domain],
            rate=answers[domain] / len(citing),
            n=len(citing),
        )
        for domain in ordered[:limit]
    ]


def _citing(rows: Iterable[AnswerRow]) -> list[AnswerRow]:
    return [row for row in rows if row.counts and row.can_cite]


_Count = Callable[[AnswerRow], int]


def _proportion(rows: Iterable[AnswerRow], *, above: _Count, below: _Count) -> Interval:
    return cluster_bootstrap(*_by_prompt(rows, above=above, below=below))


def _by_prompt(rows: Iterable[AnswerRow], *, above: _Count, below: _Count) -> tuple[list[int], list[int]]:
    """Numerators and denominators summed within each prompt, the unit that the bootstrap draws."""
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        entry = sums[row.prompt_id]
        entry[0] += above(row)
        entry[1] += below(row)
    return [entry[0] for entry in sums.values()], [entry[1] for entry in sums.values()]
