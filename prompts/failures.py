"""Failed calls as sentences that a row can keep."""

from __future__ import annotations

from orgs.telling import Sentence, verbatim
from prompts.llm.errors import ErrorKind, LlmError


def said_of(error: LlmError) -> Sentence:
    return verbatim(error.sentence) if error.verbatim else Sentence(error.sentence, error.values)


def refused(sentence: Sentence) -> LlmError:
    """A call that an allowance or a budget of ours has no room for."""
    return LlmError(ErrorKind.QUOTA, sentence.text, values=sentence.values)
