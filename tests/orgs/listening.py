"""A reader of a stream over a real socket."""

from __future__ import annotations

import http.client
import json
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.test import Client

PATIENCE = 60  # seconds before a silent stream fails the test


class Listener:
    def __init__(self, site: str, path: str, client: Client) -> None:
        parts = urlsplit(site)
        self.connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE)
        cookie = client.cookies.get(settings.SESSION_COOKIE_NAME)
        headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie.value}"} if cookie else {}
        self.connection.request("GET", path, headers=headers)
        self.response = self.connection.getresponse()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.connection.close()

    @property
    def status(self) -> int:
        return self.response.status

    def hear(self) -> tuple[str, Any] | None:
        """The next event, or None where the stream has ended; comments are skipped."""
        name = ""
        while line := self.response.readline():
            field, _, value = line.decode().rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                return name, json.loads(value)
        return None
