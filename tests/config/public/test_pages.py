"""The public pages: for strangers and members, under the site's own address, and gone where the operator says so."""

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from PIL import Image
from selectolax.lexbor import LexborHTMLParser

from accounts.models import User
from orgs.models import Organization
from tests.screens import ClientOf

PAGES = ("/", "/features/", "/pricing/", "/privacy/", "/terms/")
FILES = ("/robots.txt", "/llms.txt", "/sitemap.xml", "/manifest.webmanifest")
SITE = "https://prompter.example.com"


@pytest.fixture
def public(settings: Any) -> None:
    settings.SITE_URL = SITE
    settings.ALLOWED_HOSTS = ["*"]


def parsed(client: Client, path: str, **headers: str) -> LexborHTMLParser:
    response = client.get(path, headers=headers)
    assert response.status_code == 200, path
    return LexborHTMLParser(response.content)


def attribute(page: LexborHTMLParser, selector: str, name: str) -> str:
    found = page.css_first(selector)
    assert found is not None, selector
    return found.attributes[name] or ""


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_reads_the_page(client: Client, path: str, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        page = parsed(client, path)
    assert len(page.css("h1")) == 1
    assert page.css_first('a[href="/accounts/login/"]') is not None


@pytest.mark.parametrize("path", PAGES[1:])
def test_a_member_reads_the_page(client_of: ClientOf, member: User, path: str) -> None:
    page = parsed(client_of(member), path)
    assert page.css_first('a[href="/accounts/login/"]') is None
    assert "Open Prompter" in page.html  # type: ignore[operator]


def test_a_member_goes_on_to_their_organization(client_of: ClientOf, member: User, org: Organization) -> None:
    response = client_of(member).get("/")
    assert (response.status_code, response["Location"]) == (302, f"/o/{org.slug}/")


@pytest.mark.parametrize("path", [*PAGES, *FILES, "/docs/", "/favicon.ico"])
def test_only_reading_is_possible(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


@pytest.mark.parametrize("path", PAGES)
def test_each_page_says_what_it_is_under_the_sites_address(client: Client, public: None, path: str) -> None:
    page = parsed(client, path, host="evil.example", x_forwarded_host="evil.example")
    assert attribute(page, 'link[rel="canonical"]', "href") == SITE + path
    assert attribute(page, 'meta[property="og:url"]', "content") == SITE + path
    assert attribute(page, 'meta[property="og:image"]', "content").startswith(f"{SITE}/static/img/card")
    assert len(attribute(page, 'meta[name="description"]', "content")) > 30
    assert "evil.example" not in (page.html or "")


@pytest.mark.parametrize("path", FILES)
def test_what_crawlers_read_names_the_sites_address_only(client: Client, public: None, path: str) -> None:
    text = client.get(path, headers={"host": "evil.example"}).content.decode()
    assert "evil.example" not in text
    if path != "/manifest.webmanifest":
        assert SITE in text


@pytest.mark.parametrize("path", [*PAGES, "/docs/", "/docs/metrics/", "/docs/api-reference/"])
def test_pages_load_nothing_from_other_hosts(client: Client, path: str) -> None:
    page = parsed(client, path)
    loading = [(node, name) for name in ("src", "srcset") for node in page.css(f"[{name}]")]
    loading += [(node, "href") for node in page.css("link:not([rel=canonical])")]
    loaded = [part for node, name in loading for part in (node.attributes[name] or "").split(", ")]
    assert loaded
    assert [address for address in loaded if urlsplit(address).netloc] == []


def test_the_site_map_lists_pages_that_exist(client: Client, public: None) -> None:
    page = LexborHTMLParser(client.get("/sitemap.xml").content)
    listed = [node.text() for node in page.css("loc")]
    assert {f"{SITE}/", f"{SITE}/pricing/", f"{SITE}/docs/", f"{SITE}/docs/metrics/"} <= set(listed)
    assert all(address.startswith(f"{SITE}/") for address in listed)
    assert [address for address in listed if client.get(urlsplit(address).path).status_code != 200] == []


def test_crawlers_are_kept_from_what_needs_an_account(client: Client, public: None) -> None:
    lines = client.get("/robots.txt").content.decode().splitlines()
    assert "Disallow: /o/" in lines
    assert "Disallow: /" not in lines
    assert f"Sitemap: {SITE}/sitemap.xml" in lines


def test_the_front_page_tells_search_engines_the_same_as_people(client: Client) -> None:
    page = parsed(client, "/")
    data = json.loads(page.css('script[type="application/ld+json"]')[0].text())
    software, faq = data["@graph"]
    assert (software["@type"], software["offers"][0]["price"]) == ("SoftwareApplication", "0")
    shown = [" ".join(node.text().split()) for node in page.css(".questions dt")]
    assert [one["name"] for one in faq["mainEntity"]] == shown


def test_the_card_and_the_icons_have_the_sizes_they_claim() -> None:
    wanted = {"card.png": (1200, 630), "apple-touch-icon.png": (180, 180), "icon-192.png": (192, 192)}
    for name, size in wanted.items():
        with Image.open(finders.find(f"img/{name}")) as image:
            assert image.size == size, name


def test_old_addresses_of_icons_lead_to_the_files(client: Client) -> None:
    assert client.get("/favicon.ico")["Location"] == "/static/img/favicon.ico"
    assert client.get("/apple-touch-icon.png")["Location"] == "/static/img/apple-touch-icon.png"


def test_placeholders_are_marked_and_name_the_setting(client: Client) -> None:
    for path, variable in (("/privacy/", "PRIVACY_URL"), ("/terms/", "TERMS_URL")):
        flag = parsed(client, path).css_first(".flag.is-warning")
        assert flag is not None
        assert "placeholder" in flag.text()
        assert variable in flag.text()


def test_the_operators_own_terms_take_the_placeholders_place(client: Client, settings: Any) -> None:
    settings.PRIVACY_URL, settings.TERMS_URL = "https://example.com/privacy", "https://example.com/terms"
    assert client.get("/privacy/")["Location"] == "https://example.com/privacy"
    assert client.get("/terms/")["Location"] == "https://example.com/terms"


class TestWithoutAPublicSite:
    @pytest.fixture(autouse=True)
    def _off(self, settings: Any) -> None:
        settings.PUBLIC_SITE = False

    def test_a_stranger_is_asked_to_sign_in(self, client: Client) -> None:
        assert client.get("/")["Location"] == "/accounts/login/?next=/"

    @pytest.mark.parametrize("path", ["/features/", "/pricing/", "/sitemap.xml", "/llms.txt"])
    def test_there_is_nothing_to_sell(self, client: Client, path: str) -> None:
        assert client.get(path).status_code == 404

    def test_crawlers_are_asked_to_stay_away(self, client: Client) -> None:
        assert client.get("/robots.txt").content.decode() == "User-agent: *\nDisallow: /\n"

    def test_the_documentation_stays_and_links_to_nothing_that_is_gone(self, client: Client) -> None:
        page = parsed(client, "/docs/")
        assert page.css('a[href="/pricing/"], a[href="/features/"]') == []


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_sent_small_to_browsers_that_can_unpack(client: Client, path: str) -> None:
    if path in ("/privacy/", "/terms/"):
        return
    assert client.get(path, headers={"accept-encoding": "gzip"})["Content-Encoding"] == "gzip"
