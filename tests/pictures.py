"""`python -m tests.pictures`: the pictures of the product that its public pages, documents and README show.

Screens of the demo project, light and dark, as WebP; the card that links to the site are shown with; the icons. What
this writes is committed: run it again when screens have changed.
"""

import io
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import Browser, Locator, Page

from config.embedded.place import BASE_DIR
from config.templatetags.pictures import SMALL
from tests.benchmarks import stack
from tests.journeys.browser import launch
from tests.shots import session_of

if TYPE_CHECKING:
    from tests.scenery import Scenery

STATIC, DOCS = BASE_DIR / "static" / "img", BASE_DIR / "docs" / "img"
IN_DOCS = ("overview", "answer", "prompts")
THEMES = ("light", "dark")
INK = "#1f3766"
QUALITY = 84


@dataclass(frozen=True, kw_only=True)
class Screen:
    """A page of the demo project; `part` chooses a piece of it, of which the upper `cut` pixels are shown. Pieces are
    taken sharper: they are shown larger."""

    name: str
    path: str
    part: Callable[[Page], Locator] | None = None
    width: int = 1440
    height: int = 900
    cut: int = 900
    sharpness: float = 1


def main() -> int:
    stack.alone()
    stack.prepare()
    # The browser's loop lives in this thread, where Django would refuse the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with stack.shipped("simulator", "web", "worker", "beat") as ports:
        from tests import scenery

        scene = scenery.build(simulator=f"http://127.0.0.1:{ports['simulator']}")
        site = f"http://localhost:{ports['web']}"
        with launch() as browser:
            for theme in THEMES:
                _screens(browser, scene, site, theme=theme)
            _card(browser, site)
            _icons(browser)
    written = [*STATIC.rglob("*.*"), *DOCS.glob("*.*")]
    for file in sorted(written):
        print(f"{file.stat().st_size / 1024:7.1f} kB  {file.relative_to(BASE_DIR)}")
    return 0


def _screens(browser: Browser, scene: "Scenery", site: str, *, theme: str) -> None:
    for screen in _all(scene):
        context = browser.new_context(
            base_url=site,
            viewport={"width": screen.width, "height": screen.height},
            color_scheme="dark" if theme == "dark" else "light",
            locale="en-US",
            device_scale_factor=screen.sharpness,
        )
        context.add_cookies([{"name": "sessionid", "value": session_of(scene.user), "url": site}])
        page = context.new_page()
        page.goto(screen.path)
        page.evaluate("document.fonts.ready")
        taken = Image.open(io.BytesIO(_take(page, screen))).convert("RGB")
        context.close()
        _write(taken, name=f"{screen.name}-dark" if theme == "dark" else screen.name, in_docs=screen.name in IN_DOCS)


def _take(page: Page, screen: Screen) -> bytes:
    """The window, or the upper end of the chosen part."""
    if screen.part is None:
        return page.screenshot(animations="disabled")
    part = screen.part(page)
    whole = Image.open(io.BytesIO(part.screenshot(animations="disabled")))
    lowest = min(whole.height, round(screen.cut * screen.sharpness))
    output = io.BytesIO()
    whole.crop((0, 0, whole.width, lowest)).save(output, "PNG")
    return output.getvalue()


def _all(scene: "Scenery") -> list[Screen]:
    from tests.scenery import answer_of

    project = f"/o/{scene.org.slug}/p/{scene.project.slug}/"
    answer = answer_of(scene.latest, status="succeeded", mentions__brand__is_own=True)
    return [
        Screen(name="overview", path=project),
        Screen(
            name="intervals",
            path=project,
            part=lambda page: page.locator(".panel:has(.cbar, .ibar)").first,
            sharpness=2,
        ),
        Screen(
            name="answer",
            path=f"{project}answers/{answer.pk}/",
            part=lambda page: page.locator("#content"),
            width=1240,
            height=1800,  # the bar at the top of the window stands still over what is scrolled
            cut=680,
            sharpness=1.5,
        ),
        Screen(name="prompts", path=f"{project}prompts/"),
    ]


def _write(image: Image.Image, *, name: str, in_docs: bool) -> None:
    shots = STATIC / "shots"
    shots.mkdir(parents=True, exist_ok=True)
    small = image.resize((SMALL, round(image.height * SMALL / image.width)), Image.Resampling.LANCZOS)
    _save(image, shots / f"{name}.webp")
    _save(small, shots / f"{name}-{SMALL}.webp")
    if in_docs:
        _save(image, DOCS / f"{name}.webp")


def _save(image: Image.Image, file: Path) -> None:
    image.save(file, "WEBP", quality=QUALITY, method=6)


def _card(browser: Browser, site: str) -> None:
    """1200 x 630, as link previews want it: what it is, and what it looks like."""
    picture = (STATIC / "shots" / "overview.webp").as_uri()
    page = browser.new_page(viewport={"width": 1200, "height": 630}, color_scheme="light", base_url=site)
    file = stack.LOCAL / "card.html"
    file.write_text(_CARD.format(site=site, picture=picture, mark=(STATIC / "mark.svg").as_uri(), ink=INK))
    page.goto(file.as_uri(), wait_until="networkidle")
    page.evaluate("document.fonts.ready")
    taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    taken.quantize(colors=256, method=Image.Quantize.MEDIANCUT).save(STATIC / "card.png", optimize=True)
    page.close()


def _icons(browser: Browser) -> None:
    for size in (192, 512):
        _icon(browser, size=size).save(STATIC / f"icon-{size}.png", optimize=True)
    _icon(browser, size=180).convert("RGB").save(STATIC / "apple-touch-icon.png", optimize=True)
    _icon(browser, size=64).save(STATIC / "favicon.ico", sizes=[(16, 16), (32, 32), (48, 48)])


def _icon(browser: Browser, *, size: int) -> Image.Image:
    page = browser.new_page(viewport={"width": size, "height": size})
    page.set_content(_ICON.format(ink=INK))
    taken = Image.open(io.BytesIO(page.screenshot(omit_background=True)))
    taken.load()
    page.close()
    return taken


_CARD = """<!doctype html><meta charset="utf-8">
<link rel="stylesheet" href="{site}/static/dist/app.css">
<body style="margin:0;width:1200px;height:630px;overflow:hidden;background:#fff;position:relative">
<div style="padding:56px 64px 0">
  <p style="display:flex;gap:14px;align-items:center;font-size:26px;font-weight:600;letter-spacing:-.02em">
    <img src="{mark}" width="36" height="36" alt="">Prompter</p>
  <h1 style="margin:26px 0 0;font-size:60px;line-height:1.08;letter-spacing:-.03em;max-width:1000px">
    See how AI assistants speak of your company</h1>
</div>
<img src="{picture}" alt=""
  style="position:absolute;left:64px;top:318px;width:1072px;border:1px solid #ddd;border-radius:12px">
"""
_ICON = """<!doctype html><body style="margin:0;background:transparent">
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" style="display:block;width:100vw;height:100vh">
<rect width="48" height="48" rx="10" fill="{ink}"/>
<g transform="translate(10.5 10.5) scale(1.125)">
<path fill="#fff" d="M4 3h16a1 1 0 0 1 1 1v11a1 1 0 0 1-1 1H9l-5 5a.6.6 0 0 1-1-.4V4a1 1 0 0 1 1-1Z"/>
<path fill="none" stroke="{ink}" stroke-width="2" stroke-linecap="round" d="M8 12V9.5M12 12V7M16 12v-1.5"/></g></svg>
"""

if __name__ == "__main__":
    sys.exit(main())
