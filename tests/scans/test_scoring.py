"""Measures from answers: who is in which denominator."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scans.scoring import (
    AnswerRow,
    CitedPage,
    citation_rate,
    citation_share,
    mean_position,
    score_engine,
    score_engines,
    share_of_voice,
    top_cited_domains,
    visibility,
)
from scans.statistics import Method

OWN, RIVAL, THIRD = 1, 2, 3
ENGINE = "openai:gpt-5-mini/web_search"


def answer(prompt: int, *named: int, **fields: object) -> AnswerRow:
    """An answer that names these brands in this order."""
    values = {"engine": ENGINE, "status_succeeded": True} | fields
    ranks = {brand: rank for rank, brand in enumerate(named, 1)}
    return AnswerRow(prompt_id=prompt, brand_ids=frozenset(named), first_ranks=ranks, **values)


def cited(prompt: int, *pages: tuple[str, int | None], **fields: object) -> AnswerRow:
    return answer(prompt, citations=tuple(CitedPage(*page) for page in pages), **fields)


def test_visibility_is_naming_answers_among_those_that_succeeded():
    rows = [answer(1, OWN), answer(1), answer(2, RIVAL, OWN), answer(3)]
    interval = visibility(rows, OWN)
    assert (interval.estimate, interval.n, interval.clusters) == (0.5, 4, 3)
    assert interval.low < 0.5 < interval.high


def test_failed_and_empty_answers_are_in_no_denominator():
    rows = [answer(1, OWN), answer(2, status_succeeded=False), answer(3, empty=True), answer(4)]
    assert visibility(rows, OWN).n == 2
    score = score_engine(rows, [OWN])
    assert (score.answers, score.succeeded, score.prompts) == (4, 2, 2)


def test_a_truncated_answer_counts_only_for_the_brands_that_it_names():
    rows = [answer(1, OWN, truncated=True), answer(2), answer(3, RIVAL)]
    assert (visibility(rows, OWN).estimate, visibility(rows, OWN).n) == (pytest.approx(1 / 3), 3)
    assert (visibility(rows, RIVAL).estimate, visibility(rows, RIVAL).n) == (0.5, 2)
    score = score_engine(rows, [OWN, RIVAL])
    assert [(item.named, item.unknown) for item in score.brands] == [(1, 0), (1, 1)]
    assert score.truncated == 1


def test_without_answers_nothing_is_estimated():
    score = score_engine([answer(1, status_succeeded=False)], [OWN])
    brand = score.brand(OWN)
    for interval in (brand.visibility, brand.share_of_voice, brand.position, brand.citation_rate, brand.citation_share):
        assert (interval.estimate, interval.low, interval.high, interval.n) == (None, None, None, 0)


def test_shares_of_voice_add_up_to_one_over_tracked_brands():
    rows = [answer(1, OWN, RIVAL), answer(2, RIVAL), answer(3, RIVAL, THIRD, OWN), answer(4), answer(5, 99)]
    shares = [share_of_voice(rows, brand, [OWN, RIVAL, THIRD]).estimate for brand in (OWN, RIVAL, THIRD)]
    assert shares == [pytest.approx(2 / 6), pytest.approx(3 / 6), pytest.approx(1 / 6)]
    assert share_of_voice(rows, OWN, [OWN, RIVAL, THIRD]).n == 6


def test_truncated_answers_do_not_shift_share_of_voice():
    rows = [answer(1, OWN, RIVAL), answer(2, OWN, truncated=True)]
    assert share_of_voice(rows, OWN, [OWN, RIVAL]).estimate == 0.5


def test_position_is_the_mean_rank_where_named_and_nothing_elsewhere():
    rows = [answer(1, OWN), answer(2, RIVAL, THIRD, OWN), answer(3), answer(4, RIVAL, truncated=True)]
    assert (mean_position(rows, OWN).estimate, mean_position(rows, OWN).n) == (2.0, 2)
    assert mean_position(rows, RIVAL).estimate == 1.0
    assert mean_position(rows, 99).estimate is None


def test_citations_are_measured_apart_from_mentions():
    rows = [
        cited(1, ("own.example", OWN), ("own.example", OWN), ("news.example", None)),
        cited(2, ("news.example", None)),
        answer(3, OWN),
        answer(4, OWN, can_cite=False),
    ]
    assert (citation_rate(rows, OWN).estimate, citation_rate(rows, OWN).n) == (pytest.approx(1 / 3), 3)
    assert (citation_share(rows, OWN).estimate, citation_share(rows, OWN).n) == (0.5, 4)
    assert visibility(rows, OWN).estimate == 0.5


def test_a_truncated_answer_that_does_not_cite_is_unknown():
    rows = [cited(1, ("own.example", OWN), truncated=True), cited(2, ("a.example", None), truncated=True), cited(3)]
    assert (citation_rate(rows, OWN).estimate, citation_rate(rows, OWN).n) == (0.5, 2)
    assert citation_share(rows, OWN).estimate is None


def test_top_domains_are_ordered_by_answers_then_pages():
    rows = [
        cited(1, ("b.example", None), ("a.example", RIVAL), ("", None)),
        cited(2, ("b.example", None), ("c.example", None), ("c.example", None)),
        cited(3),
        cited(4, ("z.example", None), status_succeeded=False),
    ]
    found = top_cited_domains(rows, limit=3)
    assert [(item.domain, item.answers, item.citations) for item in found] == [
        ("b.example", 2, 2),
        ("c.example", 1, 2),
        ("a.example", 1, 1),
    ]
    assert (found[0].rate, found[0].n, found[2].brand_id) == (pytest.approx(2 / 3), 3, RIVAL)
    assert top_cited_domains([]) == []


def test_engines_are_scored_apart():
    rows = [answer(1, OWN, engine="b"), answer(1, engine="a"), answer(2, OWN, engine="b")]
    scores = score_engines(rows, [OWN])
    assert [(score.engine, score.brand(OWN).visibility.estimate) for score in scores] == [("a", 0.0), ("b", 1.0)]
    with pytest.raises(ValueError, match="one engine"):
        score_engine(rows, [OWN])


def test_never_named_is_bounded_by_the_number_of_prompts():
    interval = visibility([answer(prompt) for prompt in range(10) for _ in range(3)], OWN)
    assert (interval.estimate, interval.low, interval.method) == (0.0, 0.0, Method.WILSON)
    assert 0.2 < interval.high < 0.3


ROWS = st.lists(
    st.builds(
        lambda prompt, named, ok, cut, pages: answer(
            prompt,
            *named,
            status_succeeded=ok,
            truncated=cut,
            citations=tuple(CitedPage("a.example", p) for p in pages),
        ),
        st.integers(1, 4),
        st.lists(st.integers(1, 3), unique=True),
        st.booleans(),
        st.booleans(),
        st.lists(st.sampled_from([None, 1, 2]), max_size=3),
    ),
    min_size=1,
    max_size=12,
)


@given(ROWS)
def test_counts_are_consistent_whatever_the_answers(rows: list[AnswerRow]):
    score = score_engine(rows, [OWN, RIVAL, THIRD])
    for brand in score.brands:
        assert brand.visibility.n + brand.unknown == score.succeeded
        assert brand.position.n == brand.named
        assert brand.position.estimate is None or 1 <= brand.position.estimate <= 3
    shares = [brand.share_of_voice.estimate for brand in score.brands if brand.share_of_voice.estimate is not None]
    assert not shares or sum(shares) == pytest.approx(1)
