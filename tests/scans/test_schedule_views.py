"""The page of a project's schedule."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from orgs.models import Organization
from orgs.scoping import org_scope
from prompts.models import Project, Prompt
from scans.models import Scan, Schedule
from tests.screens import ClientOf

URL = ("acme", "lumenboard")
FORM = {
    "cadence": "daily",
    "time_of_day": "02:00",
    "weekday": "0",
    "cron": "",
    "time_zone": "Europe/Berlin",
    "samples": "",
    "jitter_minutes": "10",
}


@pytest.fixture
def client(client_of: ClientOf, member: User, project: Project, prompt: Prompt, settings: Any) -> Client:
    settings.SIMULATOR_URL = "http://127.0.0.1:1"
    return client_of(member)


def saved(org: Organization) -> Schedule | None:
    with org_scope(org):
        return Schedule.objects.for_org(org).first()


def test_a_schedule_is_set_and_shows_what_comes_next(client: Client, org: Organization) -> None:
    response = client.post(reverse("schedule", args=URL), FORM)
    assert response.url == reverse("schedule", args=URL)
    page = client.get(response.url)
    outlook = page.context["outlook"]
    assert (len(outlook.slots), outlook.answers, outlook.scans in (29, 30, 31)) == (5, 1, True)
    assert outlook.month_answers == outlook.scans
    assert "Next scans" in page.content.decode()


def test_a_scan_whose_time_has_come_and_that_has_not_started_is_the_next(client: Client, org: Organization) -> None:
    client.post(reverse("schedule", args=URL), FORM)
    before = client.get(reverse("schedule", args=URL)).context["outlook"]
    soon = timezone.now() + timedelta(minutes=7)
    with org_scope(org):
        Schedule.objects.for_org(org).update(next_slot_at=soon - timedelta(minutes=9), next_start_at=soon)
    outlook = client.get(reverse("schedule", args=URL)).context["outlook"]
    assert outlook.slots == sorted([soon, *before.slots])[:5]
    assert outlook.scans == before.scans + 1


def test_a_first_schedule_is_offered_at_two_at_night(client: Client) -> None:
    form = client.get(reverse("schedule", args=URL)).context["form"]
    assert (form["cadence"].value(), str(form["time_of_day"].value())[:5]) == ("daily", "02:00")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"cadence": "cron", "cron": ""}, "cron"),
        ({"cadence": "cron", "cron": "* * * * *"}, "cron"),
        ({"cadence": "cron", "cron": "<script>alert(1)</script>"}, "cron"),
        ({"cadence": "hourly"}, "cadence"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_of_day": "25:00"}, "time_of_day"),
        ({"weekday": "7"}, "weekday"),
        ({"samples": "0"}, "samples"),
        ({"samples": "11"}, "samples"),
        ({"jitter_minutes": "121"}, "jitter_minutes"),
        ({"cadence": "cron", "cron": "0 * * * *", "jitter_minutes": "60"}, "jitter_minutes"),
        ({"engines": ["openai:gpt-1/model"]}, "engines"),
    ],
)
def test_what_makes_no_schedule_is_said_at_its_field(
    client: Client, org: Organization, given: dict[str, Any], field: str
) -> None:
    response = client.post(reverse("schedule", args=URL), FORM | given)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert "<script>alert" not in response.content.decode()
    assert saved(org) is None


def test_it_is_paused_resumed_and_run_at_once(client: Client, org: Organization) -> None:
    client.post(reverse("schedule", args=URL), FORM)
    client.post(reverse("schedule-pause", args=URL))
    assert saved(org).is_paused  # type: ignore[union-attr]
    assert "Nothing is scanned by itself" in client.get(reverse("schedule", args=URL)).content.decode()
    client.post(reverse("schedule-resume", args=URL))
    assert not saved(org).is_paused  # type: ignore[union-attr]
    response = client.post(reverse("schedule-run", args=URL))
    with org_scope(org):
        scan = Scan.objects.for_org(org).get()
    assert response.url == reverse("scan", args=[*URL, scan.pk])
    assert (scan.source, scan.batch) == ("browser", "")


def test_a_cron_expression_is_kept_as_it_was_given(client: Client, org: Organization) -> None:
    client.post(reverse("schedule", args=URL), FORM | {"cadence": "cron", "cron": "  15  6 * * 1-5 "})
    schedule = saved(org)
    assert schedule is not None
    assert schedule.timetable.expression == "15 6 * * 1-5"
    page = client.get(reverse("schedule", args=URL))
    assert page.context["form"]["cron"].value() == "15 6 * * 1-5"
    label = page.content.decode().partition("Cron expression")[2].partition("</label>")[0]
    assert label.strip() == ""  # shown to whom it is asked of only, it is not optional


def test_the_form_says_how_far_scans_can_be_spread(client: Client, org: Organization) -> None:
    hourly = FORM | {"cadence": "cron", "cron": "0 * * * *"}
    refused = client.post(reverse("schedule", args=URL), hourly | {"jitter_minutes": "120"})
    assert "With this timetable it can be 59 minutes at most" in refused.content.decode()
    assert client.post(reverse("schedule", args=URL), hourly | {"jitter_minutes": "59"}).status_code == 302
    every_other_hour = hourly | {"cron": "0 */2 * * *", "jitter_minutes": "120"}
    assert "119 minutes at most" in client.post(reverse("schedule", args=URL), every_other_hour).content.decode()
    schedule = saved(org)
    assert schedule is not None
    assert schedule.jitter_minutes == 59


def test_a_viewer_sees_the_schedule_and_no_form(client: Client, client_of: ClientOf, viewer: User) -> None:
    client.post(reverse("schedule", args=URL), FORM)
    page = client_of(viewer).get(reverse("schedule", args=URL)).content.decode()
    assert "Next scans" in page
    assert 'name="cadence"' not in page


def test_engines_of_its_own_are_ticked_under_their_provider(client: Client, org: Organization) -> None:
    key = "openai:gpt-5-mini/model"
    client.post(reverse("schedule", args=URL), FORM | {"engines": [key]})
    page = client.get(reverse("schedule", args=URL))
    chosen = {
        provider: [row["key"] for row in rows if row["chosen"]]
        for provider, rows in page.context["form"].engines_by_provider
    }
    assert {provider: keys for provider, keys in chosen.items() if keys} == {"OpenAI": [key]}
    assert "1 engine of its own" in page.content.decode()
    response = client.post(reverse("schedule", args=URL), FORM | {"engines": [key], "cadence": "hourly"})
    assert response.context["form"].own_engines == 1, "what was ticked is kept when something else is wrong"


def test_every_field_of_the_form_has_a_place_on_the_page(client: Client) -> None:
    response = client.get(reverse("schedule", args=URL))
    page = response.content.decode()
    assert [name for name in response.context["form"].fields if f'name="{name}"' not in page] == []
