"""The site as an application: it owns the commands that start things."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        # Binds `shared_task` to our broker in every process that uses Django.
        from config import celery  # noqa: F401
