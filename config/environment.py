"""Variables of the environment as values: empty means unset; what is malformed is one line and quotes no secret."""

import ipaddress
import json
import logging
import os
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environ import Env

from config.embedded.verify import Unusable, parse_address

TRUE, FALSE = ("1", "true", "yes", "on", "y", "t", "ok"), ("0", "false", "no", "off", "n", "f")
SERVER_FORM = 'a JSON list of {"name": "...", "base_url": "...", "model": "...", "api_key": "..."}'


def text(name: str, *, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def names(name: str) -> list[str]:
    return [part.strip() for part in text(name).split(",") if part.strip()]


def flag(name: str, *, default: bool = False) -> bool:
    given = text(name).lower()
    if given and given not in TRUE + FALSE:
        raise ImproperlyConfigured(f"{name} must be true or false")
    return given in TRUE if given else default


def integer(name: str, *, default: int, least: int = 0) -> int:
    given = text(name, default=str(default))
    # Ten digits: more than any limit, and what the database takes.
    if not (given.isascii() and given.isdecimal() and len(given) <= 10 and int(given) >= least):
        raise ImproperlyConfigured(f"{name} must be a whole number of at least {least}")
    return int(given)


def counts(name: str, *, known: Iterable[str]) -> dict[str, int]:
    """`openai=200,google=5`, by comma: a whole number of at least 1 for each of the known names."""
    found, known = {}, set(known)
    for entry in names(name):
        key, _, count = entry.partition("=")
        if key.strip() not in known or not (count.strip().isascii() and count.strip().isdecimal() and int(count)):
            raise ImproperlyConfigured(f"{name} must be numbers by comma, as in {sorted(known)[0]}=200")
        found[key.strip()] = int(count)
    return found


def level(name: str, *, default: str) -> str:
    given = text(name, default=default).upper()
    if given not in logging.getLevelNamesMapping():
        raise ImproperlyConfigured(f"{name} must be DEBUG, INFO, WARNING, ERROR or CRITICAL")
    return given


def site_address(name: str, *, default: str) -> str:
    given = text(name, default=default)
    try:
        parts = urlsplit(given)
        fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        raise ImproperlyConfigured(f"{name} must be the address people use, as in https://prompter.example.com")
    return given


def link(name: str) -> str:
    """An address of another page, or empty."""
    return site_address(name, default="") if text(name) else ""


def database(url: str) -> dict[str, Any]:
    """Django's form of a Postgres address."""
    try:
        parse_address(url, name="DATABASE_URL")
        return dict(Env.db_url_config(url))
    except Unusable as error:
        raise ImproperlyConfigured(str(error)) from None


def servers(name: str) -> list[dict[str, str]]:
    try:
        given = json.loads(text(name, default="[]"))
    except ValueError:
        given = None
    if not isinstance(given, list) or not all(map(_is_server, given)):
        raise ImproperlyConfigured(f"{name} must be {SERVER_FORM}")
    return given


def _is_server(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and {"name", "base_url", "model"} <= entry.keys()
        and all(isinstance(value, str) for value in entry.values())
    )


def ports(name: str, *, default: str) -> frozenset[int]:
    given = [part.strip() for part in text(name, default=default).split(",") if part.strip()]
    if not all(part.isascii() and part.isdecimal() and 0 < int(part) < 65_536 for part in given):
        raise ImproperlyConfigured(f"{name} must be port numbers, by comma")
    return frozenset(map(int, given))


def loopback_sites(name: str) -> dict[str, str]:
    """`site.example=127.0.0.1:8500` or `127.0.0.1:8500`, by comma: from host and port to where it is served."""
    sites = {}
    for entry in names(name):
        site, _, target = entry.rpartition("=")
        address, _, port = target.rpartition(":")
        if not (_is_loopback(address) and port.isdecimal()):
            raise ImproperlyConfigured(f"{name} must be loopback sites by comma, as in site.example=127.0.0.1:8500")
        sites[(site if ":" in site else f"{site}:80").lower() if site else target] = target
    return sites


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def sign_in_services() -> dict[str, dict[str, Any]]:
    """Allauth's form of the services that people may sign in through; without their variables they are not offered."""
    found: dict[str, dict[str, Any]] = {}
    if text("GOOGLE_CLIENT_ID"):
        app = {"client_id": text("GOOGLE_CLIENT_ID"), "secret": required("GOOGLE_CLIENT_SECRET")}
        found["google"] = {"APPS": [app], "OAUTH_PKCE_ENABLED": True}
    if text("OIDC_SERVER_URL"):
        app = {
            "provider_id": "oidc",
            "name": text("OIDC_NAME", default="OpenID Connect"),
            "client_id": required("OIDC_CLIENT_ID"),
            "secret": required("OIDC_CLIENT_SECRET"),
        }
        server = {"server_url": site_address("OIDC_SERVER_URL", default="")}
        found["openid_connect"] = {"APPS": [{**app, "settings": server}], "OAUTH_PKCE_ENABLED": True}
    return found


def required(name: str) -> str:
    given = text(name)
    if not given:
        raise ImproperlyConfigured(f"{name} is not set, and what is set beside it needs it")
    return given
