"""One claimed answer: the call, and what is to become of it."""

from __future__ import annotations

import asyncio
import logging

from django.utils.translation import gettext_noop

from orgs.telling import Sentence
from prompts.failures import said_of
from prompts.gateway import Call, Lane, ask
from prompts.ledger import Slip
from prompts.llm.catalog import Engine
from prompts.llm.errors import ErrorKind, LlmError
from prompts.llm.types import Request, Turn
from scans.backoff import retry_in
from scans.claims import Claimed
from scans.late import CALL_SECONDS
from scans.models import Answer
from scans.retries import RETRY_BUDGET, TOO_MANY, RetryBudgets
from scans.store import Outcome, gave_up

logger = logging.getLogger("prompter.scans")

_GRACE = 5.0  # the adapter's own timeout comes first, and says more
PURPOSE = "scan"
CRASHED = "crashed"
_CRASHED = gettext_noop("Asking failed inside Prompter (%(error)s).")
_NO_ANSWER = gettext_noop("No answer within %(seconds)s seconds.")
RETRIES = RetryBudgets()  # this process's


async def outcome_of(claimed: Claimed, lane: Lane, *, ticket: str = "") -> Outcome:
    """Ask once; the caller holds the lease and the `ticket` of a slot. Never raises but when cancelled."""
    slip = Slip()
    if claimed.attempts == 1:
        RETRIES.called(claimed.scan_id, claimed.lane)
    try:
        async with asyncio.timeout(CALL_SECONDS + _GRACE):
            answered = await ask(_call(claimed, lane, slip, ticket), granted=True)
    except LlmError as error:
        return _failed(claimed, error, slip)
    except TimeoutError:
        late = LlmError(ErrorKind.TIMEOUT, _NO_ANSWER, values={"seconds": round(CALL_SECONDS)})
        return _failed(claimed, late, Slip())  # a call that is cut off is booked where it is
    except (Exception, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and _is_cut_off():
            raise
        # A mistake of ours, or of a library that ends by itself, must cost one answer, not the runner and all it holds.
        logger.exception("answer %s crashed", claimed.id)
        return gave_up(claimed, CRASHED, Sentence(_CRASHED, {"error": type(error).__name__}), entry=slip.entry)
    return Outcome(
        claimed=claimed,
        status=Answer.Status.SUCCEEDED,
        reply=answered.reply,
        cost=answered.cost,
        latency_ms=answered.latency_ms,
        entry=slip.entry,
    )


def _is_cut_off() -> bool:
    """Whether somebody wants this call to end, rather than something inside it."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def missed_slot(claimed: Claimed) -> Outcome:
    """This process slept through the slot: sent now, the call would crowd those that hold theirs."""
    return Outcome(claimed=claimed, status=Answer.Status.PENDING, counted=False)


def _failed(claimed: Claimed, error: LlmError, slip: Slip) -> Outcome:
    said, nothing_sent = said_of(error), error.kind is ErrorKind.BREAKER_OPEN
    pause = retry_in(error, calls=claimed.attempts - nothing_sent)
    if pause is None:
        return gave_up(claimed, error.kind.value, said, entry=slip.entry)
    turn = 0.0 if nothing_sent else RETRIES.wait(claimed.scan_id, claimed.lane)
    if turn is None:
        return gave_up(claimed, RETRY_BUDGET, Sentence(TOO_MANY, {"last": said.inside}), entry=slip.entry)
    pause = max(pause, turn)
    return Outcome(
        claimed=claimed,
        status=Answer.Status.PENDING,
        error_kind=error.kind.value,
        error=said,
        retry_in=pause,
        counted=not nothing_sent,
        entry=slip.entry,
    )


def request_of(claimed: Claimed, engine: Engine) -> Request:
    """The question as it is asked, live or in a batch."""
    return Request(
        model=engine.model,
        turns=(Turn(role="user", text=claimed.prompt_text),),
        surface=engine.surface,
        country=claimed.country if engine.takes_country else "",
        language=claimed.language if engine.takes_language else "",
        max_output_tokens=engine.max_output_tokens,
        timeout=CALL_SECONDS,
    )


def _call(claimed: Claimed, lane: Lane, slip: Slip, ticket: str) -> Call:
    return Call(
        org_id=claimed.org_id,
        project_id=claimed.project_id,
        lane=lane,
        request=request_of(claimed, lane.engine),
        purpose=PURPOSE,
        reference=f"answer:{claimed.id}",
        attempt=claimed.attempts,
        slip=slip,
        ticket=ticket,
    )
