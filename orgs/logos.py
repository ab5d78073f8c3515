"""An organization's logo: whatever was uploaded is drawn again by us, small and square, and nothing else of it kept."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from django.db import transaction
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from orgs.events import emit
from orgs.models import Logo, Organization

if TYPE_CHECKING:
    from accounts.models import User

FORMATS = (
    "PNG",
    "JPEG",
    "WEBP",
)  # what the decoder is allowed to recognise: no SVG, no PDF, nothing that can hold code
CONTENT_TYPE = "image/png"
SIDE = 256
MOST_BYTES = 2 * 1024 * 1024
MOST_PIXELS = 4096 * 4096  # 64 MB once it is decoded


class UnfitImage(ValueError):
    """A file that cannot be a logo."""


def drawn_again(file: BinaryIO, *, size: int) -> bytes:
    """The picture as a square PNG without anything that came with it. Its header is judged before a pixel is decoded.
    Raises `UnfitImage`."""
    if size > MOST_BYTES:
        raise UnfitImage(_("The file is too large: at most 2 MB."))
    try:
        with Image.open(file, formats=FORMATS) as source:
            _judge(source)
            source.draft("RGB", (2 * SIDE, 2 * SIDE))  # JPEG alone: decoded at less than its size
            return _square(source)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise UnfitImage(_("The picture is too large: at most 4096 by 4096 pixels.")) from bomb
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as broken:  # what decoders raise on broken files
        if isinstance(broken, UnfitImage):
            raise
        raise UnfitImage(_("This is no picture that can be read. Use a PNG, JPEG or WebP file.")) from broken


def _judge(source: Image.Image) -> None:
    width, height = source.size
    if width * height > MOST_PIXELS:
        raise UnfitImage(_("The picture is too large: at most 4096 by 4096 pixels."))
    if min(width, height) < 16 or max(width, height) > 16 * min(width, height):
        raise UnfitImage(_("The picture is too small or too narrow to be a logo."))
    if getattr(source, "n_frames", 1) > 1:
        raise UnfitImage(_("The picture moves. Use one that stands still."))


def _square(source: Image.Image) -> bytes:
    upright = ImageOps.exif_transpose(source).convert("RGBA")
    fitted = ImageOps.contain(upright, (SIDE, SIDE))
    canvas = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))
    canvas.paste(fitted, ((SIDE - fitted.width) // 2, (SIDE - fitted.height) // 2))
    out = BytesIO()
    canvas.save(out, "PNG", optimize=True)
    return out.getvalue()


def set_logo(org: Organization, image: bytes, *, actor: User) -> None:
    """Runs inside the organization's scope."""
    with transaction.atomic():
        before = org.take_turn().logo_digest
        Logo.objects.for_org(org).update_or_create(org=org, defaults={"image": image, "content_type": CONTENT_TYPE})
        _changed(org, hashlib.sha256(image).hexdigest(), before=before, actor=actor)


def remove_logo(org: Organization, *, actor: User) -> None:
    with transaction.atomic():
        before = org.take_turn().logo_digest
        Logo.objects.for_org(org).delete()
        _changed(org, "", before=before, actor=actor)


def _changed(org: Organization, digest: str, *, before: str, actor: User) -> None:
    org.logo_digest = digest
    if digest != before:
        Organization.objects.filter(pk=org.pk).update(logo_digest=digest)
        emit(org, "org.logo_changed", actor=actor, target=org, before={"logo": before}, after={"logo": digest})
