"""One port: pages through WSGI threads, streams through ASGI."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from config.asgi import STREAM_MIDDLEWARE, Dispatcher, StreamHandler, pages
from config.threads import ThreadedPages
from tests.config import probe_urls
from tests.server import serve_in_thread


@pytest.fixture
def site(settings: Any) -> Iterator[tuple[str, int]]:
    settings.ROOT_URLCONF = "tests.config.probe_urls"
    with serve_in_thread(Dispatcher(pages=ThreadedPages(pages, threads=2), streams=StreamHandler())) as url:
        parts = urlsplit(url)
        yield parts.hostname, parts.port


def ask(site: tuple[str, int], path: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> Any:
    connection = http.client.HTTPConnection(*site, timeout=30)
    try:
        names = {name.replace("-", "_") if name == "raw" else name: value for name, value in headers.items()}
        connection.request(method, path, body=body, headers=names)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def told(site: tuple[str, int], path: str, **options: Any) -> dict[str, Any]:
    response, body = ask(site, path, **options)
    assert response.status == 200, body
    return json.loads(body)


def raw(site: tuple[str, int], request: bytes) -> bytes:
    with socket.create_connection(site, timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer


def test_a_page_runs_as_wsgi_in_a_thread_of_the_pool(site: tuple[str, int]) -> None:
    answer = told(site, "/page?q=1")
    assert answer["handler"] == "WSGIRequest"
    assert answer["thread"].startswith("WSGI")
    assert answer["htmx"]


def test_a_stream_path_runs_as_asgi_under_the_short_middleware_list(site: tuple[str, int]) -> None:
    answer = told(site, "/stream/probe")
    assert answer["handler"] == "ASGIRequest"
    assert answer["session"]
    assert not answer["htmx"]


def test_every_stream_middleware_is_one_of_the_sites() -> None:
    assert [name for name in settings.MIDDLEWARE if name in STREAM_MIDDLEWARE] == list(STREAM_MIDDLEWARE)


def test_head_is_answered_without_a_body(site: tuple[str, int]) -> None:
    response, body = ask(site, "/page", method="HEAD")
    assert response.status == 200
    assert body == b""
    assert int(response.headers["Content-Length"]) > 0


def test_a_large_body_arrives_whole(site: tuple[str, int]) -> None:
    assert told(site, "/page", method="POST", body=b"y" * 5_000_000)["received"] == 5_000_000


def test_a_large_answer_arrives_whole(site: tuple[str, int]) -> None:
    assert len(ask(site, "/big")[1]) == 8_000_000


def test_a_streamed_page_arrives_in_order_and_whole(site: tuple[str, int]) -> None:
    assert ask(site, "/parts")[1] == b"".join(f"part {number};".encode() for number in range(1000))


def test_static_files_are_streamed_by_the_same_pages(site: tuple[str, int]) -> None:
    response, body = ask(site, "/static/app.js")
    assert response.status == 200
    assert len(body) == int(response.headers["Content-Length"])


def test_a_header_with_an_underscore_cannot_pose_as_the_proxys(site: tuple[str, int]) -> None:
    assert told(site, "/page", X_Forwarded_Proto="https")["secure"] == ""
    assert told(site, "/page", **{"X-Forwarded-Proto": "https"})["secure"] == "https"


def test_addresses_in_other_scripts_work_encoded_and_raw(site: tuple[str, int]) -> None:
    assert told(site, "/page/b%C3%A4ume/?q=%C3%A9")["query"] == "é"
    head = b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = raw(site, b"GET /page?q=\xc3\xa9" + head)
    assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 400")), answer[:200]


UNENDED = b"Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"


@pytest.mark.parametrize("head", [b"Host: localhost\r\n\r\n", UNENDED], ids=["without a body", "with a body"])
def test_a_reader_who_leaves_ends_the_stream_and_nothing_else(site: tuple[str, int], head: bytes) -> None:
    probe_urls.left.clear()
    with socket.create_connection(site, timeout=30) as connection:
        connection.sendall(b"GET /stream/ticks HTTP/1.1\r\n" + head)
        received = b""
        while b"data: tick" not in received:
            received += connection.recv(65536)
    deadline = time.monotonic() + 20
    while not probe_urls.left and time.monotonic() < deadline:
        time.sleep(0.02)
    assert probe_urls.left == ["reader"]
    assert told(site, "/page")["method"] == "GET"


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "OPTIONS"])
def test_a_stream_is_only_read_and_its_body_is_waited_for_by_nobody(site: tuple[str, int], method: str) -> None:
    answer = raw(site, f"{method} /stream/probe HTTP/1.1\r\n".encode() + UNENDED)
    assert answer.startswith(b"HTTP/1.1 405"), answer[:200]
    assert b"allow: GET" in answer


def test_readers_who_leave_in_the_middle_of_a_page_free_its_thread(site: tuple[str, int]) -> None:
    for _ in range(6):
        with socket.create_connection(site, timeout=30) as connection:
            connection.sendall(b"GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n")
            connection.recv(10)
    assert told(site, "/page")["method"] == "GET"


def test_senders_who_leave_in_the_middle_of_a_body_free_its_thread(site: tuple[str, int]) -> None:
    for _ in range(6):
        with socket.create_connection(site, timeout=30) as connection:
            connection.sendall(b"POST /page HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nstart")
    assert told(site, "/page")["method"] == "GET"


FORM = b"Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n"


@pytest.mark.parametrize("end", [b"0\r\n\r\n", b""], ids=["whole", "still coming"])
def test_a_body_without_a_length_is_refused_instead_of_read_as_empty(site: tuple[str, int], end: bytes) -> None:
    answer = raw(site, b"POST /page HTTP/1.1\r\n" + FORM + UNENDED + end)
    assert answer.startswith(b"HTTP/1.1 411"), answer[:200]
    assert b"how long it is" in answer
    assert told(site, "/page", method="POST", body=b"hello")["received"] == 5


def test_a_websocket_is_declined(site: tuple[str, int]) -> None:
    key = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGVzdA==\r\n"
    answer = raw(site, b"GET /page HTTP/1.1\r\nHost: localhost\r\n" + key + b"Connection: close\r\n\r\n")
    assert not answer.startswith(b"HTTP/1.1 101")


def test_the_process_is_alive_without_its_services(site: tuple[str, int], settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response, body = ask(site, "/healthz")
    assert (response.status, body) == (200, b"ok\n")


@pytest.mark.django_db(transaction=True)
def test_probes_are_answered_under_any_host_name_and_pages_are_not(site: tuple[str, int], settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["prompter.example.com"]
    assert ask(site, "/healthz")[0].status == 200
    assert told(site, "/readyz")["ready"]
    assert ask(site, "/page")[0].status == 400


@pytest.mark.django_db(transaction=True)
def test_readiness_names_what_does_not_answer_and_never_why(site: tuple[str, int], settings: Any) -> None:
    assert told(site, "/readyz") == {"ready": True, "database": "ok", "redis": "ok"}
    settings.REDIS_URL = "redis://:secret-word@127.0.0.1:1/0"
    response, body = ask(site, "/readyz")
    assert response.status == 503
    assert json.loads(body) == {"ready": False, "database": "ok", "redis": "unreachable"}
    assert b"secret-word" not in body
