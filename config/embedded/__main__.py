"""Command line of the embedded services: `python -m config.embedded start|stop|status|env|wipe`."""

import argparse
import shutil
import sys

from config import embedded
from config.embedded.place import find_place


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m config.embedded", description=__doc__)
    parser.add_argument("command", choices=["start", "stop", "status", "env", "wipe"])
    command = parser.parse_args(arguments).command
    try:
        return globals()[f"_{command}"]()
    except embedded.EmbeddedError as error:
        print(f"prompter: {error}", file=sys.stderr)
        return 1


def _start() -> int:
    embedded.keep(True)
    embedded.ensure()
    print("PostgreSQL and Valkey are running until `python -m config.embedded stop`")
    return 0


def _stop() -> int:
    embedded.stop()
    return 0


def _status() -> int:
    running = embedded.status()
    for name, is_running in running.items():
        print(f"{name:<10}{'running' if is_running else 'stopped'}")
    return 0 if all(running.values()) else 3


def _env() -> int:
    """Shell assignments, for tools that want the addresses themselves."""
    embedded.keep(True)
    services = embedded.ensure()
    print(f"export DATABASE_URL='{services.database_url}'\nexport REDIS_URL='{services.redis_url}'")
    return 0


def _wipe() -> int:
    place = find_place()
    embedded.stop()
    beside = place.postgres if place.postgres.parent == place.local else place.postgres.parent
    for folder in (beside, place.valkey, place.sockets):
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
