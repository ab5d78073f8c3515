"""The prompts app."""

from django.apps import AppConfig


class PromptsConfig(AppConfig):
    name = "prompts"

    def ready(self) -> None:
        from prompts import credentials
        from prompts import events as _declared  # noqa: F401

        credentials.configure_catalog()
