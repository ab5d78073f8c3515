"""What failed together does not come back together, and never before the provider wants it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.llm.errors import ErrorKind, LlmError
from scans.backoff import CAP, MAX_CALLS, PATIENCE, retry_in


def failure(*, retry_after: float | None = None) -> LlmError:
    return LlmError(ErrorKind.RATE_LIMITED, "Slow down.", retry_after=retry_after)


@given(calls=st.integers(1, MAX_CALLS - 1), wish=st.none() | st.floats(0, 10 * PATIENCE))
def test_nobody_comes_back_before_the_provider_wants_it_nor_long_after(calls: int, wish: float | None) -> None:
    waited = retry_in(failure(retry_after=wish), calls=calls)
    assert waited is not None
    wanted, backoff = min(wish or 0.0, PATIENCE), 2.0 ** (calls - 1)
    assert wanted + 0.5 * backoff <= waited <= wanted + 1.5 * backoff
    assert backoff <= CAP


@pytest.mark.parametrize("calls", range(1, MAX_CALLS))
@pytest.mark.parametrize("wish", [None, 30.0])
def test_those_who_failed_together_are_spread_over_the_whole_range(calls: int, wish: float | None) -> None:
    """A tenth of the range in which none of a thousand falls comes up once in 10^44 runs."""
    found = [retry_in(failure(retry_after=wish), calls=calls) for _ in range(1_000)]
    waits = [wait - (wish or 0.0) for wait in found if wait is not None]
    backoff = 2.0 ** (calls - 1)
    tenths = {int((wait / backoff - 0.5) * 10) for wait in waits}
    assert len(waits) == 1_000
    assert tenths >= set(range(10))
    assert len(set(waits)) > 990


@pytest.mark.parametrize("kind", [kind for kind in ErrorKind if not LlmError(kind, "No.").retryable])
def test_what_cannot_succeed_is_not_asked_again(kind: ErrorKind) -> None:
    assert retry_in(LlmError(kind, "No."), calls=1) is None


def test_what_failed_often_enough_is_given_up() -> None:
    assert retry_in(failure(), calls=MAX_CALLS - 1) is not None
    assert retry_in(failure(), calls=MAX_CALLS) is None
