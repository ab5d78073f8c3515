"""Logos: drawn again by us, shown to members only, and nothing else ever stored."""

import struct
import zlib
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image, PngImagePlugin

from accounts.models import User
from orgs.logos import MOST_BYTES, SIDE, UnfitImage, drawn_again
from orgs.models import Event, Logo, Organization
from orgs.scoping import org_scope
from tests.screens import ClientOf

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"


def picture(fmt: str = "PNG", size: tuple[int, int] = (300, 200), **options: object) -> bytes:
    out = BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, fmt, **options)
    return out.getvalue()


def moving() -> bytes:
    out = BytesIO()
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:])
    return out.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A small file whose header promises a huge picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100_000))
        + chunk(b"IEND", b"")
    )


def drawn(data: bytes) -> Image.Image:
    return Image.open(BytesIO(drawn_again(BytesIO(data), size=len(data))))


def upload(client_of: ClientOf, user: User, data: bytes, name: str = "logo.png", kind: str = "image/png") -> object:
    file = SimpleUploadedFile(name, data, content_type=kind)
    return client_of(user).post(reverse("org-logo", args=["acme"]), {"image": file})


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "WEBP"])
def test_any_picture_becomes_a_square_png(fmt: str) -> None:
    image = drawn(picture(fmt))
    assert (image.format, image.size, image.mode) == ("PNG", (SIDE, SIDE), "RGBA")
    assert image.getpixel((SIDE // 2, SIDE // 2))[0] > 150
    assert image.getpixel((SIDE // 2, 2))[3] == 0  # wider than high: clear above and below


def test_nothing_that_came_with_the_file_is_kept() -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "secret place")
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    for data in (picture("PNG", pnginfo=notes, exif=exif), picture("JPEG", exif=exif, comment=b"secret place")):
        again = drawn_again(BytesIO(data), size=len(data))
        assert b"secret" not in again
        assert not Image.open(BytesIO(again)).getexif()
    tail = picture() + b"<script>secret()</script>"
    assert b"secret" not in drawn_again(BytesIO(tail), size=len(tail))


def test_a_picture_that_was_turned_is_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    image = drawn(picture("JPEG", size=(400, 100), exif=exif))
    assert image.getpixel((2, SIDE // 2))[3] == 0  # higher than wide: clear at the sides


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no picture"),
        (b"not an image", "no picture"),
        (SVG, "no picture"),
        (HTML, "no picture"),
        (b"GIF89a" + b"\0" * 100, "no picture"),
        (b"%PDF-1.7\n", "no picture"),
        (picture()[:200], "no picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\xff" * 64, "no picture"),
        (picture("BMP"), "no picture"),
        (picture("TIFF"), "no picture"),
        (moving(), "moves"),
        (picture(size=(8, 8)), "too small"),
        (picture(size=(2000, 20)), "too narrow"),
        (bomb(5000, 5000), "too large"),
        (bomb(50_000, 50_000), "too large"),
        (bomb(2**31 - 1, 2**31 - 1), "too large"),
    ],
    ids=range(16),
)
def test_what_is_no_logo_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(UnfitImage, match=said):
        drawn_again(BytesIO(data), size=len(data))


def test_a_large_file_is_refused_before_it_is_read() -> None:
    class Untouched(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise AssertionError("it was read")

    with pytest.raises(UnfitImage, match="2 MB"):
        drawn_again(Untouched(), size=MOST_BYTES + 1)


def test_an_admin_sets_a_logo_and_members_see_it(
    client_of: ClientOf, org: Organization, admin: User, viewer: User
) -> None:
    assert upload(client_of, admin, picture()).status_code == 302  # type: ignore[attr-defined]
    org.refresh_from_db()
    address = reverse("org-logo-image", args=[org.slug, org.logo_digest])
    shown = client_of(viewer).get(address)
    assert shown["Content-Type"] == "image/png"
    assert shown["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in shown["Cache-Control"]
    assert "private" in shown["Cache-Control"]
    assert "sandbox" in shown["Content-Security-Policy"]
    assert Image.open(BytesIO(shown.content)).size == (SIDE, SIDE)
    assert address in client_of(viewer).get(f"/o/{org.slug}/").content.decode()
    with org_scope(org):
        event = Event.objects.for_org(org).get()
    assert (event.name, event.after) == ("org.logo_changed", {"logo": org.logo_digest})


def test_a_logo_is_nobody_elses(client_of: ClientOf, org: Organization, admin: User, outsider: User) -> None:
    upload(client_of, admin, picture())
    org.refresh_from_db()
    address = reverse("org-logo-image", args=[org.slug, org.logo_digest])
    assert client_of(outsider).get(address).status_code == 404
    assert client_of(None).get(address).status_code == 302
    assert client_of(admin).get(reverse("org-logo-image", args=[org.slug, "0" * 64])).status_code == 404
    elsewhere = reverse("org-logo-image", args=["globex", org.logo_digest])
    assert client_of(outsider).get(elsewhere).status_code == 404


@pytest.mark.parametrize(("name", "kind"), [("logo.png", "image/png"), ("logo.svg", "image/svg+xml")])
def test_what_a_file_calls_itself_does_not_matter(
    client_of: ClientOf, org: Organization, admin: User, name: str, kind: str
) -> None:
    refused = upload(client_of, admin, SVG, name, kind)
    assert refused.status_code == 422  # type: ignore[attr-defined]
    assert "no picture" in refused.content.decode()  # type: ignore[attr-defined]
    assert upload(client_of, admin, picture(), "logo.svg", "image/svg+xml").status_code == 302  # type: ignore[attr-defined]


def test_no_file_at_all_is_said_at_the_field(client_of: ClientOf, org: Organization, admin: User) -> None:
    assert client_of(admin).post(reverse("org-logo", args=["acme"]), {"image": "text"}).status_code == 422


def test_a_removed_logo_is_gone(client_of: ClientOf, org: Organization, admin: User) -> None:
    upload(client_of, admin, picture())
    org.refresh_from_db()
    old = org.logo_digest
    client = client_of(admin)
    assert "first letter" in client.get(reverse("org-logo-remove", args=[org.slug])).content.decode()
    client.post(reverse("org-logo-remove", args=[org.slug]))
    org.refresh_from_db()
    assert org.logo_digest == ""
    assert client.get(reverse("org-logo-image", args=[org.slug, old])).status_code == 404
    with org_scope(org):
        assert not Logo.objects.for_org(org).exists()


def test_the_same_logo_again_is_no_event(client_of: ClientOf, org: Organization, admin: User) -> None:
    for _ in range(2):
        upload(client_of, admin, picture())
    with org_scope(org):
        assert Event.objects.for_org(org).count() == 1
