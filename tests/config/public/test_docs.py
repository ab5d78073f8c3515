"""The documentation: the folder's documents as pages, nothing beside them, and every link leads somewhere."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from django.test import Client
from selectolax.lexbor import LexborHTMLParser

from config.public import reference
from config.public.docs import all_addresses
from config.public.documents import Library, library
from config.public.markdown import render
from config.public.searching import find

ADDRESSES = all_addresses()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    docs = tmp_path / "docs"
    (docs / "guide").mkdir(parents=True)
    (docs / "README.md").write_text(
        "# Start\n\nHello.\n\n## Parts\n\n- [One](guide/one.md)\n- [One again](guide/one.md#a)\n"
    )
    (docs / "guide" / "one.md").write_text("# One\n\nSee [start](../README.md), [out](../../secret.md).\n")
    (tmp_path / "secret.md").write_text("# Secret\n")
    return docs


def html(text: str, root: Path) -> str:
    return str(render(text, folder="", root=root).html)


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_document_is_a_page_with_title_and_description(client: Client, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 200
    page = LexborHTMLParser(response.content)
    title = page.css_first("h1")
    assert title is not None
    assert title.text().strip()
    ids = [node.attributes["id"] for node in page.css("[id]")]
    assert len(ids) == len(set(ids))


def test_every_link_between_documents_leads_to_a_page_and_its_heading(client: Client) -> None:
    broken = []
    pages = {address: LexborHTMLParser(client.get(address).content) for address in ADDRESSES}
    for address, page in pages.items():
        for link in page.css("main a[href]"):
            target = urlsplit(link.attributes["href"] or "")
            if target.netloc:
                continue
            path = target.path or address
            if path not in pages and client.get(path).status_code != 200:
                broken.append(f"{address} -> {path}")
            elif target.fragment and path in pages and not pages[path].css(f'[id="{unquote(target.fragment)}"]'):
                broken.append(f"{address} -> {path}#{target.fragment}")
    assert broken == []


def test_no_link_of_a_document_is_lost() -> None:
    lost = [one.path for one in library().all() if "<a>" in one.rendered.html]
    assert lost == []


def test_every_document_is_in_the_navigation_or_a_decision() -> None:
    known = {one.path for one in library().guide()} | {""}
    missing = {one.path for one in library().all()} - known
    assert {path for path in missing if not path.startswith(("adr/", "operations/"))} == set()


@pytest.mark.parametrize(
    "path",
    [
        "../README",
        "..%2fREADME",
        "%2e%2e/README",
        "....//README",
        "adr/../../README",
        "adr/..\\..\\README",
        ".",
        "./",
        "adr/.",
        "/etc/passwd",
        "README",
        "metrics.md",
        "img/overview.webp",
        "metrics%00",
        "self-hosting//mail",
        ".hidden",
        "nothing",
    ],
)
def test_what_is_no_document_is_not_there(client: Client, path: str) -> None:
    assert client.get(f"/docs/{path}/").status_code == 404


@pytest.mark.parametrize("name", ["../glossary.md", "..%2fglossary.md", "nothing.webp", "..", ".", "%00"])
def test_what_is_no_picture_of_the_folder_is_not_there(client: Client, name: str) -> None:
    assert client.get(f"/docs/img/{name}", follow=True).status_code == 404


def test_pictures_of_the_folder_are_served(client: Client) -> None:
    response = client.get("/docs/img/overview.webp")
    assert response["Content-Type"] == "image/webp"
    assert b"".join(response.streaming_content)[8:12] == b"WEBP"  # type: ignore[attr-defined]


def test_links_on_the_disk_do_not_lead_out_of_the_folder(folder: Path) -> None:
    (folder / "linked.md").symlink_to(folder.parent / "secret.md")
    assert Library(folder).get("linked") is None
    assert [one.path for one in Library(folder).all()] == ["", "guide/one"]


def test_links_are_rewritten_and_those_that_lead_out_are_plain_text(folder: Path) -> None:
    document = Library(folder).get("guide/one")
    assert document is not None
    assert '<a href="/docs/">start</a>' in document.rendered.html
    assert "secret" not in document.rendered.html


def test_the_first_page_is_the_navigation(folder: Path) -> None:
    (chapter,) = Library(folder).chapters()
    assert (chapter.title, [one.path for one in chapter.documents]) == ("Parts", ["guide/one"])


def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(folder: Path) -> None:
    shelf = Library(folder)
    first = shelf.get("guide/one")
    assert shelf.get("guide/one") is first
    file = folder / "guide" / "one.md"
    file.write_text("# Another\n\nText.\n")
    os.utime(file, ns=(1, 1))
    again = shelf.get("guide/one")
    assert again is not None
    assert again.title == "Another"


def test_raw_html_scripts_and_foreign_pictures_do_nothing(tmp_path: Path) -> None:
    hostile = (
        "# T\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) [y](data:text/html,hi)\n\n"
        "<img src=x onerror=go()>\n\n![beacon](https://evil.example/pixel.gif)\n\n| a |\n|--:|\n| b |\n"
    )
    page = LexborHTMLParser(html(hostile, tmp_path))
    assert page.css("script, [onerror], [style]") == []
    assert [node.attributes["src"] for node in page.css("img")] == ["/docs/img/pixel.gif"]
    assert [link for link in page.css("a[href]") if not (link.attributes["href"] or "").startswith("#")] == []


def test_headings_of_the_same_name_have_anchors_of_their_own(tmp_path: Path) -> None:
    found = render("# T\n\n## Same\n\na\n\n## Same\n\nb\n\n## ¿?\n\nc\n", folder="", root=tmp_path)
    assert [heading.anchor for heading in found.contents] == ["same", "same-2", "section"]


def test_a_picture_with_a_dark_twin_is_shown_dark_on_dark_pages(client: Client) -> None:
    page = LexborHTMLParser(client.get("/docs/").content)
    source = page.css_first("main picture source")
    assert source is not None
    assert source.attributes["srcset"] == "/docs/img/overview-dark.webp"
    image = page.css_first("main picture img")
    assert image is not None
    assert (image.attributes["width"], image.attributes["height"]) == ("1440", "900")


def test_the_search_finds_words_in_headings_first(client: Client) -> None:
    hits = find(library().all(), "INTERVALS")
    assert hits[0].url == "/docs/metrics/#intervals"
    page = LexborHTMLParser(client.get("/docs/", {"q": "wilson score"}).content)
    assert [link.attributes["href"] for link in page.css(".docs-hits a")] == ["/docs/metrics/#intervals"]


@pytest.mark.parametrize(
    "query", ["", "   ", "zebra crossing", "<script>alert(1)</script>", "a" * 5000, "\0", "%", "é"]
)
def test_a_search_that_finds_nothing_says_so_safely(client: Client, query: str) -> None:
    response = client.get("/docs/", {"q": query})
    assert response.status_code == 200
    assert "<script>alert" not in response.content.decode()


def test_the_reference_has_every_operation_of_the_schema(client: Client) -> None:
    groups = reference.read(library().root / "openapi.yaml")
    operations = [operation for group in groups for operation in group.operations]
    page = client.get("/docs/api-reference/").content.decode()
    schema = client.get("/docs/openapi.yaml").content.decode()
    assert len(operations) == schema.count("operationId:") > 15
    assert [one.id for one in operations if f'id="{one.id}"' not in page] == []
    start = next(one for one in operations if one.id == "scans_create")
    assert (start.method, start.answers) == ("POST", ("201 Scan",))
    assert "project" in {field.name for field in start.body if field.required}
