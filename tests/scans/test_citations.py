"""Cited addresses: one form per page, their domains, whose they are; malformed ones are kept and never raise."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.llm.types import Citation
from scans.citations import (
    BrandDomains,
    CitationKind,
    classify,
    clean_citations,
    host_of,
    normalize_url,
    registrable_domain,
)

BRANDS = (
    BrandDomains(brand_id=1, domains=("lumenboard.example", "https://www.lumen.example/de"), is_own=True),
    BrandDomains(brand_id=2, domains=("taskwell.example", "blog.lumenboard.example")),
)


def clean(*urls: str):
    return clean_citations([Citation(url=url) for url in urls], BRANDS)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://WWW.Reviews.Example:80/Best", "https://reviews.example/Best"),
        ("https://reviews.example:443", "https://reviews.example/"),
        ("https://reviews.example:8443/a", "https://reviews.example:8443/a"),
        ("https://reviews.example./a/", "https://reviews.example/a"),
        ("https://user:pw@reviews.example/a", "https://reviews.example/a"),
        ("https://reviews.example/a#:~:text=best", "https://reviews.example/a"),
        ("https://reviews.example/#!/page", "https://reviews.example/#!/page"),
        (
            "https://reviews.example/a?utm_source=openai&gclid=1&b=2&a=1&UTM_Medium=x",
            "https://reviews.example/a?a=1&b=2",
        ),
        ("https://reviews.example/?utm_source=openai", "https://reviews.example/"),
        ("https://reviews.example/a/./b/../c//d", "https://reviews.example/a/c/d"),
        ("https://reviews.example/%7euser/%c3%bc", "https://reviews.example/~user/%C3%BC"),
        ("https://reviews.example/~user/ü", "https://reviews.example/~user/%C3%BC"),
        ("https://reviews.example/100%", "https://reviews.example/100%25"),
        ("https://reviews.example/a b", "https://reviews.example/a%20b"),
        ("https://Bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://straße.example/", "https://xn--strae-oqa.example/"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example/"),
        ("reviews.example/a", "https://reviews.example/a"),
        (" <https://reviews.example/a> ", "https://reviews.example/a"),
        ("https://127.0.0.1:8000/a", "https://127.0.0.1:8000/a"),
        ("http://[2001:DB8::1]/a", "https://[2001:db8::1]/a"),
        ("https://www.com/", "https://www.com/"),
    ],
)
def test_one_page_has_one_address(url: str, expected: str):
    assert normalize_url(url) == expected


BING = base64.urlsafe_b64encode(b"https://reviews.example/a").decode().rstrip("=")


@pytest.mark.parametrize(
    "url",
    [
        "https://www.google.com/url?sa=t&q=https%3A%2F%2Freviews.example%2Fa%3Futm_source%3Dx&ved=1",
        "https://www.google.co.uk/url?url=https://reviews.example/a",
        "https://duckduckgo.com/l/?uddg=https%3A%2F%2Freviews.example%2Fa&rut=1",
        "https://l.facebook.com/l.php?u=https%3A%2F%2Freviews.example%2Fa",
        f"https://www.bing.com/ck/a?!&&p=1&u=a1{BING}&ntb=1",
        "https://www.youtube.com/redirect?q=https%3A%2F%2Fwww.google.com%2Furl%3Fq%3Dhttps%253A%252F%252Freviews.example%252Fa",
    ],
)
def test_redirect_wrappers_are_unwrapped(url: str):
    assert normalize_url(url) == "https://reviews.example/a"


@pytest.mark.parametrize(
    "url",
    [
        "https://www.google.com/url?q=javascript:alert(1)",
        "https://www.google.com/url",
        "https://www.bing.com/ck/a?u=a1*",
    ],
)
def test_wrappers_around_nothing_stay_themselves(url: str):
    assert host_of(normalize_url(url)).partition(".")[0] in ("google", "bing")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "   ",
        "http://",
        "https:///path",
        "http://[::1",
        "http://a b.example/",
        "https://exa\u2028mple/<",
        "javascript:alert(1)",
        "data:text/html,x",
        "mailto:a@reviews.example",
        "ftp://reviews.example/",
        "https://" + "a" * 300 + ".example/",
        "https://reviews.example:99999999/",
        "https://..",
        "just words",
        "http://xn--\u00fc/",
    ],
)
def test_what_is_no_web_address_has_no_normal_form(url: str):
    assert normalize_url(url) == ""


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("https://docs.lumenboard.example/a", "lumenboard.example"),
        ("a.b.co.uk", "b.co.uk"),
        ("https://alice.github.io/x", "alice.github.io"),
        ("https://www.Bücher.de", "xn--bcher-kva.de"),
        ("127.0.0.1", "127.0.0.1"),
        ("http://[::1]/", "[::1]"),
        ("localhost:8000", "localhost"),
        ("https://unknown.nosuchsuffix/", "unknown.nosuchsuffix"),
        ("com", "com"),
        ("javascript:1+1", ""),
        ("", ""),
    ],
)
def test_registrable_domains(address: str, domain: str):
    assert registrable_domain(address) == domain


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("https://lumenboard.example/pricing", CitationKind.OWN),
        ("https://docs.lumenboard.example/", CitationKind.OWN),
        ("www.lumenboard.example", CitationKind.OWN),
        ("https://notlumenboard.example/", CitationKind.OTHER),
        ("https://lumenboard.example.evil.example/", CitationKind.OTHER),
        ("https://evil.example/?u=lumenboard.example", CitationKind.OTHER),
        ("https://lumenboard.example@evil.example/", CitationKind.OTHER),
        ("https://evil.example\\@lumenboard.example/", CitationKind.OTHER),
        ("https://go.taskwell.example/", CitationKind.COMPETITOR),
        ("https://blog.lumenboard.example/x", CitationKind.COMPETITOR),
        ("not an address", CitationKind.OTHER),
    ],
)
def test_subdomains_are_the_brands_and_lookalikes_are_not(address: str, kind: CitationKind):
    assert classify(address, BRANDS[0].domains, BRANDS[1].domains) is kind


def test_own_wins_where_both_state_a_domain():
    assert classify("a.example", ["a.example"], ["a.example"]) is CitationKind.OWN


def test_a_page_cited_twice_is_kept_at_its_first_place():
    found = clean(
        "https://a.example/1", "https://b.example/", "http://www.a.example/1/?utm_source=x#y", "https://c.example/"
    )
    assert [(item.position, item.domain) for item in found] == [(1, "a.example"), (2, "b.example"), (3, "c.example")]


def test_a_page_looked_at_and_then_cited_is_cited():
    found = clean_citations(
        [Citation(url="https://a.example", cited=False), Citation(url="https://a.example/", title=" A \n page ")],
        BRANDS,
    )
    assert [(item.cited, item.title) for item in found] == [(True, "A page")]


def test_brand_and_kind_are_stated():
    found = clean(
        "https://docs.lumenboard.example/",
        "https://taskwell.example/",
        "https://www.lumen.example/x",
        "https://o.example",
    )
    assert [(item.kind, item.brand_id) for item in found] == [
        ("own", 1),
        ("competitor", 2),
        ("own", 1),
        ("other", None),
    ]


def test_malformed_addresses_are_kept_as_other_without_a_domain():
    (bad,) = clean("javascript:alert(1)\0", "")
    assert (bad.url, bad.normalized_url, bad.domain, bad.kind) == ("javascript:alert(1)",) * 2 + (
        "",
        CitationKind.OTHER,
    )


def test_an_endless_address_still_counts_for_its_domain():
    (item,) = clean("https://docs.lumenboard.example/" + "ü" * 5_000)
    assert (item.normalized_url, item.kind) == ("https://docs.lumenboard.example/", CitationKind.OWN)
    assert len(item.url) <= 4_000


def test_opaque_redirects_take_their_domain_from_the_title():
    url = "https://vertexaisearch.cloud.google.com/grounding-api-redirect/AbC"
    found = clean_citations(
        [Citation(url=url, title="docs.lumenboard.example"), Citation(url=url + "D", title="Best tools of 2025")],
        BRANDS,
    )
    assert [(item.domain, item.kind) for item in found] == [("lumenboard.example", "own"), ("google.com", "other")]


URLS = st.one_of(
    st.text(max_size=60),
    st.builds(
        "{}://{}/{}?{}#{}".format, st.sampled_from(["http", "https", "HTTPS", "ftp"]), *[st.text(max_size=15)] * 4
    ),
    st.builds("https://a.example/{}?{}".format, st.text(max_size=20), st.text(max_size=20)),
    st.builds("https://www.google.com/url?q={}".format, st.text(max_size=30)),
)


@given(URLS)
def test_normal_form_is_stable_and_nothing_raises(url: str):
    normal = normalize_url(url)
    assert normalize_url(normal) == normal
    if normal:
        assert normal.isascii()
        assert host_of(normal)
    for item in clean(url):
        assert item.position == 1
        assert "\0" not in item.url + item.title
        assert len(item.domain) <= 253


@given(st.text(max_size=40))
def test_domains_of_any_text_never_raise(text: str):
    assert len(registrable_domain(text)) <= 253
