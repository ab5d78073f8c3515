"""When to ask again after a call failed."""

from __future__ import annotations

import random

from prompts.llm.errors import LlmError

MAX_CALLS = 4  # the first and three more
CAP = 60.0
PATIENCE = 600.0  # the longest that a provider can make us wait


def retry_in(error: LlmError, *, calls: int) -> float | None:
    """Seconds until the next call, after `calls` were made; None when it is given up. A provider's own wish is a lower
    bound; the rest is spread, so that answers that failed together do not come back together."""
    if not error.retryable or calls >= MAX_CALLS:
        return None
    backoff = min(CAP, 2.0 ** max(calls - 1, 0))
    spread = random.uniform(0.5, 1.5) * backoff  # noqa: S311 - not a secret
    return min(error.retry_after or 0.0, PATIENCE) + spread
