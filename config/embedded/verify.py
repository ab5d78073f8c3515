"""Checks of a Postgres and a Redis that somebody else runs, before the product relies on them."""

from urllib.parse import urlsplit

BYPASS_QUERY = "SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"


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

    where = _where(url, schemes=("postgres", "postgresql"), name="DATABASE_URL")
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            row = connection.execute(BYPASS_QUERY).fetchone()
            assert row is not None
            role, superuser, bypass = row
            quoted = sql.Identifier(role).as_string(connection)
    except psycopg.Error as error:
        raise Unusable(f"DATABASE_URL: cannot use the database at {where}: {_reason(error)}") from None
    if superuser or bypass:
        power = "SUPERUSER" if superuser else "BYPASSRLS"
        raise Unusable(
            f"DATABASE_URL: role {quoted} has {power} and would bypass row-level security, which keeps organizations"
            f" apart; run: ALTER ROLE {quoted} NOSUPERUSER NOBYPASSRLS; (or use another role)"
        )


def verify_redis(url: str) -> None:
    import redis

    where = _where(url, schemes=("redis", "rediss", "unix"), name="REDIS_URL")
    try:
        client = redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5)
        try:
            client.ping()
        finally:
            client.close()
    except (redis.RedisError, ValueError, OSError) as error:
        raise Unusable(f"REDIS_URL: cannot use the Redis at {where}: {_reason(error)}") from None


def _where(url: str, *, schemes: tuple[str, ...], name: str) -> str:
    """The address without its user and password."""
    form = f"{schemes[0]}://user:password@host:port/name"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Unusable(f"{name} is malformed: expected {form}") from None
    if parts.scheme not in schemes:
        raise Unusable(f"{name} is malformed: expected {form}")
    return f"{parts.hostname or 'the local socket'}{f':{port}' if port else ''}{parts.path}"


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
