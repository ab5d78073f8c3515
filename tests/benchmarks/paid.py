"""A worker's Celery app whose providers are at the simulator's address, but asked as if they were paid."""

from django.conf import settings

from config.celery import app
from tests.paid import ask_for_money

ask_for_money(settings.SIMULATOR_URL)

__all__ = ["app"]
