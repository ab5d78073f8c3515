"""What scans tell the rest of the house."""

from orgs.events import declare

declare(
    scan_started="A scan was started",
    scan_finished="A scan ended",
    scan_cancelled="A scan was cancelled",
    scan_retried="Failed answers of a scan were asked again",
)
