"""Checks of a Postgres and a Redis that somebody else runs, before the product relies on them."""

import re
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

BYPASS_QUERY = "SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
SCHEMES = {"DATABASE_URL": ("postgres", "postgresql"), "REDIS_URL": ("redis", "rediss", "unix")}

# Neither the driver nor Postgres takes these.
_TORN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")


class Unusable(RuntimeError):
    """A configured service cannot be used; the message is one line for the person at the terminal."""


def verify(*, database_url: str = "", redis_url: str = "") -> None:
    """Raise `Unusable` for the first given address that does not answer or must not be used."""
    if database_url:
        verify_database(database_url)
    if redis_url:
        verify_redis(redis_url)


def verify_database(url: str) -> None:
    import psycopg
    from psycopg import sql

    parts = parse_address(url, name="DATABASE_URL")
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            row = connection.execute(BYPASS_QUERY).fetchone()
            assert row is not None
            role, superuser, bypass = row
            quoted = sql.Identifier(role).as_string(connection)
    except psycopg.Error as error:
        raise Unusable(f"DATABASE_URL: cannot use the database at {_where(parts)}: {_reason(error, parts)}") from None
    if superuser or bypass:
        power = "SUPERUSER" if superuser else "BYPASSRLS"
        raise Unusable(
            f"DATABASE_URL: role {quoted} has {power} and would bypass row-level security, which keeps organizations"
            f" apart; run: ALTER ROLE {quoted} NOSUPERUSER NOBYPASSRLS; (or use another role)"
        )


def verify_redis(url: str) -> None:
    import redis

    parts = parse_address(url, name="REDIS_URL")
    try:
        client = redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5)
        try:
            client.ping()
        finally:
            client.close()
    except (redis.RedisError, ValueError, OSError) as error:
        raise Unusable(f"REDIS_URL: cannot use the Redis at {_where(parts)}: {_reason(error, parts)}") from None


def parse_address(url: str, *, name: str) -> SplitResult:
    """The parts of a service's address; refuses one that drivers would read in another way than it was meant."""
    schemes = SCHEMES[name]
    form = f"{schemes[0]}://user:password@host:port/name with special characters percent-encoded"
    malformed = Unusable(f"{name} is malformed: it must be {form}")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise malformed from None
    # A bare / ? or # in a password ends the host there, and the rest of the password passes for a path.
    cut_short = ("@" not in parts.netloc and "@" in url) or parts.fragment
    torn = name == "DATABASE_URL" and _TORN_PERCENT.search(url)
    if parts.scheme not in schemes or cut_short or torn:
        raise malformed
    return parts


def _where(parts: SplitResult) -> str:
    """The address without its user and password."""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.hostname or 'the local socket'}{port}{parts.path}"


def _reason(error: Exception, parts: SplitResult) -> str:
    """The driver's first line; drivers quote what they cannot read."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = lines[0] if lines else type(error).__name__
    given = [parts.password or "", *parse_qs(parts.query).get("password", [])]
    for secret in {form for text in given for form in (text, unquote(text)) if form}:
        reason = reason.replace(secret, "***")
    return reason
