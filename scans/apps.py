"""The scans app."""

from django.apps import AppConfig


class ScansConfig(AppConfig):
    name = "scans"

    def ready(self) -> None:
        # They hear of archived projects, declare events, judge names, and offer events to other systems.
        from scans import archiving, events, naming, webhooks  # noqa: F401
