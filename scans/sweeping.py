"""What nobody is left to do: leases of dead workers, answers that kill them, scans that nobody ended."""

from __future__ import annotations

import logging
from itertools import groupby

from django.utils.translation import gettext_noop

from orgs.telling import Sentence
from scans import claims, deadlines
from scans.ending import finish_scans
from scans.store import LOST_WORKER, Store, gave_up

logger = logging.getLogger("prompter.scans")

_WHY = Sentence(
    gettext_noop("%(count)s workers stopped while asking this. It will not be asked again by itself."),
    {"count": claims.MAX_LOST_LEASES},
)


def recover() -> int:
    """How many answers nobody held any more: returned, or given up."""
    returned = claims.expire()
    condemned = sorted(claims.condemned(), key=lambda one: one.org_id)
    for _, held in groupby(condemned, key=lambda one: one.org_id):
        Store()([gave_up(one, LOST_WORKER, _WHY) for one in held])
    if returned or condemned:
        logger.warning("workers were lost: %d answers returned, %d given up", returned, len(condemned))
    deadlines.end_overdue()
    for org_id, scans in groupby(claims.unfinished(), key=lambda pair: pair[0]):
        finish_scans(org_id, [pk for _, pk in scans])
    return returned + len(condemned)
