"""Sentences that rows keep are told in their reader's language; what others have said stays as it came."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.template import Context, Template
from django.utils import translation

from orgs.telling import Explained, Sentence, day, dollars, ngettext_noop, number, told, verbatim

BUDGET = "The project's budget of %(amount)s a month is used up. It starts anew on %(day)s."
NEEDS = (
    "This needs %(wanted)s answer, but %(left)s of this month's %(allowed)s are left.",
    "This needs %(wanted)s answers, but %(left)s of this month's %(allowed)s are left.",
)


def rendered(sentence: Sentence) -> str:
    return Template("{{ said }}").render(Context({"said": told(sentence.text, sentence.values)}))


def test_amounts_and_days_are_written_as_their_reader_writes_them() -> None:
    kept = Sentence(BUDGET, {"amount": dollars(Decimal("1234.5")), "day": day(date(2027, 1, 1))})
    assert str(kept) == "The project's budget of $1,234.50 a month is used up. It starts anew on 1 January 2027."
    with translation.override("de"):
        assert "1.234,50" in str(kept)
        assert "1. Januar 2027" in str(kept)


@pytest.mark.parametrize(("wanted", "said"), [(1, "This needs 1 answer,"), (1200, "This needs 1,200 answers,")])
def test_a_number_decides_the_form_of_its_sentence(wanted: int, said: str) -> None:
    kept = ngettext_noop(*NEEDS, wanted, wanted=number(wanted), left=number(0), allowed=number(9))
    assert str(kept).startswith(said)


def test_what_others_said_is_never_translated_and_marked_on_pages() -> None:
    with translation.override("de"):
        assert str(verbatim("Answered")) == "Answered"  # though the product has that word too
        assert str(Sentence("Answered")) != "Answered"
    assert rendered(verbatim("<b>50% off</b>")) == ('<span lang="en" translate="no">&lt;b&gt;50% off&lt;/b&gt;</span>')


def test_a_sentence_within_a_sentence_keeps_its_mark() -> None:
    kept = Sentence("It said: %(last)s", {"last": verbatim("No & no.").inside})
    assert str(kept) == "It said: No & no."
    assert rendered(kept) == 'It said: <span lang="en" translate="no">No &amp; no.</span>'


def test_values_are_escaped_on_pages() -> None:
    assert rendered(Sentence("There is no site called %(host)s.", {"host": "<i>"})).endswith("called &lt;i&gt;.")


def test_values_that_belong_to_another_sentence_spoil_nothing() -> None:
    assert str(Sentence("50% of them failed: %(why)s", {"host": "lumen.example"})) == "50% of them failed: %(why)s"


@pytest.mark.parametrize(
    "values",
    [{"name": {"hour": "2"}}, {"name": {"number": "many"}}, {"name": {"day": 5}}, {"plural": 3}, {"plural": []}],
)
def test_values_of_another_version_spoil_nothing(values: dict[str, Any]) -> None:
    assert told("Nobody knows %(name)s.", values) == "Nobody knows %(name)s."


def test_what_cannot_be_done_says_so_in_the_language_of_the_moment() -> None:
    refused = Explained("The site answered with status %(status)s.", status=404)
    assert str(refused) == refused.message == "The site answered with status 404."
    with translation.override("de"):
        assert "404" in refused.message
        assert refused.message != "The site answered with status 404."
