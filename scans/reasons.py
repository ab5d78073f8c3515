"""Why answers failed, in the reader's language; what a provider said of it stays as it came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext_lazy as _

from orgs.telling import Told, filled, is_verbatim, told, verbatim
from prompts.llm.errors import ErrorKind
from scans.asking import CRASHED
from scans.deadlines import DEADLINE
from scans.retries import RETRY_BUDGET
from scans.stopping import BUDGET
from scans.store import LOST_WORKER, UNSTORABLE

_REASONS = {
    ErrorKind.AUTH: _("The provider does not accept the key."),
    ErrorKind.BAD_REQUEST: _("The provider does not accept the request."),
    ErrorKind.NOT_FOUND: _("The provider does not know the model."),
    ErrorKind.CONTENT_POLICY: _("The provider's content policy forbids the answer."),
    ErrorKind.BILLING: _("The provider's account has no money left."),
    ErrorKind.QUOTA: _("The organization's allowance is used up."),
    ErrorKind.UNSUPPORTED: _("The provider cannot do this."),
    ErrorKind.RATE_LIMITED: _("The provider's limit was reached."),
    ErrorKind.OVERLOADED: _("The provider was overloaded."),
    ErrorKind.SERVER: _("The provider failed."),
    ErrorKind.TIMEOUT: _("The provider took too long."),
    ErrorKind.CONNECTION: _("The provider could not be reached."),
    ErrorKind.BAD_RESPONSE: _("The provider's answer could not be read."),
    ErrorKind.BREAKER_OPEN: _("The provider had been failing, so it was not asked."),
    CRASHED: _("Asking failed inside Prompter."),
    LOST_WORKER: _("The workers stopped while they asked."),
    BUDGET: _("A monthly budget was used up before this was asked."),
    DEADLINE: _("The scan took too long."),
    RETRY_BUDGET: _("Too many of the provider's calls failed."),
    UNSTORABLE: _("The answer came and could not be stored."),
}


def reason_of(kind: str, sentence: str, values: Mapping[str, Any]) -> Told:
    """Our own sentence. Where there is none but a provider's words, or one of ours that an older version kept filled
    in, those; for who reads another language, behind what kind of failure it is."""
    said = told(sentence, values)
    if said != sentence or (values and not is_verbatim(values)):
        return said
    quoted = told(sentence, verbatim(sentence).values)
    known = {str(one): text for one, text in _REASONS.items()}.get(kind)
    if (get_language() or "en").startswith("en"):
        return quoted if values else said
    if known is None:
        return quoted
    form = pgettext("a failure and what the provider said", "%(reason)s (%(message)s)")
    return filled(form, {"reason": str(known), "message": quoted})
