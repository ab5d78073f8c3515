"""The site as an application: it owns the commands that start things."""

from django.apps import AppConfig
from django.contrib.staticfiles.apps import StaticFilesConfig


class ConfigConfig(AppConfig):
    name = "config"
    default = True

    def ready(self) -> None:
        # Binds `shared_task` to our broker in every process that uses Django.
        from config import celery  # noqa: F401
        from config.operators import traces  # noqa: F401  - connects to the tasks' signals


class ServedFilesConfig(StaticFilesConfig):
    """Leaves out what the served files are built from."""

    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "src"]
