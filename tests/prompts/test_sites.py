"""What a company's site says of itself, however badly it says it."""

import base64
import io
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from orgs.outbound import CannotFetch
from prompts.icons import SIDE, drawn_anew
from prompts.sites import look_at, read_page
from tests.orgs.outside import HTML, reply
from tests.server import serve_in_thread

URL = "https://www.lumen-board.example/en/"


def picture(kind: str = "PNG", size: tuple[int, int] = (128, 128)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "orange").save(out, kind)
    return out.getvalue()


class Company:
    """A company's site: a page and an icon."""

    def __init__(self, html: str, icon: bytes = b"") -> None:
        self.pages = {"/": (html.encode(), HTML), "/icon.png": (icon, [(b"content-type", b"image/png")])}

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        body, headers = self.pages.get(scope["path"], (b"", []))
        await reply(send, body, headers=headers, status=200 if body else 404)


def test_a_page_says_its_title_name_description_language_and_icons() -> None:
    says = read_page(
        b"""<!doctype html><html lang="en_us"><head><title> Boards for\n small teams | Lumen Board </title>
        <meta name="description" content="Plan &amp; ship."><meta property="og:site_name" content="Lumenboard">
        <link rel="shortcut icon" href="/fav.ico"><link rel="apple-touch-icon" href="touch.png"></head>""",
        url=URL,
    )
    assert says.title == "Boards for small teams | Lumen Board"
    assert (says.name, says.description, says.language) == ("Lumenboard", "Plan & ship.", "en-US")
    assert says.icons == (
        "https://www.lumen-board.example/en/touch.png",
        "https://www.lumen-board.example/fav.ico",
        "https://www.lumen-board.example/favicon.ico",
    )


def test_without_a_declared_name_it_is_the_part_of_the_title_that_is_the_domain() -> None:
    assert read_page(b"<title>Boards for teams | Lumen Board</title>", url=URL).name == "Lumen Board"
    assert read_page(b"<title>Boards for teams</title>", url=URL).name == ""


@pytest.mark.parametrize(
    ("html", "charset", "title"),
    [
        ("<title>Käse</title>".encode("latin-1"), "iso-8859-1", "Käse"),
        (b"<meta charset=windows-1252><title>K\xe4se</title>", "", "Käse"),
        ("<title>Käse</title>".encode(), "", "Käse"),
        ("<title>Käse</title>".encode(), "no-such-charset", "Käse"),
        (b"<meta charset=hex><title>K</title>", "", "K"),
        (b"<title>K\xff\x00\xfe</title>", "", "K\ufffd\ufffd\ufffd"),
        (b"<title>" + b"word " * 200 + b"</title>", "", "word " * 38 + "word\u2026"),
        ("<title>\u202eLumen\u200b\u0007</title>".encode(), "", "Lumen"),
        (b"<svg><title>Icon</title></svg>", "", "Icon"),
        (b"", "", ""),
        (b"\x89PNG\r\n", "", ""),
    ],
)
def test_any_bytes_are_read(html: bytes, charset: str, title: str) -> None:
    assert read_page(html, url=URL, charset=charset).title == title


@given(st.binary(max_size=300), st.text(max_size=20))
def test_no_page_breaks_it(html: bytes, charset: str) -> None:
    says = read_page(b"<head><link rel=icon href='" + html, url=URL, charset=charset)
    assert says.icons[-1] == "https://www.lumen-board.example/favicon.ico"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "ICO", "BMP"])
def test_a_picture_is_drawn_anew_as_a_small_square_png(kind: str) -> None:
    drawn = drawn_anew(picture(kind, (200, 100)))
    assert drawn is not None
    with Image.open(io.BytesIO(drawn)) as opened:
        assert (opened.format, opened.width, opened.height) == ("PNG", opened.width, opened.width)
        assert opened.width <= SIDE


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html>",
        picture()[:60],
        picture("GIF")[:20] + b"\xff" * 50,
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        picture(size=(2_500, 2_500)),
    ],
)
def test_what_is_no_picture_or_far_too_large_is_dropped(hostile: bytes) -> None:
    assert drawn_anew(hostile) is None


def test_a_bomb_of_a_picture_is_never_unpacked() -> None:
    header = picture(size=(1, 1))
    bomb = header[:16] + (60_000).to_bytes(4) + (60_000).to_bytes(4) + header[24:]
    assert drawn_anew(bomb) is None


def test_a_large_picture_inside_an_icon_is_never_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    def unpacked(*args: object, **kwargs: object) -> None:
        pytest.fail("The picture was unpacked")

    inner = picture(size=(2_500, 2_500))
    icon = b"\0\0\1\0\1\0" + b"\0\0\0\0\1\0\x20\0" + len(inner).to_bytes(4, "little") + (22).to_bytes(4, "little")
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", unpacked)
    assert drawn_anew(icon + inner) is None


@given(st.binary(max_size=200))
def test_no_picture_breaks_it(data: bytes) -> None:
    for kind in (b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\x00\x00\x01\x00\x01\x00", b"BM", b"RIFF", b"\xff\xd8\xff"):
        drawn_anew(kind + data)


async def test_a_site_is_looked_at_with_its_icon(settings: Any) -> None:
    html = "<title>Lumen</title><link rel=icon href=/icon.png>"
    with serve_in_thread(Company(html, picture())) as url:
        settings.OUTBOUND_ALLOW_PRIVATE = {
            "lumen.example:80": urlsplit(url).netloc,
            "lumen.example:443": urlsplit(url).netloc,
        }
        says = await look_at("lumen.example")
    assert (says.title, says.name) == ("Lumen", "Lumen")
    assert base64.b64decode(says.icon).startswith(b"\x89PNG")


async def test_a_site_without_a_usable_icon_says_the_rest(settings: Any) -> None:
    with serve_in_thread(Company("<title>Lumen</title><link rel=icon href=/icon.png>", b"not a picture")) as url:
        settings.OUTBOUND_ALLOW_PRIVATE = {
            "lumen.example:80": urlsplit(url).netloc,
            "lumen.example:443": urlsplit(url).netloc,
        }
        says = await look_at("lumen.example")
    assert (says.title, says.icon) == ("Lumen", "")


async def test_an_icon_inside_is_not_fetched(settings: Any) -> None:
    html = "<title>Lumen</title><link rel=icon href=http://169.254.169.254/latest/meta-data/>"
    with serve_in_thread(Company(html)) as url:
        settings.OUTBOUND_ALLOW_PRIVATE = {
            "lumen.example:80": urlsplit(url).netloc,
            "lumen.example:443": urlsplit(url).netloc,
        }
        says = await look_at("lumen.example")
    assert says.icon == ""


async def test_a_domain_of_the_inside_is_not_looked_at() -> None:
    with pytest.raises(CannotFetch, match="public internet"):
        await look_at("127.0.0.1")
