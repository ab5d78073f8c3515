"""What every entry point does first: load the settings and check the services, failing with one line."""

import sys
import warnings
from typing import NoReturn

from django.core.exceptions import ImproperlyConfigured

from config.embedded import EmbeddedError, Unusable, verify


def load_settings() -> None:
    from django.conf import settings

    try:
        with warnings.catch_warnings():
            # A malformed address is warned about and then refused; the refusal says it all.
            warnings.filterwarnings("ignore", module="environ")
            settings.configured or settings._setup()  # type: ignore[attr-defined]
    except (ImproperlyConfigured, EmbeddedError) as error:
        _refuse(error)


def require_services() -> None:
    from django.conf import settings

    load_settings()
    try:
        verify(database_url=settings.DATABASE_URL, redis_url=settings.REDIS_URL)
    except Unusable as error:
        _refuse(error)


def _refuse(error: Exception) -> NoReturn:
    sys.exit(f"prompter: {' '.join(str(error).split())}")
