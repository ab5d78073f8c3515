"""The house of the tests: services, network walls, the provider simulator and the cast."""

import importlib.util
from collections.abc import Iterator

import pytest
import redis as redis_client
from django.conf import settings

pytest_plugins = ["tests.cast"] if importlib.util.find_spec("tests.cast") else []


@pytest.fixture(autouse=True)
def _clean_redis(request: pytest.FixtureRequest) -> Iterator[None]:
    """Counters, caches and messages of one test never reach the next."""
    yield
    with redis_client.Redis.from_url(settings.REDIS_URL) as connection:
        connection.flushdb()


@pytest.fixture
def redis() -> Iterator["redis_client.Redis"]:
    with redis_client.Redis.from_url(settings.REDIS_URL, decode_responses=True) as connection:
        yield connection
