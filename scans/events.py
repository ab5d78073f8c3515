"""What scans tell the rest of the house."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from orgs.events import Declared, declare
from orgs.roles import Permission
from orgs.topics import Topic, declare_topics

if TYPE_CHECKING:
    from orgs.models import Event

_SCAN = ("scan", "data.project_slug", "target_id")


def _details(event: Event) -> dict[str, Any]:
    from scans.letters import details_of  # which reads what is not there yet while events are declared

    return details_of(event)


def _topic(event: Event) -> str:
    return "scan.finished" if event.data.get("status") == "done" else "scan.failed"


declare_topics(
    Topic(
        key="scan.finished",
        label=_("Finished scans"),
        help=_("A scan ended and every answer came in."),
        permission=Permission.SCANS_VIEW,
        email=True,
    ),
    Topic(
        key="scan.failed",
        label=_("Scans with failures"),
        help=_("A scan ended without some or all of its answers, or could not start."),
        permission=Permission.SCANS_VIEW,
        email=True,
    ),
)
declare(
    {
        "scan.started": Declared(
            meaning=_("A scan was started"),
            sentence=_("{actor} started a scan of {data.project_name}: {data.total} answers"),
            link=_SCAN,
        ),
        "scan.finished": Declared(
            meaning=_("A scan ended"),
            sentence=_("The scan of {data.project_name} ended: {data.succeeded} of {data.total} answers came in"),
            topic=_topic,
            link=_SCAN,
            letter="scan_ended",
            details=_details,
        ),
        "scan.cancelled": Declared(
            meaning=_("A scan was cancelled"),
            sentence=_("{actor} cancelled a scan of {data.project_name}"),
            link=_SCAN,
        ),
        "scan.retried": Declared(
            meaning=_("Failed answers of a scan were asked again"),
            sentence=_("{actor} asked the failed answers of a scan of {data.project_name} again: {data.retried}"),
            link=_SCAN,
        ),
        "scan.resumed": Declared(
            meaning=_("A scan that a budget had stopped went on"),
            sentence=_("{actor} resumed a scan of {data.project_name}: {data.retried} answers"),
            link=_SCAN,
        ),
        "scan.aged": Declared(
            meaning=_("A scan older than answers are kept was deleted"),
            sentence=_("A scan of {data.project_name} was deleted for its age, with {data.total} answers"),
        ),
        "scan.requeued": _("Stuck answers of a scan were returned to the queue"),
        "schedule.saved": Declared(
            meaning=_("A schedule was set or changed"), sentence=_("{actor} set the schedule of {target}")
        ),
        "schedule.paused": Declared(
            meaning=_("A schedule was paused"), sentence=_("{actor} paused the schedule of {target}")
        ),
        "schedule.resumed": Declared(
            meaning=_("A schedule was resumed"), sentence=_("{actor} resumed the schedule of {target}")
        ),
        "schedule.skipped": Declared(
            meaning=_("A scheduled scan could not start"),
            sentence=_("The scheduled scan of {target} could not start"),
            topic="scan.failed",
        ),
    }
)
