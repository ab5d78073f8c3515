"""The product's settings on private test services; several test sessions may run at once."""

import fcntl
import os

os.environ["PROMPTER_TEST"] = "1"

from config import embedded
from config.embedded.place import find_place

SLOTS = 8
WORKERS = 6


def _take_slot() -> int:
    """The first number no other session holds: it names the databases. Workers of xdist inherit it."""
    inherited = os.environ.get("PROMPTER_TEST_SLOT")
    if inherited is not None:
        return int(inherited)
    for slot in range(SLOTS):
        fd = os.open(find_place().local / f"slot-{slot}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            continue
        # The lock is held through this descriptor for as long as the process lives.
        os.environ["PROMPTER_TEST_SLOT"] = str(slot)
        return slot
    raise RuntimeError(f"{SLOTS} test sessions are running already")


def _worker_number() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1").removeprefix("gw")) + 1


SLOT = _take_slot()
if not os.environ.get("PROMPTER_TEST_REDIS"):
    services = embedded.ensure(postgres=not os.environ.get("DATABASE_URL"), redis=not os.environ.get("REDIS_URL"))
    root = (os.environ.get("REDIS_URL") or services.redis_url).rpartition("/")[0]
    os.environ["PROMPTER_TEST_REDIS"] = root
number = SLOT * WORKERS + _worker_number() % WORKERS
os.environ["REDIS_URL"] = f"{os.environ['PROMPTER_TEST_REDIS']}/{number}"

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, MIDDLEWARE  # noqa: E402

DATABASES["default"]["TEST"]["NAME"] = f"test_prompter_{SLOT}"
# Raises on N+1 queries within any request of the test client.
MIDDLEWARE = ["zeal.middleware.zeal_middleware", *MIDDLEWARE]
ZEAL_ALLOWLIST = [
    {"model": "sessions.Session", "field": "get()"},  # signing out reads it to load and to delete it
    {"model": "account.EmailAddress", "field": "get()"},  # allauth's steps of signing in each look the address up
    {"model": "account.EmailAddress", "field": "user"},  # ... and a change of address removes each other one
]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
