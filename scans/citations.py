"""URLs that answers cite: one normal form, their domains, and whose they are."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import SplitResult, parse_qs, quote, urlsplit

from prompts.llm.types import Citation as CitedUrl
from scans.hosts import host_of, is_address, looks_like_host, registrable_domain

__all__ = [
    "BrandDomains",
    "CitationKind",
    "CleanCitation",
    "classify",
    "clean_citations",
    "host_of",
    "normalize_url",
    "registrable_domain",
]

MAX_URL = 4_000
MAX_TITLE = 300

_TRACKING = re.compile(
    r"(?:utm_\w+|gclid|gclsrc|gbraid|wbraid|dclid|fbclid|msclkid|yclid|twclid|ttclid|igshid|igsh|li_fat_id|epik|rdt_cid"
    r"|srsltid|mc_cid|mc_eid|mkt_tok|_hsenc|_hsmi|hsctatracking|vero_id|oly_anon_id|oly_enc_id|_ga|_gl|ref_src|ref_url"
    r"|cmpid|s_cid|wickedid|_openstat|pk_campaign|pk_kwd|mtm_\w+|piwik_\w+)",
    re.IGNORECASE,
)
_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_ESCAPE_OR_UNSAFE = re.compile(r"%([0-9A-Fa-f]{2})|([^A-Za-z0-9\-._~!$&'()*+,;=:@/?])")
_BARE_HOST = re.compile(r"[\w.-]+\.[a-z]{2,}(?:[/?#:]|$)", re.IGNORECASE)
# Host and path of addresses that only lead on to the one in a parameter.
_WRAPPERS = (
    (re.compile(r"(?:www\.)?google\.[a-z.]{2,6}/url"), ("q", "url")),
    (re.compile(r"(?:l|lm)\.facebook\.com/l\.php|l\.instagram\.com/"), ("u",)),
    (re.compile(r"(?:www\.)?youtube\.com/redirect"), ("q",)),
    (re.compile(r"(?:[a-z]+\.)?duckduckgo\.com/l/"), ("uddg",)),
    (re.compile(r"(?:www\.)?linkedin\.com/(?:redir/redirect|safety/go)/?"), ("url",)),
    (re.compile(r"(?:www\.)?bing\.com/ck/a"), ("u",)),
)
# Grounded answers of Gemini cite opaque redirects; the title is the host that they lead to.
_OPAQUE_HOST = "vertexaisearch.cloud.google.com"


class CitationKind(StrEnum):
    OWN = "own"
    COMPETITOR = "competitor"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandDomains:
    """A tracked brand's hosts; subdomains belong to it too."""

    brand_id: int
    domains: tuple[str, ...]
    is_own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanCitation:
    """One cited address of an answer. `normalized_url` is an identity to count by, `url` the address as cited; with an
    empty `domain` it is no web address at all and must not be made a link."""

    url: str
    normalized_url: str
    domain: str
    kind: CitationKind
    brand_id: int | None
    position: int
    title: str = ""
    cited: bool = True


def normalize_url(url: str) -> str:
    """The same string for addresses of the same page: https, no `www.`, default port, user, fragment, tracking
    parameter or trailing slash; sorted query; one percent-encoding; redirect wrappers of search engines and
    networks unwrapped. Empty for anything that is not a web address. Idempotent, never raises."""
    return _normalize(_bare(url), wrappers_left=3)


def _bare(url: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", "", url).strip().strip("<>").strip()[:MAX_URL]


def _normalize(url: str, *, wrappers_left: int) -> str:
    if _BARE_HOST.match(url):
        url = f"https://{url}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    host = host_of(url)
    if parts.scheme not in ("http", "https") or not host:
        return ""
    inner = _unwrapped(f"{host}{parts.path}", parts.query) if wrappers_left else ""
    if inner and (normal := _normalize(_bare(inner), wrappers_left=wrappers_left - 1)):
        return normal
    return _assembled(host, port, parts)


def _unwrapped(place: str, query: str) -> str:
    """The address inside a redirect wrapper, empty where this is none."""
    for pattern, names in _WRAPPERS:
        if not pattern.fullmatch(place):
            continue
        values = parse_qs(query)
        for name in names:
            inner = values.get(name, [""])[0]
            if inner.startswith("a1"):  # Bing: base64 without padding
                inner = _from_base64(inner[2:])
            if inner.lower().startswith(("http://", "https://")):
                return inner
    return ""


def _from_base64(coded: str) -> str:
    try:
        return base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4)).decode()
    except (binascii.Error, ValueError):
        return ""


def _assembled(host: str, port: int | None, parts: SplitResult) -> str:
    short = host.removeprefix("www.")
    host = short if "." in short and not is_address(short) else host
    authority = host if port in (None, 80, 443) else f"{host}:{port}"
    path = _without_dots(_percent(parts.path.replace("\\", "/"))).rstrip("/") or "/"
    pieces = sorted(_percent(piece) for piece in parts.query.split("&") if piece and not _is_tracking(piece))
    query = "?" + "&".join(pieces) if pieces else ""
    fragment = "#" + _percent(parts.fragment) if parts.fragment.startswith("!") else ""  # a page of an old script app
    whole = f"https://{authority}{path}{query}{fragment}"
    return whole if len(whole) <= MAX_URL else f"https://{authority}/"  # nobody's page: still their domain


def _is_tracking(piece: str) -> bool:
    return _TRACKING.fullmatch(piece.partition("=")[0]) is not None


def _percent(part: str) -> str:
    """Escapes in upper case, none for unreserved characters, one for everything that needs it."""
    return _ESCAPE_OR_UNSAFE.sub(_escaped, part)


def _escaped(found: re.Match[str]) -> str:
    if found[1] is None:
        return quote(found[2], safe="")
    character = chr(int(found[1], 16))
    return character if character in _UNRESERVED else f"%{found[1].upper()}"


def _without_dots(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    return "/" + "/".join(kept)


def classify(address: str, own_domains: Iterable[str], competitor_domains: Iterable[str]) -> CitationKind:
    """Whose this URL or host is. The longest matching domain decides, the own one where both state the same."""
    owners = _owners(
        [
            BrandDomains(brand_id=0, domains=tuple(own_domains), is_own=True),
            BrandDomains(brand_id=1, domains=tuple(competitor_domains)),
        ]
    )
    return _kind(_owner(host_of(address), owners))


def clean_citations(citations: Iterable[CitedUrl], brands: Iterable[BrandDomains]) -> list[CleanCitation]:
    """The citations of one answer, each page once at its first place, positions from 1 without gaps. What is no web
    address is kept as `other` with an empty domain, so that nothing an engine said is lost. Never raises."""
    owners = _owners(brands)
    found: dict[str, CleanCitation] = {}
    for citation in citations:
        normal = normalize_url(citation.url)
        identity = normal or _bare(citation.url)
        known = found.get(identity)
        if not identity:
            continue
        if known is None:
            found[identity] = _clean(citation, normal, position=len(found) + 1, owners=owners)
        elif (citation.cited and not known.cited) or (citation.title and not known.title):
            title = known.title or _title(citation.title)
            found[identity] = replace(known, cited=known.cited or citation.cited, title=title)
    return list(found.values())


def _clean(citation: CitedUrl, normal: str, *, position: int, owners: dict[str, BrandDomains]) -> CleanCitation:
    host = host_of(normal) if normal else ""
    title = _title(citation.title)
    if host == _OPAQUE_HOST and looks_like_host(title.lower()):
        host = host_of(title)
    owner = _owner(host, owners)
    return CleanCitation(
        url=_bare(citation.url),
        normalized_url=normal or _bare(citation.url),
        domain=registrable_domain(host),
        kind=_kind(owner),
        brand_id=owner.brand_id if owner else None,
        position=position,
        title=title,
        cited=citation.cited,
    )


def _title(title: str) -> str:
    return " ".join(re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", " ", title).split())[:MAX_TITLE]


def _owners(brands: Iterable[BrandDomains]) -> dict[str, BrandDomains]:
    owners: dict[str, BrandDomains] = {}
    for brand in sorted(brands, key=lambda brand: not brand.is_own):
        for domain in brand.domains:
            owners.setdefault(host_of(domain).removeprefix("www."), brand)
    owners.pop("", None)
    return owners


def _owner(host: str, owners: dict[str, BrandDomains]) -> BrandDomains | None:
    while host:
        if host in owners:
            return owners[host]
        host = host.partition(".")[2]
    return None


def _kind(owner: BrandDomains | None) -> CitationKind:
    if owner is None:
        return CitationKind.OTHER
    return CitationKind.OWN if owner.is_own else CitationKind.COMPETITOR
