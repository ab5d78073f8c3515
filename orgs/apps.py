"""The orgs app, and the operators' admin site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class OrgsConfig(AppConfig):
    name = "orgs"
    default = True


class OperatorsConfig(AdminConfig):
    default = False
    default_site = "orgs.operators.OperatorsSite"
