"""The one way to an address that somebody gave us: pinned to a checked public address, small, soon over."""

from __future__ import annotations

import asyncio
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import Message
from functools import cache, partial
from ipaddress import ip_address

import httpx
from django.conf import settings
from django.utils.translation import gettext_noop
from httpx_secure import SSRFProtectionError, httpx_ssrf_protection

from orgs.addresses import IPAddress, is_public, literal, looks_numeric
from orgs.telling import Explained

USER_AGENT = "PrompterBot/1.0 (fetches a page once, when somebody asks for it)"
HTML = ("text/html", "application/xhtml+xml")
MAX_URL = 2_048
MAX_HOPS = 5
_TRIED_ADDRESSES = 3
_PATIENCE = httpx.Timeout(None, connect=4.0)  # the whole fetch has a limit of its own
_DEFAULT_PORTS = {"http": 80, "https": 443}
_REDIRECTS = (301, 302, 303, 307, 308)

_ANSWER = 1_024  # bytes of an answer to a POST that are read

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class CannotFetch(Explained):
    """`kind` is one of address, port, internal, unknown_host, unreachable, status, type, size, time, redirects,
    encoding."""

    def __init__(self, sentence: str, *, kind: str, **values: str | int) -> None:
        super().__init__(sentence, **values)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`types` are content types (`image/`: every image); bytes are counted unpacked; seconds are for everything."""

    types: tuple[str, ...] = HTML
    size: int = 2_000_000
    seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """`url` is where the redirects ended; `charset` what the header said, or empty."""

    url: str
    content_type: str
    charset: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What is posted, with headers of its own."""

    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Any status, redirects too; `text` is the beginning of what came with it."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a connection goes: checked addresses and a port, whatever the name says later."""

    addresses: tuple[IPAddress, ...]
    port: int
    private: bool = False


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """In a thread of its own: the system's look-up cannot be broken off, and a loop that ends waits for its own."""
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="names")
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = await asyncio.get_running_loop().run_in_executor(thread, look_up)
    finally:
        thread.shutdown(wait=False)
    return [str(address[0]) for *_, address in found]


async def fetch(url: str, *, limits: Limits | None = None, resolve: Resolve = system_resolver) -> Fetched:
    """GET one page, following at most five redirects, each checked like the first. Raises `CannotFetch`."""
    limits = limits or Limits()
    try:
        async with asyncio.timeout(limits.seconds):
            return await _follow(url, limits, resolve)
    except TimeoutError:
        raise CannotFetch(gettext_noop("The site took too long to answer."), kind="time") from None


def fetch_now(url: str, *, limits: Limits | None = None, resolve: Resolve = system_resolver) -> Fetched:
    """`fetch`, for code without an event loop."""
    return asyncio.run(fetch(url, limits=limits, resolve=resolve))


async def post(url: str, sent: Sent, *, seconds: float, resolve: Resolve = system_resolver) -> Answered:
    """POST once, to a checked address; redirects are not followed. `seconds` are for everything. Raises
    `CannotFetch` where there is no answer."""
    try:
        async with asyncio.timeout(seconds):
            here = checked_url(url)
            place = await place_of(here, resolve)
            async with _answer(here, place, sent) as response:
                return Answered(status=response.status_code, headers=response.headers, text=await _beginning(response))
    except TimeoutError:
        raise CannotFetch(gettext_noop("The site took too long to answer."), kind="time") from None


async def _beginning(response: httpx.Response) -> str:
    taken = b""
    async for piece in response.aiter_raw(_ANSWER):
        taken += piece
        if len(taken) >= _ANSWER:
            break
    return taken[:_ANSWER].decode("utf-8", "replace").replace("\x00", "\ufffd")


async def _follow(url: str, limits: Limits, resolve: Resolve) -> Fetched:
    here = checked_url(url)
    for _hop in range(MAX_HOPS + 1):
        place = await place_of(here, resolve)
        async with _answer(here, place) as response:
            if response.status_code not in _REDIRECTS:
                return await _taken(here, response, limits)
            here = _next(here, response)
    raise CannotFetch(gettext_noop("The site redirects too often."), kind="redirects")


def checked_url(url: str) -> httpx.URL:
    """The address, if it is one that may be fetched at all. Raises `CannotFetch`."""
    wrong = CannotFetch(gettext_noop("This is not a web address. Write it as https://example.com."), kind="address")
    if len(url) > MAX_URL or any(character.isspace() or ord(character) < 33 or character == "\\" for character in url):
        raise wrong
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        raise wrong from None
    if parsed.scheme not in _DEFAULT_PORTS or not parsed.host or "%" in parsed.host:
        raise wrong
    if parsed.userinfo:
        raise CannotFetch(gettext_noop("The address must not contain a user name or password."), kind="address")
    return parsed


async def place_of(url: httpx.URL, resolve: Resolve = system_resolver) -> Place:
    """The checked addresses behind a URL. Raises `CannotFetch`, also where a single one of them is internal."""
    host = url.raw_host.decode("ascii").rstrip(".").lower()
    port = url.port or _DEFAULT_PORTS[url.scheme]
    if allowed := _allowed(host, port):
        return allowed
    if port not in settings.OUTBOUND_PORTS:
        raise CannotFetch(
            gettext_noop("Only the usual web ports can be fetched, not %(port)s."), kind="port", port=port
        )
    addresses = await _addresses(host, port, resolve)
    if not all(is_public(address) for address in addresses):
        raise _internal()
    return Place(addresses=tuple(dict.fromkeys(addresses))[:_TRIED_ADDRESSES], port=port)


async def _addresses(host: str, port: int, resolve: Resolve) -> list[IPAddress]:
    if written := literal(host):
        return [written]
    if looks_numeric(host):
        raise _internal()
    try:
        found = [ip_address(address) for address in await resolve(host, port)]
    except (OSError, UnicodeError, ValueError):
        found = []
    if not found:
        raise CannotFetch(gettext_noop("There is no site called %(host)s."), kind="unknown_host", host=host[:100])
    return found


def _allowed(host: str, port: int) -> Place | None:
    """A loopback site that the operator named in OUTBOUND_ALLOW_PRIVATE, for demos and tests."""
    target = settings.OUTBOUND_ALLOW_PRIVATE.get(f"{host}:{port}")
    if target is None:
        return None
    address, _colon, target_port = target.rpartition(":")
    return Place(addresses=(ip_address(address),), port=int(target_port), private=True)


def _internal() -> CannotFetch:
    return CannotFetch(
        gettext_noop("This address is not on the public internet, so it is not fetched."), kind="internal"
    )


@asynccontextmanager
async def _answer(url: httpx.URL, place: Place, sent: Sent | None = None) -> AsyncIterator[httpx.Response]:
    """The beginning of the answer, from the first of the checked addresses that takes a connection."""
    for address in place.addresses:
        async with _client(address, place) as client:
            try:
                response = await client.send(_request(client, url, address, place, sent), stream=True)
            except SSRFProtectionError:
                raise _internal() from None
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
            except (httpx.HTTPError, ssl.SSLError):
                raise _unreachable(url) from None
            try:
                yield response
            except httpx.HTTPError:
                raise _unreachable(url) from None
            finally:
                await response.aclose()
            return
    raise _unreachable(url)


def _unreachable(url: httpx.URL) -> CannotFetch:
    return CannotFetch(gettext_noop("%(host)s could not be reached."), kind="unreachable", host=url.host[:100])


def _client(address: IPAddress, place: Place) -> httpx.AsyncClient:
    """Connects to this one address and port only: no proxy, no cookies, no second connection elsewhere."""
    client = httpx.AsyncClient(trust_env=False, verify=_trusted(), follow_redirects=False, timeout=_PATIENCE)
    return httpx_ssrf_protection(
        client,
        check_globally_reachable=not place.private,
        custom_validator=lambda host, ip, port: (ip, port) == (address, place.port),
    )


def _request(
    client: httpx.AsyncClient, url: httpx.URL, address: IPAddress, place: Place, sent: Sent | None
) -> httpx.Request:
    """To the address, in the name of the host: certificates are checked against the name."""
    own = {"Host": url.netloc.decode("ascii"), "Accept": "*/*", "Connection": "close"}
    there = url.copy_with(host=str(address), port=place.port, fragment=None)
    named = {"sni_hostname": url.raw_host.decode()}
    if sent is None:
        headers = {**own, "User-Agent": USER_AGENT, "Accept-Encoding": "gzip"}
        return client.build_request("GET", there, headers=headers, extensions=named)
    headers = {**sent.headers, **own, "Accept-Encoding": "identity"}
    return client.build_request("POST", there, headers=headers, content=sent.body, extensions=named)


@cache
def _trusted() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


def _next(here: httpx.URL, response: httpx.Response) -> httpx.URL:
    try:
        return checked_url(str(here.join(response.headers.get("location", ""))))
    except (httpx.InvalidURL, UnicodeError):
        raise CannotFetch(gettext_noop("The site redirects to an address that is none."), kind="redirects") from None


async def _taken(url: httpx.URL, response: httpx.Response, limits: Limits) -> Fetched:
    if response.status_code != 200:
        sentence = gettext_noop("The site answered with status %(status)s.")
        raise CannotFetch(sentence, kind="status", status=response.status_code)
    header = Message()
    header["Content-Type"] = response.headers.get("content-type", "")
    content_type = header.get_content_type()
    if not any(
        content_type == wanted or (wanted[-1] == "/" and content_type.startswith(wanted)) for wanted in limits.types
    ):
        raise CannotFetch(
            gettext_noop("The address leads to something else than expected (%(type)s)."),
            kind="type",
            type=content_type[:60],
        )
    body = await _body(response, limits)
    charset = header.get_content_charset() or ""
    return Fetched(url=str(url), content_type=content_type, charset=charset, body=body)


async def _body(response: httpx.Response, limits: Limits) -> bytes:
    """Unpacked piece by piece, so that a few bytes never become gigabytes."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", "deflate", ""):
        raise CannotFetch(gettext_noop("The site packs its answer in a way that was not asked for."), kind="encoding")
    unpack = zlib.decompressobj(wbits=47) if "gzip" in encoding or encoding == "deflate" else None
    parts: list[bytes] = []
    room = limits.size
    async for piece in response.aiter_raw():
        part = _unpacked(unpack, piece, room + 1) if unpack else piece
        room -= len(part)
        if room < 0:
            raise CannotFetch(gettext_noop("The page is too large to be read."), kind="size")
        parts.append(part)
    return b"".join(parts)


def _unpacked(unpack: zlib._Decompress, piece: bytes, room: int) -> bytes:
    try:
        return unpack.decompress(piece, room)
    except zlib.error:
        raise CannotFetch(gettext_noop("The site's answer is damaged."), kind="encoding") from None
