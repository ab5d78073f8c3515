"""Why an answer failed is said in the reader's language, with the provider's own words behind it."""

import pytest
from django.utils import translation

from prompts.llm.errors import ErrorKind
from scans.reasons import reason_of


@pytest.mark.parametrize("kind", ErrorKind)
def test_every_kind_of_failure_has_its_words(kind: ErrorKind) -> None:
    assert reason_of(kind.value, "Key revoked.") == "Key revoked."
    with translation.override("de"):
        told = reason_of(kind.value, "Key revoked.")
    assert told.endswith("(Key revoked.)")
    assert not told.startswith("The ")


def test_a_kind_of_old_rows_keeps_its_message() -> None:
    with translation.override("de"):
        assert reason_of("retired_kind", "It broke.") == "It broke."
