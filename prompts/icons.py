"""A picture from somewhere else, drawn anew: what is kept is ours, small, and nothing but a picture."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

from PIL import Image

SIDE = 64
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "ICO", "BMP")
_PIXELS = 4_000_000
_BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    LookupError,
    TypeError,
    ArithmeticError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def _too_large(picture: bytes) -> bool:
    """Of an icon file the decoder unpacks the picture inside as it opens it: what that one declares is judged first."""
    if not picture.startswith(b"\0\0\1\0"):
        return False
    for entry in range(int.from_bytes(picture[4:6], "little")):
        start = int.from_bytes(picture[18 + 16 * entry : 22 + 16 * entry], "little")
        inside = picture[start : start + 24]
        if inside.startswith(b"\x89PNG"):
            sides = int.from_bytes(inside[16:20]), int.from_bytes(inside[20:24])
        else:
            sides = _signed(inside[4:8]), _signed(inside[8:12])
        if sides[0] * sides[1] > _PIXELS:
            return True
    return False


def _signed(number: bytes) -> int:
    return abs(int.from_bytes(number, "little", signed=True))


def drawn_anew(picture: bytes) -> bytes | None:
    """A square PNG of at most 64 pixels, or None where there is no picture, or one far too large, in these bytes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _drawn(picture)
    except _BROKEN:
        return None


def _drawn(picture: bytes) -> bytes | None:
    if _too_large(picture):
        return None
    with Image.open(io.BytesIO(picture), formats=_FORMATS) as opened:
        if not 0 < opened.width * opened.height <= _PIXELS:
            return None
        drawing = opened.convert("RGBA")
    drawing.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    side = max(drawing.size)
    square = Image.new("RGBA", (side, side))
    square.paste(drawing, ((side - drawing.width) // 2, (side - drawing.height) // 2))
    out = io.BytesIO()
    square.save(out, "PNG", optimize=True)
    return out.getvalue()
