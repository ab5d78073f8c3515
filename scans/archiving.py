"""A project that is put away, an organization that closes or is disabled: what it asks is cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.dispatch import receiver

from orgs.closing import organization_closing
from orgs.models import Organization
from prompts.library import project_archived
from prompts.models import Project
from scans.launch import cancel_scan
from scans.models import Scan

if TYPE_CHECKING:
    from accounts.models import User


@receiver(project_archived, dispatch_uid="scans.archiving")
def cancel_open(*, project: Project, actor: User | None, **_: Any) -> None:
    for scan in Scan.objects.for_org(project.org_id).filter(project=project, status__in=Scan.OPEN):
        cancel_scan(scan, actor=actor)


@receiver(organization_closing, dispatch_uid="scans.closing")
def cancel_all(*, org: Organization, actor: User | None, **_: Any) -> None:
    for scan in Scan.objects.for_org(org).filter(status__in=Scan.OPEN):
        cancel_scan(scan, actor=actor)
