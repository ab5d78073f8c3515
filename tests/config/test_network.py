"""No test reaches anything but this machine."""

import asyncio
import socket

import aiohttp
import pytest
from pytest_socket import SocketConnectBlockedError

ELSEWHERE = "192.0.2.1"  # reserved for documentation: RFC 5737

pytestmark = pytest.mark.filterwarnings("ignore:A test tried to use:UserWarning")


def test_a_plain_connection_elsewhere_is_refused() -> None:
    with pytest.raises(SocketConnectBlockedError):
        socket.create_connection((ELSEWHERE, 80), timeout=1)


async def test_an_http_client_is_refused_elsewhere() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises((SocketConnectBlockedError, aiohttp.ClientError)) as refused:
            await asyncio.wait_for(session.get(f"http://{ELSEWHERE}/"), timeout=5)
    assert "SocketConnectBlocked" in repr(refused.value) or "SocketConnectBlocked" in repr(refused.value.__cause__)
