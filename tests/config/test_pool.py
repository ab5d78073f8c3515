"""A worker whose child is dying while it reconnects to Redis goes on."""

import os
from types import SimpleNamespace

from celery.concurrency import get_implementation
from kombu.asynchronous import Hub

from config.celery import app
from config.pool import Pool


def test_workers_use_it() -> None:
    assert get_implementation(app.conf.worker_pool).Pool is Pool


def test_a_child_whose_end_was_noticed_is_not_watched_again() -> None:
    pool, hub = object.__new__(Pool), Hub()
    reading, writing = os.pipe()
    try:
        child = SimpleNamespace(_popen=SimpleNamespace(sentinel=reading))
        pool._track_child_process(child, hub)
        assert list(hub.readers) == [child._sentinel_poll]
        pool._untrack_child_process(child, hub)  # which is what its end does
        pool._track_child_process(child, hub)
        assert not hub.readers
    finally:
        hub.close()
        os.close(reading)
        os.close(writing)
