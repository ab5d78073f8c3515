"""Schedules over the API."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from orgs.models import Event, Organization
from orgs.scoping import org_scope
from prompts.models import Project, Prompt
from scans.models import Scan, Schedule
from tests.screens import ClientOf

LIST = "/api/v1/o/acme/schedules/"
NIGHTLY = {"cadence": "daily", "time_zone": "Europe/Berlin"}


@pytest.fixture
def client(client_of: ClientOf, member: User, project: Project, prompt: Prompt, settings: Any) -> Client:
    settings.SIMULATOR_URL = "http://127.0.0.1:1"
    return client_of(member)


@pytest.fixture
def url(project: Project) -> str:
    return f"{LIST}{project.pk}/"


def put(client: Client, url: str, **given: Any) -> Any:
    return client.put(url, NIGHTLY | given, content_type="application/json")


def test_a_schedule_is_set_and_told_with_what_comes_next(client: Client, url: str, project: Project) -> None:
    assert client.get(url).status_code == 404
    answered = put(client, url)
    assert answered.status_code == 200
    told = answered.json()
    assert (told["project"], told["time_of_day"], told["samples"], told["engines"]) == (
        project.pk,
        "02:00:00",
        None,
        [],
    )
    assert len(told["next_slots"]) == 5
    assert told["next_slots"] == sorted(told["next_slots"])
    assert client.get(url).json() == told
    assert client.get(LIST).json()["results"] == [told]


def test_a_change_counts_from_the_next_slot_and_is_recorded(client: Client, url: str, org: Organization) -> None:
    first = put(client, url).json()
    second = put(client, url, cadence="cron", cron="30 6 * * 1", samples=2, jitter_minutes=0).json()
    assert second["next_slots"] != first["next_slots"]
    assert second["next_start_at"] == second["next_slots"][0]
    with org_scope(org):
        saved = Event.objects.for_org(org).filter(name="schedule.saved").latest("pk")
        assert Schedule.objects.for_org(org).count() == 1
    assert saved.before is not None
    assert saved.after is not None
    assert (saved.before["expression"], saved.after["expression"]) == ("0 2 * * *", "30 6 * * 1")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"cadence": "hourly"}, "cadence"),
        ({"cadence": "cron"}, "cron"),
        ({"cadence": "cron", "cron": "* * * * *"}, "cron"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_of_day": "25:00"}, "time_of_day"),
        ({"weekday": 7}, "weekday"),
        ({"samples": 11}, "samples"),
        ({"jitter_minutes": 121}, "jitter_minutes"),
        ({"cadence": "cron", "cron": "0 * * * *", "jitter_minutes": 60}, "jitter_minutes"),
        ({"engines": ["openai:gpt-1/model"]}, "engines"),
        ({"engines": ["perplexity:sonar/web_search"] * 51}, "engines"),
    ],
)
def test_what_makes_no_schedule_is_refused_at_its_field(
    client: Client, url: str, org: Organization, given: dict[str, Any], field: str
) -> None:
    answered = put(client, url, **given)
    assert (answered.status_code, list(answered.json())) == (400, [field])
    with org_scope(org):
        assert not Schedule.objects.for_org(org).exists()


def test_it_is_paused_resumed_and_run_now(client: Client, url: str, org: Organization) -> None:
    put(client, url, samples=3)
    paused = client.post(f"{url}pause/").json()
    assert (paused["next_slots"], paused["next_start_at"], paused["paused_at"] is not None) == ([], None, True)
    assert client.post(f"{url}pause/").status_code == 200  # as it was
    assert client.post(f"{url}resume/").json()["paused_at"] is None
    started = client.post(f"{url}run/")
    assert (started.status_code, started.json()["source"], started.json()["samples"]) == (201, "api", 3)
    assert client.post(f"{url}run/").status_code == 409
    with org_scope(org):
        assert Scan.objects.for_org(org).get().batch == ""


def test_archived_projects_have_none(client: Client, url: str, project: Project, org: Organization) -> None:
    put(client, url)
    with org_scope(org):
        Project.objects.for_org(org).filter(pk=project.pk).update(archived_at=project.created_at)
    assert [client.get(url).status_code, put(client, url).status_code] == [404, 404]
    assert client.post(f"{url}run/").status_code == 404
    assert client.get(LIST).json()["results"] == []


def test_a_viewer_reads_and_changes_nothing(client: Client, client_of: ClientOf, viewer: User, url: str) -> None:
    put(client, url)
    reader = client_of(viewer)
    assert reader.get(url).status_code == 200
    assert put(reader, url).status_code == 403
    assert {reader.post(f"{url}{act}/").status_code for act in ("pause", "resume", "run")} == {403}
