"""The fault proxy itself: it forwards faithfully, and fails exactly as it was told."""

import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest

from tests.chaos.proxy import Proxy


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while piece := self.request.recv(1024):
            self.request.sendall(piece.upper())


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        with Proxy(server.server_address).serving() as proxy:
            yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=10)


def said(client: socket.socket, text: bytes) -> bytes:
    client.sendall(text)
    return client.recv(1024)


def test_it_forwards_both_ways(proxy: Proxy) -> None:
    with connected(proxy) as client:
        assert said(client, b"hello") == b"HELLO"
        assert said(client, b"again") == b"AGAIN"
        assert (proxy.open, proxy.connections) == (1, 1)


def test_cutting_resets_what_is_open_and_takes_new_connections(proxy: Proxy) -> None:
    with connected(proxy) as client:
        assert said(client, b"hello") == b"HELLO"
        assert proxy.cut() == 1
        with pytest.raises(ConnectionError):
            said(client, b"x")
    with connected(proxy) as client:
        assert said(client, b"hello") == b"HELLO"


def test_refusing_lets_nobody_in_until_it_is_healed(proxy: Proxy) -> None:
    proxy.refuse()
    with pytest.raises(ConnectionError), connected(proxy) as client:
        said(client, b"hello")
    proxy.heal()
    with connected(proxy) as client:
        assert said(client, b"hello") == b"HELLO"


def test_hanging_keeps_what_was_said_until_it_is_healed(proxy: Proxy) -> None:
    with connected(proxy) as client:
        assert said(client, b"hello") == b"HELLO"
        proxy.hang()
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            said(client, b"late")
        client.settimeout(10)
        proxy.heal()
        assert client.recv(1024) == b"LATE"


def test_a_half_closed_connection_ends_without_its_answer(proxy: Proxy) -> None:
    with connected(proxy) as client:
        proxy.half_close()
        assert said(client, b"hello") == b""


def test_a_delay_keeps_the_order(proxy: Proxy) -> None:
    proxy.delay(0.01)
    with connected(proxy) as client:
        assert [said(client, text) for text in (b"one", b"two", b"three")] == [b"ONE", b"TWO", b"THREE"]
