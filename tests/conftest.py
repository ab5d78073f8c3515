"""The house of the tests: services, network walls, the provider simulator and the cast."""

import gc
import itertools
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import redis as redis_client
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as property_tests
from whitenoise.middleware import WhiteNoiseMiddleware

from prompts.llm.simulator.server import Running, serve_in_thread
from tests.paid import ask_for_money

pytest_plugins = ["tests.cast"]

# A busy machine is slow, not wrong.
property_tests.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
property_tests.load_profile("suite")


# The simulator's loop runs in a thread of its own. Whichever thread collects garbage closes the abandoned streams of
# every loop, while their own loop may be closing them too; so nothing is collected but between tests, and here.
gc.disable()
_FULL_EVERY = 100
_tests_run = itertools.count(1)


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest, django_db_modify_db_settings: None, django_db_blocker: Any, testrun_uid: str
) -> Iterator[None]:
    """Tests that commit empty the tables behind them.

    A page that closes in the middle of an answer may leave a connection to a thread that has ended; a database that
    somebody is connected to cannot be dropped."""
    from tests.databases import migrated_once
    from tests.emptying import empty, let_records_be_emptied
    from tests.settings import SLOT

    several = hasattr(request.config, "workerinput")
    with django_db_blocker.unblock(), migrated_once(testrun_uid, slot=SLOT) if several else nullcontext():
        request.getfixturevalue("django_db_setup")
    with django_db_blocker.unblock():
        let_records_be_emptied()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        )


@pytest.fixture(scope="session", autouse=True)
def _static_files_listed_once() -> Iterator[None]:
    """Every client starts middleware of its own, which would look through all static files again: 0.1 s a test."""
    listed: dict[tuple[object, ...], dict[str, object]] = {}
    look = WhiteNoiseMiddleware.add_files_from_finders

    def once(self: WhiteNoiseMiddleware) -> None:
        place = (self.static_prefix, *settings.STATICFILES_FINDERS, *settings.STATICFILES_DIRS)
        if place not in listed:
            look(self)
            listed[place] = dict(self.files)
        self.files.update(listed[place])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", once)
        yield


@pytest.fixture(autouse=True)
def _collect_garbage() -> Iterator[None]:
    yield
    gc.collect(1 if next(_tests_run) % _FULL_EVERY else 2)


@pytest.fixture(autouse=True)
def _clean_redis(request: pytest.FixtureRequest) -> Iterator[None]:
    """Counters, caches and messages of one test never reach the next."""
    yield
    with redis_client.Redis.from_url(settings.REDIS_URL) as connection:
        connection.flushdb()


@pytest.fixture
def redis() -> Iterator[redis_client.Redis]:
    with redis_client.Redis.from_url(settings.REDIS_URL, decode_responses=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def _simulator() -> Iterator[Running]:
    with serve_in_thread() as running:
        yield running


@pytest.fixture
def simulator(_simulator: Running, settings: Any) -> Running:
    """The simulated providers, as freshly started: no latency, no faults, nothing counted. The product asks them."""
    _simulator.reset()
    settings.SIMULATOR_URL = _simulator.root_url
    return _simulator


@pytest.fixture
def paid(simulator: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    """The simulator, asked with keys of the installation as if it were the providers: its calls cost money."""
    ask_for_money(simulator.root_url, change=monkeypatch.setattr)
    return simulator
