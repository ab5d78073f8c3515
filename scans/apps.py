"""The scans app."""

from django.apps import AppConfig


class ScansConfig(AppConfig):
    name = "scans"

    def ready(self) -> None:
        # They hear of archived projects and of keys that go, declare events, judge names, and offer events to others.
        from scans import archiving, batch_keys, events, naming, webhooks  # noqa: F401
