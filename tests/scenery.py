"""What a visitor of the demo sees: its organization after some scans, good and bad, and one that has nothing yet."""

import json
import time
import urllib.request
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from accounts.models import User
from orgs.founding import found_organization
from orgs.models import Organization
from orgs.scoping import org_scope
from prompts import library
from prompts.credentials import save_key
from prompts.key_limits import save_limits
from prompts.models import Project, Prompt
from scans.launch import start_scan
from scans.models import Answer, Scan
from tests.batched import scan_in_batches
from tests.budgeted import limited
from tests.crowd import closing_organization, gather
from tests.hooked import Hooked, hook
from tests.setups import begin_setups
from tests.waiting import waiting_scan

DAYS = (40, 130, 220)
PATIENCE = 180


@dataclass(frozen=True, kw_only=True)
class Scenery:
    org: Organization
    project: Project
    email: str
    password: str
    user: User
    operator: User
    empty_org: Organization
    empty_project: Project
    partial: Scan
    latest: Scan
    limited: Project
    stopped: Scan
    waiting: Scan
    batched: Scan
    invitation: str
    closing_org: Organization
    key_pk: int  # of the empty organization
    setups: dict[str, Project]
    hooked: Hooked


def build(*, simulator: str) -> Scenery:
    """Needs a running worker and simulator; every answer comes over the wire."""
    from scans.demo import seed_demo

    settings.SIMULATOR_URL = simulator
    demo = seed_demo()
    user = User.objects.get(email=demo.email)
    for day in DAYS[:-1]:
        control(simulator, "options", {"day": day})
        wait(start(demo.project))
    partial = _scan_with_failures(demo.project, simulator)
    control(simulator, "options", {"day": DAYS[-1]})
    latest = wait(start(demo.project))
    empty_org = found_organization(user, name="Northwind Studio")
    with org_scope(demo.org):
        empty_project = library.create_project(demo.org, library.ProjectFields(name="Lumenboard Notes"), actor=user)
        archived = Prompt.objects.for_org(demo.org).filter(project=demo.project).order_by("-pk")[0]
        library.archive_prompt(archived, actor=user)
    poor = limited(demo.org, user)
    return Scenery(
        org=demo.org,
        project=demo.project,
        email=demo.email,
        password=demo.password,
        user=user,
        operator=User.objects.create_superuser("operator@prompter.example", demo.password, name="Operator"),
        empty_org=empty_org,
        empty_project=empty_project,
        partial=partial,
        latest=latest,
        limited=poor,
        stopped=wait(start(poor)),
        waiting=waiting_scan(demo.org, user),
        batched=scan_in_batches(demo.org, user),
        invitation=gather(demo.org, owner=user),
        closing_org=closing_organization(user),
        key_pk=_own_key(empty_org, user),
        setups=begin_setups(demo.org, user),
        hooked=hook(demo.org, user),
    )


def _own_key(org: Organization, user: User) -> int:
    with org_scope(org):
        key = save_key(org, provider="anthropic", api_key="sk-ant-of-nobody-1234", actor=user)
        save_limits(key, tier="build", figures={"requests_per_day": 20_000}, actor=user)
        return key.pk


def _scan_with_failures(project: Project, simulator: str) -> Scan:
    rules = [
        {"fault": "400", "match": {"provider": "anthropic"}, "times": 4},
        {"fault": "refusal", "match": {"provider": "openai"}, "times": 2},
        {"fault": "truncate", "match": {"provider": "google"}, "times": 2},
    ]
    control(simulator, "faults", rules)
    return wait(start(project))


def control(simulator: str, what: str, body: Any) -> None:
    data = json.dumps(body).encode()
    asked = urllib.request.Request(f"{simulator}/_sim/{what}", data=data, headers={"Content-Type": "application/json"})
    urllib.request.urlopen(asked, timeout=10).close()


def start(project: Project) -> Scan:
    with org_scope(project.org_id):
        return start_scan(project, source=Scan.Source.BROWSER)


def wait(scan: Scan) -> Scan:
    """The scan as it ended."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with org_scope(scan.org_id):
            scan = Scan.objects.for_org(scan.org_id).get(pk=scan.pk)
        if not scan.is_open:
            return scan
        time.sleep(0.2)
    raise RuntimeError(f"{scan} did not end within {PATIENCE} seconds")


def answer_of(scan: Scan, **fields: Any) -> Answer:
    with org_scope(scan.org_id):
        return Answer.objects.for_org(scan.org_id).filter(scan=scan, **fields).order_by("turn")[0]
