"""A project whose scan waits: two of its engines were handed over in batches, which take their time."""

from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from orgs.models import Organization
from orgs.scoping import org_scope
from prompts import library
from prompts.csv_import import parse_paste
from scans.launch import start_scan
from scans.models import BatchJob, Scan

ENGINES = ["openai:gpt-5.4-mini/model", "anthropic:claude-haiku-4-5/web_search"]
QUESTIONS = """Which task board can be used offline?
Which project tool is best for night shifts?
What do hospitals plan their shifts with?
Which task board works on a phone?"""


def scan_in_batches(org: Organization, user: User) -> Scan:
    """Nobody looks after its batches for a day, so that it is found as it is now."""
    now = timezone.now()
    with org_scope(org):
        project = library.create_project(org, library.ProjectFields(name="Lumenboard Nights"), actor=user)
        library.save_brand(project, library.BrandFields(name="Lumenboard", is_own=True), actor=user)
        library.add_prompts(project, parse_paste(QUESTIONS).rows, actor=user)
        library.choose_engines(project, ENGINES, actor=user)
        scan = start_scan(project, source=Scan.Source.SCHEDULE, economy=True)
        jobs = BatchJob.objects.for_org(org).filter(scan=scan)
        jobs.update(
            state=BatchJob.State.WAITING,
            batch_id="shown",
            progress=3,
            submitted_at=now - timedelta(minutes=41),
            next_poll_at=now + timedelta(days=1),
        )
    return scan
