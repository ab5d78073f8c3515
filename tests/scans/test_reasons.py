"""Why an answer failed is said in the reader's language, with the provider's own words behind it."""

import pytest
from django.utils import translation

from orgs.telling import verbatim
from prompts.llm.errors import ErrorKind
from scans.reasons import reason_of


@pytest.mark.parametrize("kind", ErrorKind)
def test_every_kind_of_failure_has_its_words(kind: ErrorKind) -> None:
    assert reason_of(kind.value, "Key revoked.", {}) == "Key revoked."
    with translation.override("de"):
        told = reason_of(kind.value, "Key revoked.", {})
    assert told.endswith("(Key revoked.)")
    assert not told.startswith("The ")


def test_a_kind_of_old_rows_keeps_its_message() -> None:
    with translation.override("de"):
        assert reason_of("retired_kind", "It broke.", {}) == "It broke."


def test_our_own_sentence_needs_no_words_before_it() -> None:
    own = ("timeout", "No answer within %(seconds)s seconds.", {"seconds": 120})
    assert reason_of(*own) == "No answer within 120 seconds."
    with translation.override("de"):
        assert reason_of(*own) == "Keine Antwort innerhalb von 120 Sekunden."


def test_what_the_provider_said_is_marked_and_never_translated() -> None:
    said = verbatim("Answered")
    assert reason_of("auth", said.text, said.values).__html__() == '<span lang="en" translate="no">Answered</span>'
    with translation.override("de"):
        html = reason_of("auth", said.text, said.values).__html__()
    assert html.endswith('(<span lang="en" translate="no">Answered</span>)')
