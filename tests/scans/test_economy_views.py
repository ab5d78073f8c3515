"""What people see of economy mode: the schedule's choice, what waits, what is saved."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from orgs.scoping import org_scope
from prompts.estimates import answer_cost
from prompts.llm import catalog
from prompts.llm.simulator.server import Running
from prompts.models import Project
from scans import economy
from scans.launch import cancel_scan
from scans.models import Scan
from tests.scans.economy import (
    CLAUDE,
    GPT,
    SEARCHING_GPT,
    economy_scan,
    jobs_of,
    look_after,
    make_due,
    past_deadline,
    states,
)
from tests.scans.running import add_prompts

ClientOf = Callable[[User | None], Client]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(project: Project, simulator: Running) -> Project:
    add_prompts(project, 4)
    return project


def test_a_schedule_in_economy_mode_starts_economy_scans(project: Project, member: User, client_of: ClientOf) -> None:
    client = client_of(member)
    url = reverse("schedule", args=[project.org.slug, project.slug])
    form = {"cadence": "daily", "time_of_day": "02:00", "weekday": "0", "time_zone": "UTC", "jitter_minutes": "0"}
    response = client.post(url, {**form, "engines": [GPT], "economy": "on"})
    assert response.status_code == 302
    page = client.get(url).content.decode()
    assert "Economy mode" in page
    assert "goes through a batch" in page or "go through batches" in page
    client.post(reverse("schedule-run", args=[project.org.slug, project.slug]))
    with org_scope(project.org_id):
        scan = Scan.objects.for_org(project.org_id).get()
    assert scan.economy
    assert states(scan) == ["queued"]


def test_the_scans_page_says_what_waits_in_a_batch_and_what_that_saved(
    project: Project, simulator: Running, viewer: User, client_of: ClientOf
) -> None:
    simulator.options(batch_seconds=3600.0)
    scan = economy_scan(project, CLAUDE)
    client, url = client_of(viewer), reverse("scan", args=[project.org.slug, project.slug, scan.pk])
    assert "4 answers are about to be handed to Anthropic in a batch." in squeezed(client.get(url))
    look_after()
    page = squeezed(client.get(url))
    assert "4 answers in a batch with Anthropic since" in page
    assert "every 15s" in page
    simulator.reset()
    past_deadline(scan)
    with org_scope(project.org_id):
        cancel_scan(scan, actor=None)
    assert "What waits in a batch" not in squeezed(client.get(url))
    done = economy_scan(project, CLAUDE)
    look_after()
    make_due(done)
    look_after()
    page = squeezed(client.get(reverse("scan", args=[project.org.slug, project.slug, done.pk])))
    assert "saved" in page
    with org_scope(project.org_id):
        assert economy.saved_this_month(project.org_id, project_id=project.pk) == jobs_of(done)[0].saved > 0


def test_what_economy_mode_would_save_counts_only_engines_with_batches() -> None:
    both = economy.expected([GPT, SEARCHING_GPT], 10)
    live, batch = answer_cost(catalog.get(GPT)), answer_cost(catalog.get(GPT), batch=True)
    assert live is not None
    assert batch is not None
    assert both == economy.Expected(batched=10, saved=(live - batch) * 10)
    assert economy.expected([SEARCHING_GPT], 10) == economy.Expected(batched=0, saved=Decimal(0))
    assert economy.expected(["gone:model/model"], 10).batched == 0


def squeezed(response: Any) -> str:
    assert response.status_code == 200
    return " ".join(response.content.decode().split())
