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
