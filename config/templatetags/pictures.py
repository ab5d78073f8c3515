"""Pictures of the product's own screens, each light and dark and in two sizes, as `make pictures` writes them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django import template
from django.conf import settings
from django.templatetags.static import static
from PIL import Image

register = template.Library()

SMALL = 800
_SIZES = "(min-width: 72rem) 70rem, 100vw"


@register.inclusion_tag("public/_picture.html")
def screen(name: str, *, alt: str, sizes: str = _SIZES, eager: bool = False) -> dict[str, object]:
    """`eager` is for the one picture that is seen before scrolling."""
    width, height = _size(settings.BASE_DIR / "static" / "img" / "shots" / f"{name}.webp")
    light, dark = (f"img/shots/{name}{theme}" for theme in ("", "-dark"))
    return {
        "source": static(f"{light}.webp"),
        "light": f"{static(f'{light}-{SMALL}.webp')} {SMALL}w, {static(f'{light}.webp')} {width}w",
        "dark": f"{static(f'{dark}-{SMALL}.webp')} {SMALL}w, {static(f'{dark}.webp')} {width}w",
        "alt": alt,
        "sizes": sizes,
        "eager": eager,
        "width": width,
        "height": height,
    }


@cache
def _size(file: Path) -> tuple[int, int]:
    with Image.open(file) as image:
        return image.size
