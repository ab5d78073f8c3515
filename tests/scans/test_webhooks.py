"""What an organization's own systems are told when a scan has ended."""

import json
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import User
from orgs.models import Event, Organization, WebhookDelivery
from orgs.scoping import org_scope
from orgs.webhooks import endpoints, queue
from orgs.webhooks.endpoints import EndpointFields
from orgs.webhooks.offers import body_of, offers
from prompts.models import Brand, Project, Prompt
from scans import schedule
from scans.ending import finish_scans
from scans.launch import cancel_scan
from scans.models import Scan
from tests.scans.made import ENGINE, STOP, make_answer, make_scan
from tests.scans.running import started
from tests.scans.test_schedule import DAILY, due

ALL = ("scan.started", "scan.finished", "scan.cancelled", "schedule.skipped")


@pytest.fixture
def hook(org: Organization, owner: User) -> None:
    with org_scope(org):
        endpoints.add(org, EndpointFields(url="https://93.184.215.14/in", events=ALL), actor=owner)


def told(org: Organization, name: str) -> Any:
    with org_scope(org):
        event = Event.objects.for_org(org).select_related("org").filter(name=name).latest("pk")
        return json.loads(body_of(event))


@pytest.fixture
def ended(project: Project, prompt: Prompt, own_brand: Brand, competitor: Brand) -> Scan:
    """Two scans one after the other; of the second, one of four answers failed."""
    earlier = make_scan(project, total=1)
    make_answer(earlier, prompt, names=(own_brand,))
    scan = make_scan(project, status="running", total=4)
    make_answer(scan, prompt, names=(own_brand, competitor), cost=Decimal("0.01000001"))
    make_answer(scan, prompt, names=(competitor,), cost=Decimal("0.02"))
    make_answer(scan, prompt)
    make_answer(scan, prompt, status="failed", error_kind="timeout", error="No answer within 120 s")
    assert finish_scans(project.org_id, [scan.pk]) == [scan.pk]
    return scan


def test_the_end_tells_counts_costs_failures_and_visibility(
    org: Organization, own_brand: Brand, ended: Scan, settings: Any
) -> None:
    settings.SITE_URL = "https://prompter.example"
    whole = told(org, "scan.finished")
    data = whole["data"]
    assert (whole["type"], whole["version"]) == ("scan.finished", "1")
    assert data["project"] == {"id": ended.project_id, "slug": "lumenboard", "name": "Lumenboard"}
    scan = data["scan"]
    assert (scan["status"], scan["simulated"]) == ("partial", True)
    assert scan["answers"] == {"total": 4, "succeeded": 3, "failed": 1, "not_asked": 0, "cancelled": 0}
    assert scan["budget_stop"] is None
    assert scan["cost_usd"] == "0.03000001"
    assert scan["url"] == f"https://prompter.example/o/acme/p/lumenboard/scans/{ended.pk}/"
    assert [(one["kind"], one["reason"], one["answers"]) for one in scan["failures"]] == [
        ("timeout", "No answer within 120 s", 1)
    ]
    (engine,) = scan["engines"]
    assert (engine["key"], engine["total"], engine["failed"]) == (ENGINE, 4, 1)
    seen = data["visibility"]
    assert seen["brand"] == {"id": own_brand.pk, "name": "Lumenboard"}
    assert (seen["hits"], seen["n"], round(seen["value"], 3)) == (1, 3, 0.333)
    assert seen["low"] <= seen["value"] <= seen["high"]
    assert (seen["previous"]["value"], seen["previous"]["n"]) == (1.0, 1)


def test_the_end_by_a_budget_tells_which_and_what_was_not_asked(
    org: Organization, project: Project, prompt: Prompt, own_brand: Brand
) -> None:
    scan = make_scan(project, status="running", total=4, budget_stop=STOP)
    make_answer(scan, prompt)
    make_answer(scan, prompt, status="failed", error_kind="timeout", error="No answer within 120 s")
    for _ in range(2):
        make_answer(scan, prompt, status="failed", error_kind="budget")
    finish_scans(org.pk, [scan.pk])
    data = told(org, "scan.finished")["data"]["scan"]
    assert data["answers"] == {"total": 4, "succeeded": 1, "failed": 1, "not_asked": 2, "cancelled": 0}
    assert [(one["failed"], one["not_asked"]) for one in data["engines"]] == [(1, 2)]
    assert sum(one["answers"] for one in data["failures"]) == 1
    assert data["budget_stop"]["limit"] == "answers"
    assert data["budget_stop"]["starts_anew"] == "2026-12-01"
    assert "budget of 2 answers a month is used up" in data["budget_stop"]["reason"]


def test_it_is_queued_with_the_end_and_the_same_for_every_endpoint(
    hook: None, org: Organization, owner: User, ended: Scan
) -> None:
    with org_scope(org):
        delivery = WebhookDelivery.objects.for_org(org).get()
        assert (delivery.type, delivery.event.target_id, delivery.body) == ("scan.finished", ended.pk, "")  # type: ignore[union-attr]
    (job,) = queue.claim(room=5)
    parcel = queue.parcel_of(job)
    assert parcel is not None
    assert json.loads(parcel.body) == told(org, "scan.finished")


def test_without_an_own_brand_there_is_no_visibility(org: Organization, project: Project, prompt: Prompt) -> None:
    scan = make_scan(project, status="running")
    make_answer(scan, prompt)
    finish_scans(org.pk, [scan.pk])
    assert told(org, "scan.finished")["data"]["visibility"] is None


def test_real_and_simulated_scans_are_never_compared(
    org: Organization, project: Project, prompt: Prompt, own_brand: Brand
) -> None:
    make_answer(make_scan(project, simulated=True), prompt, names=(own_brand,))
    scan = make_scan(project, status="running", simulated=False)
    make_answer(scan, prompt, names=(own_brand,))
    finish_scans(org.pk, [scan.pk])
    assert told(org, "scan.finished")["data"]["visibility"]["previous"] is None


def test_a_scan_that_is_gone_is_told_by_its_event(hook: None, org: Organization, ended: Scan) -> None:
    with org_scope(org):
        Scan.objects.for_org(org).filter(pk=ended.pk).delete()
    data = told(org, "scan.finished")["data"]
    assert data["scan"] == {"id": ended.pk, "status": "partial", "total": 4}


def test_a_cancelled_scan_is_told_as_such(
    org: Organization, project: Project, prompt: Prompt, owner: User, settings: Any
) -> None:
    settings.SIMULATOR_URL = "http://127.0.0.1:1"
    scan = started(project, samples=2)
    begun = told(org, "scan.started")["data"]["scan"]
    assert (begun["id"], begun["source"], begun["samples"]) == (scan.pk, "browser", 2)
    with org_scope(org):
        cancel_scan(scan, actor=owner)
    scanned = told(org, "scan.cancelled")["data"]["scan"]
    assert (scanned["status"], scanned["answers"]["cancelled"]) == ("cancelled", 2)


def test_a_slot_that_starts_nothing_is_told_with_its_reason(org: Organization, project: Project, owner: User) -> None:
    with org_scope(org):
        saved = schedule.save_schedule(project, DAILY, actor=owner)
    due(saved)
    schedule.start_due()
    data = told(org, "schedule.skipped")["data"]
    assert (data["project"]["name"], data["schedule"]["code"]) == ("Lumenboard", "engine_unavailable")


def test_every_offered_event_is_documented() -> None:
    from tests.guards.tree import ROOT

    text = (ROOT / "docs" / "webhooks.md").read_text()
    assert [name for name in offers() if f"`{name}`" not in text] == []
