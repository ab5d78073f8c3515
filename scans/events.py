"""What scans tell the rest of the house."""

from django.utils.translation import gettext_lazy as _

from orgs.events import declare

declare(
    scan_started=_("A scan was started"),
    scan_finished=_("A scan ended"),
    scan_cancelled=_("A scan was cancelled"),
    scan_retried=_("Failed answers of a scan were asked again"),
    scan_requeued=_("Stuck answers of a scan were returned to the queue"),
    schedule_saved=_("A schedule was set or changed"),
    schedule_paused=_("A schedule was paused"),
    schedule_resumed=_("A schedule was resumed"),
    schedule_skipped=_("A scheduled scan could not start"),
)
