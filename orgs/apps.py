"""The orgs app, and the operators' admin site."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class OrgsConfig(AppConfig):
    name = "orgs"
    default = True

    def ready(self) -> None:
        from orgs import departing, exporting  # noqa: F401 - hear of accounts that are closed or exported
        from orgs.webhooks import events  # noqa: F401 - declares them


class OperatorsConfig(admin_apps.AdminConfig):
    default = False
    default_site = "orgs.operators.OperatorsSite"
