"""A scan whose answers wait for their next call."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from orgs.models import Organization
from orgs.scoping import org_scope
from prompts import library
from prompts.csv_import import parse_paste
from scans.launch import start_scan
from scans.models import Answer, Scan

ENGINES = ["openai:gpt-5.4-mini/model", "google:gemini-3.8-flash/model"]


def waiting_scan(org: Organization, user: User) -> Scan:
    """Begun before any worker sees it, and until tomorrow without anything to do."""
    with org_scope(org), transaction.atomic():
        project = library.create_project(org, library.ProjectFields(name="Lumenboard Clinics"), actor=user)
        library.save_brand(project, library.BrandFields(name="Lumenboard", is_own=True), actor=user)
        library.add_prompts(project, parse_paste("Which task board suits a clinic?").rows, actor=user)
        library.choose_engines(project, ENGINES, actor=user)
        scan = start_scan(project, source=Scan.Source.BROWSER)
        tomorrow = timezone.now() + timedelta(days=1)
        answers = Answer.objects.for_org(org).filter(scan=scan)
        answers.update(due_at=tomorrow, error_kind="timeout", error="No answer.")
        Scan.objects.for_org(org).filter(pk=scan.pk).update(status=Scan.Status.RUNNING)
    return scan
