"""Redis that takes connections and says nothing, frozen or cut off without a word: nobody waits for it for long."""

from collections.abc import Callable, Iterator
from threading import Event, Timer
from typing import Any

import pytest
from celery import current_app
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse

from accounts.models import User
from prompts.llm.simulator.server import Running
from prompts.models import Project
from scans.tasks import nudge
from tests.chaos.proxy import Proxy, before
from tests.scans.running import add_prompts, forget_connections, statuses
from tests.screens import ClientOf

pytestmark = pytest.mark.django_db(transaction=True)

NO_LONGER = 100.0  # seconds after which a test that waits in vain is let go


@pytest.fixture
def redis_line(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Whatever this process asks of Redis goes through it."""
    with before(django_settings.REDIS_URL) as (proxy, url):
        settings.REDIS_URL = url
        settings.CACHES = {"default": {**django_settings.CACHES["default"], "LOCATION": url}}
        monkeypatch.setattr(current_app.conf, "broker_write_url", url)
        forget_connections()
        yield proxy
    forget_connections()


def tries_of(act: Callable[[], object], *, silent: Proxy) -> int:
    """How many new connections it takes while Redis says nothing: each is waited for once, for 1 to 3 seconds."""
    let_go = Event()

    def give_up() -> None:
        let_go.set()
        silent.heal()

    rescue = Timer(NO_LONGER, give_up)
    silent.hang()
    rescue.start()
    before_it = silent.connections
    try:
        act()
        assert not let_go.is_set(), "it waited until Redis spoke again"
        return silent.connections - before_it
    finally:
        rescue.cancel()
        silent.heal()


def test_a_message_to_a_queue_that_fell_silent_is_given_up_soon(redis_line: Proxy) -> None:
    nudge()
    assert tries_of(nudge, silent=redis_line) == 0  # the one that it has is given up, and that is all
    nudge()


def test_a_scan_that_is_started_meanwhile_answers_and_waits(
    client_of: ClientOf, member: User, project: Project, simulator: Running, redis_line: Proxy
) -> None:
    add_prompts(project, 2)
    client: Client = client_of(member)
    address = reverse("scan-start", args=["acme", "lumenboard"])
    nudge()
    answers: list[Any] = []
    tries = tries_of(lambda: answers.append(client.post(address)), silent=redis_line)
    assert answers[0].status_code == 302
    assert tries <= 3
    scan = client.get(answers[0]["Location"]).context["scan"]
    assert statuses(scan) == {"pending": 2 * len(project.engines)}
