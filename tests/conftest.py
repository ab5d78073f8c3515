"""The house of the tests: services, network walls, the provider simulator and the cast."""

import importlib.util
from collections.abc import Iterator

import pytest
import redis as redis_client
from django.conf import settings

from prompts.llm.simulator.server import Running, serve_in_thread

pytest_plugins = ["tests.cast"] if importlib.util.find_spec("tests.cast") else []


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
def simulator(_simulator: Running) -> Running:
    """The simulated providers, as freshly started: no latency, no faults, nothing counted."""
    _simulator.reset()
    return _simulator


@pytest.fixture(scope="session")
def _simulator_server() -> Iterator[Running]:
    with serve_in_thread() as running:
        yield running


@pytest.fixture
def simulator(_simulator_server: Running, settings: Any) -> Running:
    """The simulated providers as they start: no faults, no delay, generous limits. The product is pointed at them."""
    _simulator_server.reset()
    settings.SIMULATOR_URL = _simulator_server.root_url
    return _simulator_server
