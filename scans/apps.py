"""The scans app."""

from django.apps import AppConfig


class ScansConfig(AppConfig):
    name = "scans"

    def ready(self) -> None:
        from scans import events, naming  # noqa: F401 - declares events, and judges brands' names
