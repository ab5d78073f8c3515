"""The colours of static/src/tokens.css: text can be read, and series stay apart for every kind of colour vision."""

import math
import re
from itertools import combinations

import pytest
from django.conf import settings

Rgb = tuple[float, float, float]
THEMES = ("light", "dark")
CSS = (settings.BASE_DIR / "static/src/tokens.css").read_text()
SERIES = [f"series-{number}" for number in range(1, 7)]
TEXT = [
    ("foreground", "background"),
    ("foreground", "card"),
    ("foreground", "popover"),
    ("foreground", "muted"),
    ("muted-foreground", "background"),
    ("muted-foreground", "card"),
    ("muted-foreground", "muted"),
    ("muted-foreground", "popover"),
    ("sidebar-foreground", "sidebar"),
    ("primary-foreground", "primary"),
    ("ink", "card"),
    ("good", "good-soft"),
    ("warn", "warn-soft"),
    ("bad", "bad-soft"),
    ("busy", "busy-soft"),
    ("bad", "card"),
    ("background", "bad"),
]
# What a field is known by (WCAG 1.4.11), on every ground that fields stand on.
EDGES = ["background", "card", "popover", "muted", "field"]
# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
VISIONS = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red cones": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "no green cones": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "no blue cones": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def colour(name: str, theme: str) -> Rgb:
    """Linear RGB of a token in one theme."""
    value = re.search(rf"--{re.escape(name)}: ([^;]+);", CSS)
    assert value, f"no token is called {name}"
    if link := re.fullmatch(r"var\(--([a-z-]+)\)", value[1]):
        return colour(link[1], theme)
    found = re.findall(r"oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)", value[1])
    return from_oklch(*map(float, found[THEMES.index(theme) if len(found) > 1 else 0]))


def from_oklch(light: float, chroma: float, hue: float) -> Rgb:
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _within(4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short),
        _within(-1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short),
        _within(-0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short),
    )


def _within(channel: float) -> float:
    return min(1.0, max(0.0, channel))


def contrast(one: Rgb, other: Rgb) -> float:
    dark, light = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (one, other))
    return (light + 0.05) / (dark + 0.05)


def seen(rgb: Rgb, vision: str) -> Rgb:
    red, green, blue = (_within(sum(m * c for m, c in zip(row, rgb, strict=True))) for row in VISIONS[vision])
    return red, green, blue


def oklab(rgb: Rgb) -> Rgb:
    r, g, b = rgb
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    middle = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def distance(one: Rgb, other: Rgb, vision: str) -> float:
    return math.dist(oklab(seen(one, vision)), oklab(seen(other, vision)))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("text", "ground"), TEXT)
def test_text_can_be_read(text: str, ground: str, theme: str) -> None:
    assert contrast(colour(text, theme), colour(ground, theme)) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("series", [*SERIES, "other", "ring"])
def test_what_is_drawn_stands_out(series: str, theme: str) -> None:
    assert contrast(colour(series, theme), colour("card", theme)) >= 3


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", EDGES)
def test_fields_are_seen_as_fields(ground: str, theme: str) -> None:
    assert contrast(colour("input", theme), colour(ground, theme)) >= 3


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("vision", VISIONS)
def test_series_stay_apart(vision: str, theme: str) -> None:
    """0.1 in OKLab is five times what the eye can just tell apart side by side."""
    colours = {name: colour(name, theme) for name in SERIES}
    near = [
        (one, other) for one, other in combinations(SERIES, 2) if distance(colours[one], colours[other], vision) < 0.1
    ]
    assert near == []


def test_two_greys_are_found_too_near() -> None:
    assert distance(from_oklch(0.6, 0, 0), from_oklch(0.65, 0, 0), "all cones") < 0.1
    assert contrast((1, 1, 1), (0, 0, 0)) == pytest.approx(21)


def test_red_and_green_meet_without_red_cones() -> None:
    red, green = from_oklch(0.6, 0.15, 30), from_oklch(0.6, 0.12, 120)
    assert distance(red, green, "no red cones") < distance(red, green, "all cones") / 1.5
