"""The scans app."""

from django.apps import AppConfig


class ScansConfig(AppConfig):
    name = "scans"

    def ready(self) -> None:
        from scans import archiving, events, naming  # noqa: F401 - hears of archived projects, declares, judges names
