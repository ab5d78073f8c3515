"""The running product on the test database: the dispatcher in a thread, and a real Celery worker beside it."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.wsgi import get_wsgi_application
from django.db import connection

from config.asgi import Dispatcher, StreamHandler
from config.embedded.place import BASE_DIR
from config.threads import ThreadedPages
from tests.server import serve_in_thread

PATIENCE = 150.0


@contextmanager
def serve_site() -> Iterator[str]:
    pages = ThreadedPages(StaticFilesHandler(get_wsgi_application()), threads=4)
    with serve_in_thread(Dispatcher(pages=pages, streams=StreamHandler())) as url:
        # The session cookie and the site's address agree on this name.
        yield url.replace("127.0.0.1", "localhost")


@dataclass(kw_only=True)
class Worker:
    """A Celery worker with its beat, as `Procfile` runs them, in a process group of its own."""

    process: "subprocess.Popen[bytes]"
    log: IO[bytes]

    def output(self) -> str:
        return Path(self.log.name).read_text(encoding="utf-8", errors="replace")

    def wait_until_ready(self) -> None:
        self.wait_for(lambda: " ready." in self.output(), what="the worker to be ready")

    def wait_for(self, happened: Callable[[], bool], *, what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not happened():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"waited in vain for {what}:\n{self.output()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """As the kernel does when memory ends: no goodbye."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def run_worker(*, concurrency: int = 2) -> Iterator[Worker]:
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "--beat", "--queues", "default,scans"]
    command += ["--concurrency", str(concurrency), "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
    with tempfile.NamedTemporaryFile(prefix="prompter-worker-", suffix=".log") as log:
        process = subprocess.Popen(
            command, cwd=BASE_DIR, env=worker_environment(), stdout=log, stderr=log, start_new_session=True
        )
        worker = Worker(process=process, log=log)
        try:
            worker.wait_until_ready()
            yield worker
        finally:
            worker.stop()


def worker_environment() -> dict[str, str]:
    """The addresses of this test session, for a process that reads the product's own settings."""
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PROMPTER_TEST": "1",
        "DATABASE_URL": _test_database_url(),
        "DATABASE_POOL": "true",
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "SITE_URL": settings.SITE_URL,
        "SIMULATOR_URL": settings.SIMULATOR_URL,
    }


def _test_database_url() -> str:
    given = connection.settings_dict
    host = given["HOST"] or given["OPTIONS"].get("host", "")
    password = f":{quote(given['PASSWORD'], safe='')}" if given["PASSWORD"] else ""
    port = f"&port={given['PORT']}" if given["PORT"] else ""
    return f"postgresql://{given['USER']}{password}@/{given['NAME']}?host={quote(host)}{port}"
