"""One private installation for all tests here: its services may die, and its workers are replaced."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.conf import settings
from django.db import connection

from config.embedded import postgres
from orgs.models import Organization
from prompts.llm.simulator.server import Running
from tests.chaos.installation import Installation
from tests.chaos.proxy import Proxy
from tests.chaos.stores import OWN_SESSIONS, Services, running_services
from tests.chaos.workers import crew
from tests.scans.running import forget_connections

SLOT_SETTINGS = {
    "SCAN_LEASE_SECONDS": "3",
    "DATABASE_POOL": "true",
}


@pytest.fixture(scope="session")
def _services(django_db_setup: None) -> Iterator[Services]:
    host = connection.settings_dict["HOST"] or connection.settings_dict["OPTIONS"]["host"]
    with running_services() as services:
        services.copy_database(host=host, name=connection.settings_dict["NAME"])
        yield services


@pytest.fixture(scope="session")
def _installation(_services: Services, _simulator: Running) -> Iterator[Installation]:
    address = _simulator.root_url.removeprefix("http://").split(":")
    with Proxy((address[0], int(address[1]))).serving() as providers, tempfile.TemporaryDirectory() as logs:
        environment = (
            os.environ
            | SLOT_SETTINGS
            | {
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "PROMPTER_TEST": "1",
                "DATABASE_URL": _services.database_url,
                "REDIS_URL": _services.redis_url,
                "SECRET_KEY": settings.SECRET_KEY,
                "SITE_URL": settings.SITE_URL,
                "SIMULATOR_URL": f"http://127.0.0.1:{providers.port}",
            }
        )
        with crew(environment=environment, logs=Path(logs)) as found:
            yield Installation(services=_services, providers=providers, crew=found, simulator=_simulator)


@pytest.fixture
def installation(transactional_db: None, _installation: Installation, simulator: Running) -> Iterator[Installation]:
    """Ready for a scan; the test itself goes round the proxies."""
    with _moved(_installation.services):
        if Organization.objects.exists():  # the test before was cut off
            _installation.empty()
        try:
            yield _installation
        finally:
            try:
                _installation.heal()
            finally:  # or the next test would find what this one left
                _installation.empty()


class _moved:
    """This process's database and queue are the installation's."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def __enter__(self) -> None:
        connection.close()
        self._database = dict(connection.settings_dict)
        self._queue = current_app.conf.broker_url
        own = {"NAME": postgres.DATABASE, "USER": postgres.ROLE, "PASSWORD": "", "PORT": "", "HOST": ""}
        options = {"host": str(self._services.place.sockets), "application_name": OWN_SESSIONS}
        connection.settings_dict.update(own, OPTIONS=options)
        _reach_queue(self._services.direct_redis_url)

    def __exit__(self, *_: Any) -> None:
        connection.close()
        connection.settings_dict.update(self._database)
        _reach_queue(self._queue)


def _reach_queue(url: str) -> None:
    current_app.conf.broker_url = current_app.conf.broker_write_url = url
    forget_connections()
