"""While Redis is away every page opens, what cannot be done without it says so, and a scan that is started waits."""

from collections.abc import Iterator
from typing import Any

import pytest
from celery import current_app
from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import reverse
from redis.exceptions import ResponseError

from accounts.models import User
from config.outages import Outages
from orgs.models import Invitation, Organization
from orgs.scoping import org_scope
from prompts.llm.simulator.server import Running
from prompts.models import Project
from tests.cast import PASSWORD
from tests.guards.test_role_matrix import ADDRESSES, _asked
from tests.role_matrix import ROWS, Row
from tests.role_world import World, make_world
from tests.scans.running import add_prompts, forget_connections, reread, run, statuses
from tests.screens import ClientOf

pytestmark = pytest.mark.django_db

DOWN = "redis://127.0.0.1:1/0"
# What counts in Redis what must be counted, and so is refused while it is away.
COUNTED = {"invitation-add", "invitation-resend", "api-invitation-list"}


@pytest.fixture
def away(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever this process asks of Redis finds nobody there: cache, lanes, streams, task queue."""
    settings.REDIS_URL = DOWN
    settings.CACHES = {"default": {**django_settings.CACHES["default"], "LOCATION": DOWN}}
    with monkeypatch.context() as patch:
        patch.setattr(current_app.conf, "broker_write_url", DOWN)
        forget_connections()
        yield
    forget_connections()


@pytest.fixture
def world() -> World:
    return make_world()


def test_every_page_of_an_organization_opens(world: World, away: None) -> None:
    pages = [row for row in ROWS.values() if row.name in ADDRESSES and "get" in row.statuses]
    found = {row.name: _as_owner(world, row, "get") for row in pages}
    assert len(found) > 60
    assert found == {row.name: row.statuses["get"][-1] for row in pages}


def test_everything_that_is_written_is_done_or_refused_until_redis_is_back(world: World, away: None) -> None:
    refused = set()
    for row in ROWS.values():
        for method in (row.statuses.keys() - {"get"}) if row.name in ADDRESSES else ():
            status = _as_owner(world, row, method)
            if status == 503:
                refused.add(row.name)
            else:
                assert status == row.statuses[method][-1], row.name
    assert refused == COUNTED


def _as_owner(world: World, row: Row, method: str) -> int:
    url = world.address(row, ADDRESSES[row.name].arguments)
    return _asked(world, row, method, url, "owner")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/pricing/",
        "/docs/",
        "/docs/?q=interval",
        "/accounts/login/",
        "/accounts/signup/",
        "/accounts/password/reset/",
        "/readyz",
    ],
)
def test_pages_for_strangers_open(client: Client, away: None, path: str) -> None:
    assert client.get(path).status_code == (503 if path == "/readyz" else 200)


@pytest.mark.parametrize(
    "page", ["profile", "preferences", "security", "security/log", "email", "sessions", "data", "3rdparty"]
)
def test_somebodys_own_pages_open(client_of: ClientOf, owner: User, away: None, page: str) -> None:
    assert client_of(owner).get(f"/accounts/{page}/").status_code == 200


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("", ""),
        ("health/", "Redis does not answer"),
        ("health/?workers=1", "Redis does not answer"),
        ("lanes/", "Redis does not answer"),
        ("accounts/user/", ""),
        ("scans/scan/", ""),
        ("orgs/flag/", ""),
    ],
)
def test_operators_pages_open_and_say_it(
    client_of: ClientOf, operator: User, project: Project, simulator: Running, away: None, page: str, said: str
) -> None:
    response = client_of(operator).get(f"/operators/{page}")
    assert response.status_code == 200
    assert said in response.content.decode()


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("login", {"login": "owner@acme.example", "password": PASSWORD}),
        ("signup", {"email": "new@start.example", "password1": PASSWORD}),
        ("password/reset", {"email": "owner@acme.example"}),
    ],
)
def test_what_guesses_are_counted_for_lets_nobody_in_and_says_when_to_try_again(
    client: Client, owner: User, away: None, path: str, data: dict[str, str]
) -> None:
    response = client.post(f"/accounts/{path}/", data)
    assert (response.status_code, response["Retry-After"]) == (503, "60")
    assert "try again in a minute" in response.content.decode()
    assert User.objects.count() == 1
    assert client.get("/o/acme/").status_code == 302


def test_signing_out_needs_no_redis(client_of: ClientOf, owner: User, away: None) -> None:
    client = client_of(owner)
    assert client.post("/accounts/logout/").status_code == 302
    assert client.get("/o/acme/").status_code == 302


def test_invitations_say_that_they_were_not_sent(
    client_of: ClientOf, owner: User, org: Organization, away: None
) -> None:
    client = client_of(owner)
    page = client.post(reverse("invitation-add", args=["acme"]), {"emails": "new@start.example", "role": "member"})
    assert page.status_code == 503
    assert "Nothing was done" in page.content.decode()
    sent = {"email": "new@start.example", "role": "member"}
    answer = client.post("/api/v1/o/acme/invitations/", sent, content_type="application/json")
    assert (answer.status_code, answer["Retry-After"]) == (503, "60")
    assert answer.json() == {"detail": "A service that this needs cannot be reached. Try again in a minute."}
    with org_scope(org):
        assert not Invitation.objects.for_org(org).exists()


def test_a_bug_stays_a_bug() -> None:
    wrong = ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")
    assert Outages(lambda request: HttpResponse()).process_exception(HttpRequest(), wrong) is None


@pytest.mark.django_db(transaction=True)
def test_a_scan_started_meanwhile_waits_says_so_and_runs_once_redis_is_back(
    client_of: ClientOf,
    member: User,
    project: Project,
    simulator: Running,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    add_prompts(project, 2)
    client = client_of(member)
    reached = django_settings.REDIS_URL
    request.getfixturevalue("away")
    started = client.post(reverse("scan-start", args=["acme", "lumenboard"]), follow=True)
    assert started.status_code == 200
    assert "Nothing is asked while Redis cannot be reached; the scan goes on by itself" in started.content.decode()
    assert "the task queue cannot be reached; the next sweep starts what is due" in caplog.text
    scan = started.context["scan"]
    assert statuses(scan) == {"pending": 2 * len(project.engines)}
    assert client.get("/api/v1/o/acme/scans/").json()["results"][0]["status"] == "queued"
    told = client.get(f"/api/v1/o/acme/scans/{scan.pk}/").json()["pauses"]
    assert [(pause["engine"], pause["kind"], pause["until"]) for pause in told] == [
        (engine, "redis_down", None) for engine in sorted(project.engines)
    ]
    assert "Nothing is asked while Redis" in client.get(reverse("scans", args=["acme", "lumenboard"])).content.decode()
    request.getfixturevalue("settings").REDIS_URL = reached
    run()
    assert reread(scan).status == "done"
