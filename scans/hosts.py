"""Host names: registrable domains from the bundled public suffix list, and whether a word in a text is a host."""

from __future__ import annotations

import ipaddress
import re
from functools import cache, lru_cache

import idna
from tldextract import TLDExtract

# The snapshot inside the package only: nothing is fetched and nothing is written. Names reserved for examples and for
# private networks count as suffixes, so that they classify as any other.
_extract = TLDExtract(
    suffix_list_urls=(),
    cache_dir=None,
    include_psl_private_domains=True,
    extra_suffixes=("example", "test", "invalid", "localhost", "local", "internal"),
)

_WORD = re.compile(r"[^\W_](?:[\w-]*[^\W_])?(?:\.[^\W_](?:[\w-]*[^\W_])?)+")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})*")
_AUTHORITY = re.compile(r"(?:(?:https?|ftp):)?//([^/?#\\]*)", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:(?!\d)", re.IGNORECASE)


@cache
def _top_level() -> frozenset[str]:
    return frozenset(suffix.rpartition(".")[2] for suffix in _extract.tlds)


def looks_like_host(word: str) -> bool:
    """Is this a host name by its form and its last label? `asp.net` is, `node.js`, `2.0` and `end.Next` are not."""
    last = word.rpartition(".")[2]
    if not (last.islower() or word.isupper()) or not _WORD.fullmatch(word):
        return False
    return last.lower() in _top_level() or last.lower().startswith("xn--")


@lru_cache(maxsize=50_000)
def host_of(address: str) -> str:
    """The host of a URL, or of a host with or without port and path: lower-case ASCII. Empty where there is none."""
    address = address.strip()
    found = _AUTHORITY.match(address)
    if found is None and _SCHEME.match(address):
        return ""  # mailto:, javascript:, data:
    authority = found[1] if found else re.split(r"[/?#\\]", address, maxsplit=1)[0]
    host = authority.rpartition("@")[2]
    if host.startswith("["):
        host = host[1:].partition("]")[0]
        return f"[{host.lower()}]" if is_address(host) else ""
    try:
        host = to_ascii(re.sub(r":\d*$", "", host))
    except UnicodeError:
        return ""
    return host if _HOST.fullmatch(host) else ""


def to_ascii(host: str) -> str:
    """Lower case, labels in punycode where they need it, no final dot. UnicodeError for what cannot be a host."""
    host = host.rstrip(".").lower()
    return host if host.isascii() else idna.encode(host, uts46=True).decode("ascii")


def to_unicode(host: str) -> str:
    """The host as people write it; unchanged where its punycode is broken."""
    try:
        return idna.decode(host) if "xn--" in host else host
    except UnicodeError:
        return host


@lru_cache(maxsize=50_000)
def registrable_domain(address: str) -> str:
    """`docs.lumenboard.co.uk` -> `lumenboard.co.uk`, from a host or a URL. An IP address or a host without a public
    suffix is its own domain; empty where there is no host at all. Never raises."""
    host = host_of(address)
    if not host or is_address(host.strip("[]")):
        return host
    return _extract.extract_str(host).top_domain_under_public_suffix or host


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def covers(domain: str, host: str) -> bool:
    """Is `host` this domain or a subdomain of it? Both lower-case ASCII. `notlumenboard.example` is not."""
    return bool(domain) and (host == domain or host.endswith("." + domain))
