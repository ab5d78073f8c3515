"""Fetching what strangers name: the world, never the inside, never too much or for too long."""

import asyncio
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment
from orgs.addresses import is_public
from orgs.outbound import CannotFetch, Limits, checked_url, fetch, fetch_now, place_of
from tests.orgs.outside import PAGE, Site
from tests.server import serve_in_thread

# The same inside, written in every way that some resolver or browser understands.
INSIDE = [
    "http://127.0.0.1/",
    "http://127.0.0.1:443/",
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://017700000001/",
    "http://127.0.0.1./",
    "http://127\u30020\u30020\u30021/",
    "http://0.0.0.0/",
    "http://0/",
    "http://localhost/",
    "http://LOCALHOST./",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:7f00:1::]/",
    "http://[fe80::1]/",
    "http://[fc00::1]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
]
NOT_FETCHED = [
    "",
    "example.com",
    "//example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "javascript:alert(1)",
    "http://",
    "http:///etc/passwd",
    "http://user@example.com/",
    "http://user:secret@example.com/",
    "http://example.com\\@127.0.0.1/",
    "http://example.com\r\nHost: inside/",
    "http://exa mple.com/",
    "http://ex%61mple.com/",
    "http://0177.0.0.1/",
    "http://[fe80::1%25eth0]/",
    "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/",
    "http://[::1/",
    "http://" + "a" * 3_000 + ".example/",
]


def answers(*addresses: str) -> Any:
    """A resolver that knows one answer."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def root(site: Site, settings: Any) -> Iterator[str]:
    """Served where the settings allow it, as the site of a company."""
    with serve_in_thread(site) as url:
        settings.OUTBOUND_ALLOW_PRIVATE = {"lumen.example:80": urlsplit(url).netloc}
        yield "http://lumen.example"


@pytest.mark.parametrize("url", INSIDE)
def test_no_spelling_reaches_the_inside(url: str) -> None:
    with pytest.raises(CannotFetch) as caught:
        fetch_now(url)
    assert caught.value.kind == "internal"
    assert "public internet" in caught.value.message


@pytest.mark.parametrize("url", NOT_FETCHED)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(CannotFetch) as caught:
        fetch_now(url)
    assert caught.value.kind == "address"


@pytest.mark.parametrize("port", [22, 25, 6379, 8080])
def test_other_ports_are_refused(port: int) -> None:
    with pytest.raises(CannotFetch, match=str(port)) as caught:
        fetch_now(f"http://example.com:{port}/", resolve=answers("93.184.215.14"))
    assert caught.value.kind == "port"


@pytest.mark.parametrize(
    "inside", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "64:ff9b::a00:1", "::ffff:10.0.0.1"]
)
def test_a_name_of_an_internal_address_is_refused(inside: str) -> None:
    with pytest.raises(CannotFetch) as caught:
        fetch_now("https://intranet.example/", resolve=answers(inside))
    assert caught.value.kind == "internal"


def test_one_internal_address_among_public_ones_is_enough() -> None:
    with pytest.raises(CannotFetch) as caught:
        fetch_now("https://mixed.example/", resolve=answers("93.184.215.14", "127.0.0.1"))
    assert caught.value.kind == "internal"


async def test_a_name_is_looked_up_once_and_what_was_checked_is_what_is_connected_to() -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["93.184.215.14"] if len(asked) == 1 else ["127.0.0.1"]

    place = await place_of(checked_url("https://rebind.example/"), rebinding)
    assert [str(address) for address in place.addresses] == ["93.184.215.14"]
    assert (place.port, place.private) == (443, False)
    assert asked == ["rebind.example"]


def test_a_connection_that_would_go_elsewhere_is_refused_at_the_socket(site: Site) -> None:
    """The checked place is public; were its address swapped for an inside one, the connection itself is refused."""
    with serve_in_thread(site) as url, pytest.raises(CannotFetch) as caught:
        asyncio.run(_connect_swapped(int(urlsplit(url).port or 0)))
    assert caught.value.kind == "internal"
    assert site.seen == []


async def _connect_swapped(port: int) -> None:
    from orgs.outbound import Place, _answer

    async with _answer(checked_url("http://rebind.example/"), Place(addresses=(ip_address("127.0.0.1"),), port=port)):
        raise AssertionError("connected")


def test_a_page_is_fetched_without_anything_of_ours(site: Site, root: str) -> None:
    fetched = fetch_now(f"{root}/page")
    assert (fetched.body, fetched.content_type, fetched.charset) == (PAGE, "text/html", "utf-8")
    assert fetched.url == f"{root}/page"
    (asked,) = site.seen
    assert asked["host"] == "lumen.example"
    assert asked["user-agent"].startswith("PrompterBot/")
    assert {"cookie", "authorization", "referer"}.isdisjoint(asked)


def test_a_redirect_is_followed_without_the_cookies_of_the_first_answer(site: Site, root: str) -> None:
    assert fetch_now(f"{root}/home").url == f"{root}/page"
    assert len(site.seen) == 2
    assert all("cookie" not in headers for headers in site.seen)


@pytest.mark.parametrize(
    ("elsewhere", "kind"),
    [
        ("http://127.0.0.1/", "internal"),
        ("http://169.254.169.254/latest/meta-data/", "internal"),
        ("//0x7f.1/", "internal"),
        ("http://[::ffff:127.0.0.1]/", "internal"),
        ("http://lumen.example:6379/", "port"),
        ("http://user:secret@lumen.example/", "address"),
        ("file:///etc/passwd", "address"),
        ("gopher://127.0.0.1/", "address"),
    ],
)
def test_a_redirect_to_the_inside_is_refused_like_a_first_address(
    site: Site, root: str, elsewhere: str, kind: str
) -> None:
    site.elsewhere = elsewhere
    with pytest.raises(CannotFetch) as caught:
        fetch_now(f"{root}/inside")
    assert caught.value.kind == kind
    assert len(site.seen) == 1


def test_redirects_end_after_five(site: Site, root: str) -> None:
    with pytest.raises(CannotFetch, match="redirects too often"):
        fetch_now(f"{root}/round-and-round")
    assert len(site.seen) == 6


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("missing", "status"),
        ("program", "type"),
        ("damaged", "encoding"),
        ("oddly-packed", "encoding"),
        ("endless", "size"),
        ("bomb", "size"),
    ],
)
def test_an_answer_that_is_not_a_page_is_refused_with_a_reason(site: Site, root: str, path: str, kind: str) -> None:
    with pytest.raises(CannotFetch) as caught:
        fetch_now(f"{root}/{path}", limits=Limits(size=500_000, seconds=60))
    assert caught.value.kind == kind
    assert caught.value.message.endswith(".") or kind == "type"


@pytest.mark.parametrize("path", ["trickle", "silence"])
def test_a_site_that_keeps_us_waiting_is_left(site: Site, root: str, path: str) -> None:
    with pytest.raises(CannotFetch, match="too long") as caught:
        fetch_now(f"{root}/{path}", limits=Limits(seconds=0.4))
    assert caught.value.kind == "time"


def test_a_packed_page_is_unpacked(site: Site, root: str) -> None:
    assert fetch_now(f"{root}/packed").body == PAGE


def test_a_site_that_is_down_could_not_be_reached(settings: Any) -> None:
    with serve_in_thread(Site()) as url:
        settings.OUTBOUND_ALLOW_PRIVATE = {"down.example:80": urlsplit(url).netloc}
    with pytest.raises(CannotFetch, match=r"down\.example could not be reached"):
        fetch_now("http://down.example/")


def test_a_name_that_nobody_has_is_said_to_be_unknown() -> None:
    with pytest.raises(CannotFetch, match=r"no site called nobody\.example"):
        fetch_now("https://nobody.example/", resolve=answers())


def test_an_encrypted_page_needs_a_certificate_for_its_name(site: Site, settings: Any) -> None:
    with serve_in_thread(site) as url:
        settings.OUTBOUND_ALLOW_PRIVATE = {"lumen.example:443": urlsplit(url).netloc}
        with pytest.raises(CannotFetch, match="could not be reached"):
            fetch_now("https://lumen.example/")


async def test_it_works_inside_a_running_loop(root: str) -> None:
    assert (await fetch(f"{root}/page")).body == PAGE


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_the_world_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("given", ["192.168.0.1:80", "lumen.example=10.0.0.1:80", "lumen.example", "127.0.0.1"])
def test_only_loopback_sites_can_be_allowed(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTBOUND_ALLOW_PRIVATE", given)
    with pytest.raises(ImproperlyConfigured, match="loopback"):
        environment.loopback_sites("OUTBOUND_ALLOW_PRIVATE")


def test_allowed_sites_are_named_with_their_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTBOUND_ALLOW_PRIVATE", "Lumen.example=127.0.0.1:8500, 127.0.0.1:8600")
    assert environment.loopback_sites("OUTBOUND_ALLOW_PRIVATE") == {
        "lumen.example:80": "127.0.0.1:8500",
        "127.0.0.1:8600": "127.0.0.1:8600",
    }


def test_ports_are_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTBOUND_PORTS", "80,http")
    with pytest.raises(ImproperlyConfigured, match="port numbers"):
        environment.ports("OUTBOUND_PORTS", default="80,443")
