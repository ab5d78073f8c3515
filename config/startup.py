"""What every entry point does first: load the settings and check the services, failing with one line."""

import os
import secrets
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
            _ = settings.INSTALLED_APPS
    except (ImproperlyConfigured, EmbeddedError) as error:
        _refuse(error)


def set_up() -> None:
    """Django's applications; some check their settings only there."""
    import django
    from django.apps import apps

    load_settings()
    if apps.ready:
        return
    try:
        django.setup()
    except ImproperlyConfigured as error:
        _refuse(error)


def require_services() -> None:
    from django.conf import settings

    load_settings()
    try:
        verify(database_url=settings.DATABASE_URL, redis_url=settings.REDIS_URL)
    except Unusable as error:
        _refuse(error)


def prepare_demo() -> None:
    """A demo on somebody's own database needs no more settings than its address; and nothing starts for a busy port."""
    from environ import Env

    from config.embedded.place import BASE_DIR

    if (BASE_DIR / ".env").exists():
        Env.read_env(BASE_DIR / ".env", overwrite=False)
    os.environ["PROMPTER_DEMO"] = "1"
    if not os.environ.get("SITE_URL"):
        os.environ["SITE_URL"] = f"http://localhost:{os.environ.get('PORT') or 8000}"
    if os.environ.get("DATABASE_URL") and not os.environ.get("SECRET_KEY"):
        os.environ["SECRET_KEY"] = _demo_secret()


def demo_ports() -> tuple[int, int]:
    """Where web and simulator listen."""
    return _port("PORT", 8000), _port("SIMULATOR_PORT", 8399)


def refuse_busy_ports() -> None:
    from config.supervisor import port_problem

    web, simulator = demo_ports()
    problem = port_problem(web, variable="PORT") or port_problem(simulator, variable="SIMULATOR_PORT")
    if problem:
        _refuse(problem)


def _port(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        _refuse(f"{variable} must be a port number, not {text!r}")
    return int(text)


def _demo_secret() -> str:
    from config.embedded.place import find_place

    try:
        path = find_place().local / "secret_key"
    except EmbeddedError as error:
        _refuse(error)
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50), encoding="utf-8")
    return path.read_text(encoding="utf-8")


def _refuse(error: object) -> NoReturn:
    sys.exit(f"prompter: {' '.join(str(error).split())}")
